"""What text removal does to the search: full view only, view without text only, both; by detector and fill.

    python -m benchmarks.text_ablation --dataset logos --work build/ablation --split val

Two questions are asked of one gallery: a brand drawn by another hand, and the bare symbol of a lock-up (real
lock-ups of the icon packs, `training.lockups.real`). Every case is one index; the bundled reduction is used
for all, so that nothing but the views differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.brand_ranks import mean_measures, ranks_of
from benchmarks.chosen_marks import ChosenMarks
from benchmarks.reporting import report
from marklens import assembly, build_assembly
from marklens.cli.logs import configure_logs
from marklens.cli.progress import shown_progress
from marklens.core.artifacts import read_json
from marklens.core.resources import graceful_stop
from marklens.core.types import VIEW_BITS, Mark, Vectors, ViewKind
from marklens.datasets.icons.brand_split import SPLITS, Split
from marklens.datasets.opening import open_dataset
from marklens.indexing.folder import IndexFolder
from marklens.retrieval.candidates import WORDED
from marklens.retrieval.catalog import Catalog
from marklens.retrieval.vector_store import open_store
from marklens.settings import load_settings
from marklens.training.lockups.real import find_pairs

CASES = ("ppocr:256:0.6:flat", "tesseract:512:0.5:flat", "lettering:256:0.5:flat", "lettering:256:0.5:telea",
         "lettering:256:0.5:navier-stokes")  # fmt: skip
MODES = ("raw", "masked only", "both", "weighed")


@dataclass(frozen=True, slots=True)
class Question:
    """What shall be found.

    Attributes:
        query: a mark's place in the gallery.
        relevant: places of the right answers.
    """

    query: int
    relevant: tuple[int, ...]


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    work: Annotated[Path, typer.Option(help="Where the indexes go.")],
    split: Annotated[str, typer.Option(help="Brands to ask for: val or test.")] = "val",
    gallery: Annotated[int, typer.Option(help="Marks in all.")] = 8000,
    case: Annotated[
        list[str] | None, typer.Option(help="detector:side:confidence:fill; all without it.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Build what is missing and measure."""
    configure_logs(verbose=False, as_json=False)
    chosen = next(name for name in SPLITS if name == split)
    marks = choose(dataset, chosen, gallery)
    files = [mark.path.name for mark in marks]
    asked = {"brands": ask_brands(dataset, chosen, files), "lock-ups": _lockups(chosen, files)}
    rows = []
    for name in case or CASES:
        index = work / f"{split}-{name.replace(':', '-')}"
        share = _build(index, ChosenMarks(dataset, tuple(marks)), name)
        views = _load(index, files)
        for mode in MODES if name == (case or CASES)[0] else MODES[1:]:
            row = {"case": "" if mode == "raw" else name, "views": mode, "without text": share}
            for question, questions in asked.items():
                row |= {
                    f"{question} {metric}": value for metric, value in measure(views, questions, mode).items()
                }
            rows.append(row)
    sizes = ", ".join(f"{len(questions):,} of {name}" for name, questions in asked.items())
    report(f"Views on {split}, {len(marks):,} marks, queries: {sizes}", rows, json)


def choose(dataset: Path, split: Split, count: int) -> list[Mark]:
    """Every mark that is asked for or ought to be found, and others up to `count`, in the dataset's order."""
    marks = list(open_dataset(dataset).marks(lambda fault: None))
    named = {file for group in read_json(dataset / f"groups_{split}.json").values() for file in group}
    for pair in find_pairs((mark.path.name for mark in marks), split):
        named |= {pair.lockup, pair.symbol}
    free = [place for place, mark in enumerate(marks) if mark.path.name not in named]
    others = set(np.random.default_rng(0).permutation(free)[: max(0, count - len(named))].tolist())
    return [mark for place, mark in enumerate(marks) if mark.path.name in named or place in others]


def _build(index: Path, marks: ChosenMarks, case: str) -> float:
    """Build one index; the share of marks that have a view without text."""
    detector, side, confidence, fill = case.split(":")
    views = {
        "detector": detector, "detector_side": int(side), "confidence": float(confidence), "fill": fill,
        "read": False,
    }  # fmt: skip
    settings = load_settings(views=views, patches={"dims": 0})
    with shown_progress() as progress, graceful_stop() as stop:
        build_assembly.build(index, marks, settings, None, progress, stop)
    by_kind = assembly.open_engine(index, settings).catalog.view_counts()
    return by_kind.get(ViewKind.FIGURATIVE, 0) / by_kind[ViewKind.FULL]


def _load(index: Path, files: Sequence[str]) -> tuple[Vectors, Vectors]:
    """Full views and views without text, (n, dims) twice, in order; full again where it is alone."""
    folder, place = IndexFolder(index), {file: number for number, file in enumerate(files)}
    store = open_store(folder.vectors)
    full = np.zeros((len(files), store.dims), np.float32)
    with Catalog.open(folder.catalog) as catalog:
        named = catalog.files()
        kinds = catalog.view_kinds(named)
    for number, file in named.items():
        full[place[Path(file).name]] = store.vectors(np.array([number << VIEW_BITS], np.int64))[0]
    figurative = full.copy()
    for number, file in named.items():
        if ViewKind.FIGURATIVE in kinds[number]:
            id = np.array([number << VIEW_BITS | ViewKind.FIGURATIVE], np.int64)
            figurative[place[Path(file).name]] = store.vectors(id)[0]
    return full, figurative


def measure(views: tuple[Vectors, Vectors], questions: Sequence[Question], mode: str) -> dict[str, float]:
    full, figurative = views
    kinds = [full] if mode == "raw" else [figurative] if mode == "masked only" else [figurative, full]
    worded = WORDED if mode == "weighed" else 1.0
    rows = []
    for question in questions:
        pairs = np.array([kind @ other[question.query] for kind in kinds for other in kinds])
        pairs[1:] *= worded  # the first pair is without words, or both marks have but one view
        scores = pairs.max(axis=0)
        scores[question.query] = -np.inf
        rows.append((ranks_of(scores, question.relevant), len(question.relevant)))
    return mean_measures(rows)


def ask_brands(dataset: Path, split: Split, files: Sequence[str]) -> list[Question]:
    place = {file: number for number, file in enumerate(files)}
    questions = []
    for group in read_json(dataset / f"groups_{split}.json").values():
        members = [place[file] for file in group if file in place]
        questions += [
            Question(member, tuple(other for other in members if other != member))
            for member in members
            if len(members) > 1
        ]
    return questions


def _lockups(split: Split, files: Sequence[str]) -> list[Question]:
    place = {file: number for number, file in enumerate(files)}
    return [Question(place[pair.lockup], (place[pair.symbol],)) for pair in find_pairs(files, split)]


if __name__ == "__main__":
    typer.run(main)
