"""The files an analysis leaves behind."""

from pathlib import Path

from marklens.core.artifacts import write_json, write_text
from marklens.datasets.analysis.analyzer import Analysis
from marklens.datasets.analysis.document import stats
from marklens.datasets.analysis.duplicates import write_groups
from marklens.datasets.analysis.summary import summary

STATS, SUMMARY, DUPLICATES, ERRORS = "stats.json", "summary.md", "duplicates.jsonl", "errors.jsonl"


def write_analysis(out: Path, analysis: Analysis) -> None:
    """Write ``stats.json``, ``summary.md``, ``duplicates.jsonl`` and ``errors.jsonl``, each atomically.

    The same dataset gives the same bytes, however often the analysis was stopped.
    """
    write_groups(out / DUPLICATES, analysis.duplicates, analysis.reading.files)
    analysis.reading.write_errors(out / ERRORS, analysis.failures)
    write_text(out / SUMMARY, summary(analysis))
    write_json(out / STATS, stats(analysis))
