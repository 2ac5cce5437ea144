"""Vienna codes suggested for icons whose names say what they show.

    npm pack @iconify/json
    marklens dataset import-icons iconify-json-*.tgz --out icons --which all
    python -m benchmarks.vienna_suggestions --dataset icons --work build/vienna

`benchmarks/data/icon_vienna.tsv` gives words of icon names a Vienna division, by the wording of the
classification. An icon counts only if its name is one such word and words of style (``house-fill``, not
``house-lock``). Icons of one pack look alike, so those of the query's own pack do not vote. Real marks have
three codes each and are far less clear: for them, build their index and call ``marklens vienna evaluate``.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.reporting import report
from marklens import assembly, build_assembly
from marklens.classifying.measuring import HeldOut, measure
from marklens.classifying.voting import NEIGHBOURS, SHARPNESS, Level
from marklens.cli.logs import configure_logs
from marklens.cli.progress import shown_progress
from marklens.core.artifacts import write_text
from marklens.core.resources import graceful_stop
from marklens.core.types import Mark
from marklens.datasets.opening import open_dataset
from marklens.engine import Engine
from marklens.opened.vienna import bearers_of, left_out
from marklens.settings import load_settings

WORDS = Path(__file__).parent / "data" / "icon_vienna.tsv"
STYLES = frozenset({
    "fill", "filled", "outline", "outlined", "line", "light", "regular", "solid", "bold", "thin", "duotone",
    "twotone", "color", "alt", "alternate", "rounded", "sharp", "o", "s", "i", "b", "a", "icon", "sign",
    "emoji", "one", "two", "1", "2", "3", "12", "16", "20", "24", "28", "32", "48",
})  # fmt: skip
LEVEL: Level = "division"
LEAST = 4
"""Packs that must have drawn a word; else nobody could vote for it."""
NUMBERS, EXPONENTS = (5, 10, 20, 40), (1.0, 2.0, 4.0, 8.0)
"""Of neighbours, and of their scores, that are tried for tuning."""


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    work: Annotated[Path, typer.Option(help="Where manifest and index go.")],
    per_word: Annotated[int | None, typer.Option(help="Take only so many icons of a word.")] = None,
    limit: Annotated[int, typer.Option(help="Icons to ask for.")] = 1000,
    tune: Annotated[bool, typer.Option(help="Try other exponents and numbers of neighbours.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the rows as JSON.")] = None,
) -> None:
    """Write the manifest, build what is missing, measure."""
    configure_logs(verbose=False, as_json=False)
    rows = list(_rows(dataset, per_word))
    work.mkdir(parents=True, exist_ok=True)
    manifest = work / "manifest.jsonl"
    write_text(manifest, "".join(json.dumps(row) + "\n" for row in rows))
    settings = load_settings()
    with shown_progress() as progress:
        with graceful_stop() as stop:
            build_assembly.build(work / "index", open_dataset(manifest), settings, None, progress, stop)
        engine = assembly.open_engine(work / "index", settings)
        asked = list(left_out(engine, LEVEL, limit, progress, max(NUMBERS), apart="pack"))
    tried = [(k, s) for k in NUMBERS for s in EXPONENTS] if tune else [(NEIGHBOURS, SHARPNESS)]
    table = [_measured(engine, asked, *each) for each in tried]
    report(f"Vienna divisions of {len(asked):,} icons among {len(rows):,}", table, json_file)


def _rows(dataset: Path, per_word: int | None) -> Iterator[dict[str, Any]]:
    """Lines of a manifest for the icons whose names are clear."""
    codes = dict(line.split("\t") for line in WORDS.read_text(encoding="utf-8").splitlines())
    drawn: dict[str, list[tuple[str, Mark]]] = {}
    for mark in open_dataset(dataset).marks(lambda fault: None):
        pack, _, name = mark.path.stem.partition("--")
        words = [word for word in name.split("-") if word not in STYLES]
        if len(words) == 1 and words[0] in codes:
            drawn.setdefault(words[0], []).append((pack, mark))
    for word, icons in sorted(drawn.items()):
        if len({pack for pack, _ in icons}) < LEAST:
            continue
        step = 1 if per_word is None else max(1, len(icons) // per_word)
        for pack, mark in icons[::step][:per_word]:
            file = str(mark.path.resolve())
            yield {"file": file, "id": mark.path.stem, "vienna_codes": [codes[word]], "pack": pack}


def _measured(engine: Engine, asked: list[HeldOut], neighbours: int, sharpness: float) -> dict[str, Any]:
    near = [HeldOut(one.codes, one.neighbours[:neighbours]) for one in asked]
    found = measure(near, bearers_of(engine, LEVEL), LEVEL, sharpness)
    trust = " ".join(f"{sure:.2f}:{right:.2f}" for sure, right, _ in found.reliability)
    return {
        "neighbours": neighbours,
        "sharpness": f"{sharpness:g}",
        **{f"P@{k}": value for k, value in found.precision.items()},
        **{f"R@{k}": value for k, value in found.recall.items()},
        "R@5 usual": found.usual_recall[5],
        "confidence:right": trust,
    }


if __name__ == "__main__":
    typer.run(main)
