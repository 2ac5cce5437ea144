"""What `marklens dataset analyze` does: the analysis, with the preprocessing's own eyes, and its report."""

from pathlib import Path

from marklens.cli.analysis_report import report
from marklens.core.artifacts import write_text
from marklens.core.errors import PictureError
from marklens.core.ink import find_ground, find_ink, ink_box
from marklens.core.ports import Dataset, Progress
from marklens.core.resources import StopFlag
from marklens.core.types import Pixels
from marklens.datasets.analysis.analyzer import Analysis, AnalysisOptions, analyze
from marklens.datasets.analysis.measuring import Inspection
from marklens.datasets.analysis.writing import write_analysis
from marklens.preprocessing.pipeline import PREPROCESSING_VERSION

REPORT = "report.html"


def run(
    dataset: Dataset, out: Path, workers: int, near_distance: int, progress: Progress, stop: StopFlag
) -> Analysis:
    """Analyse a dataset and write every file of the analysis."""
    recipe = f"preprocessing {PREPROCESSING_VERSION}"
    options = AnalysisOptions(inspect, recipe, workers, near_distance)
    analysis = analyze(dataset, out, options, progress, stop)
    progress.start("write", None)
    write_analysis(out, analysis)
    write_text(out / REPORT, report(analysis))
    return analysis


def inspect(picture: Pixels) -> Inspection:
    """Ground and ink of a picture as the index build sees them.

    Raises:
        PictureError: blank, where the index build finds it blank.
    """
    ground = find_ground(picture)
    ink = find_ink(picture, ground)
    box = ink_box(ink)
    if box is None:
        raise PictureError("blank", "one flat colour, there is no mark on it")
    red, green, blue = ground.color.tolist()
    return Inspection((red, green, blue), ground.uniform, float(ink.mean()), box)
