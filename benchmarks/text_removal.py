"""Text removal against a ground truth: how much text goes, how much of the figure goes with it, how fast.

    npm pack @iconify/json && marklens dataset import-icons iconify-json-*.tgz --out logos --which logos
    python -m benchmarks.fetch_fonts --out fonts
    python -m benchmarks.text_removal --dataset logos --fonts fonts --work build/text --split val

Text recall: share of the text's ink inside the mask, mean over the pictures with text beside a figure.
Figure lost: share of the figure's ink whose colour the removal changes, mean over all pictures with a figure.
Both go through the same pipeline as an index build, its rules included.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from time import process_time
from typing import Annotated, Any

import cv2
import typer

from benchmarks.reporting import report
from benchmarks.text_truth import Truth, made, real
from marklens.assembly import make_view_maker
from marklens.core.ink import GROUND_TOLERANCE, find_ground
from marklens.core.types import Bools, Pixels
from marklens.datasets.icons.brand_split import SPLITS
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_masker import remove_text

CASES = (
    "none:256:0.5",
    "tesseract:256:0.5", "tesseract:512:0.3", "tesseract:512:0.5", "tesseract:768:0.5",
    "ppocr:192:0.6", "ppocr:256:0.4", "ppocr:256:0.6", "ppocr:256:0.8", "ppocr:384:0.6", "ppocr:736:0.6",
    "lettering:192:0.5", "lettering:256:0.3", "lettering:256:0.5", "lettering:256:0.7",
)  # fmt: skip
"""Detector, side, confidence."""
BARE = {"symbol only", "lone letter"}
DAMAGED = 0.05
"""Share of its ink that a bare symbol must lose to count as damaged."""


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    fonts: Annotated[Path, typer.Option(help="WOFF files, see benchmarks.fetch_fonts.")],
    work: Annotated[Path, typer.Option(help="Where what was read is kept.")],
    split: Annotated[str, typer.Option(help="Of brands and fonts: val or test.")] = "val",
    count: Annotated[int, typer.Option(help="Made lock-ups.")] = 1000,
    case: Annotated[list[str] | None, typer.Option(help="detector:side:confidence; all without it.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Score every case."""
    cv2.setNumThreads(1)
    chosen = next(name for name in SPLITS if name == split)
    truths = [*made(dataset, fonts, work, chosen, count), *real(dataset, chosen)]
    rows = [score_case(name, truths) for name in case or CASES]
    reals = sum(truth.layout == "real" for truth in truths)
    report(f"Text removal, {count} made and {reals} real lock-ups of the {split} split", rows, json)
    best = max(rows, key=lambda row: float(row["text recall"]) - 2 * float(row["figure lost"]))
    by_layout = score_groups(best["case"], truths, "layout")
    report(f"By layout, {best['case']}", by_layout, json and json.with_suffix(".layouts.json"))
    by_script = score_groups(best["case"], truths, "script")
    report(f"By script, {best['case']}", by_script, json and json.with_suffix(".scripts.json"))


def make_maker(case: str) -> ViewMaker:
    """A pipeline from ``detector:side:confidence``."""
    detector, side, confidence = case.split(":")
    options = ViewOptions(detector=detector, detector_side=int(side), confidence=float(confidence))
    return make_view_maker(options)


def score_case(case: str, truths: Sequence[Truth]) -> dict[str, Any]:
    """One row: quality on made and real lock-ups, CPU time a picture."""
    maker = make_maker(case)
    find(maker, truths[0].picture)  # loads what it needs
    started = process_time()
    masks = [find(maker, truth.picture) for truth in truths]
    spent = process_time() - started
    scored = list(zip(truths, masks, strict=True))
    synthetic = [pair for pair in scored if pair[0].layout != "real"]
    registered = [pair for pair in scored if pair[0].layout == "real"]
    return {
        "case": case,
        **_quality(synthetic),
        "bare damaged": mean(lost(*pair) > DAMAGED for pair in synthetic if pair[0].layout in BARE),
        **{f"real: {name}": value for name, value in _quality(registered).items()},
        "CPU ms": spent / len(truths) * 1e3,
    }


def score_groups(case: str, truths: Sequence[Truth], field: str) -> list[dict[str, Any]]:
    """One row for each layout or script."""
    maker = make_maker(case)
    names = sorted({getattr(truth, field) for truth in truths} - {""})
    rows = []
    for name in names:
        group = [truth for truth in truths if getattr(truth, field) == name]
        pairs = [(truth, find(maker, truth.picture)) for truth in group]
        rows.append({field: name, "pictures": len(group), **_quality(pairs)})
    return rows


def find(maker: ViewMaker, picture: Pixels) -> Bools | None:
    """The mask that the pipeline would remove."""
    return maker.find_text(picture, find_ground(picture)).mask


def recall(truth: Truth, mask: Bools | None) -> float:
    """Share of the text's ink inside the mask."""
    return 0.0 if mask is None else float(mask[truth.text].mean())


def lost(truth: Truth, mask: Bools | None) -> float:
    """Share of the figure's ink whose colour the removal changes."""
    if mask is None:
        return 0.0
    filled = remove_text(truth.picture, mask, find_ground(truth.picture))
    changed = cv2.absdiff(filled, truth.picture).max(axis=2) > GROUND_TOLERANCE
    return float(changed[truth.figure].mean())


def _quality(scored: Sequence[tuple[Truth, Bools | None]]) -> dict[str, float]:
    """Means over pictures; a word mark alone keeps its text by design and does not count for recall."""
    beside = [pair for pair in scored if pair[0].text.any() and pair[0].layout != "words only"]
    figures = [pair for pair in scored if pair[0].figure.any()]
    nan = float("nan")
    return {
        "text recall": mean(recall(*pair) for pair in beside) if beside else nan,
        "figure lost": mean(lost(*pair) for pair in figures) if figures else nan,
    }


if __name__ == "__main__":
    typer.run(main)
