"""What `marklens dataset analyze` does: the analysis and its report."""

from pathlib import Path

from marklens.cli.analysis_report import report
from marklens.core.artifacts import write_text
from marklens.core.ports import Dataset, Progress
from marklens.core.resources import StopFlag
from marklens.datasets.analysis.analyzer import Analysis, AnalysisOptions, analyze
from marklens.datasets.analysis.measuring import inspect
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
