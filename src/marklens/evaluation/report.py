"""The tables of an evaluation for the terminal; the document for programs is `Evaluation.to_json`."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from marklens.core.types import Fault
from marklens.evaluation.evaluator import Evaluation

if TYPE_CHECKING:
    from rich.table import Table

MEASURES = {
    "map_at_100": ("mAP@100", "higher is better"),
    "nar": ("NAR", "lower is better, 0 is perfect, 0.5 is chance"),
    "recall_at_1": ("Recall@1", "queries whose first hit is relevant"),
    "recall_at_10": ("Recall@10", "relevant marks found in the first 10"),
    "recall_at_100": ("Recall@100", "relevant marks found in the first 100"),
    "precision_at_10": ("Precision@10", "relevant marks in the first 10, divided by 10"),
    "r_precision": ("R-precision", "relevant marks in the first n, where n are relevant"),
}
"""Field of `Measures` to its name and meaning for people."""


def measures_table(evaluation: Evaluation) -> "Table":
    """The means, one a line, with what they mean, and the latency percentiles."""
    from rich.table import Table

    queries = len(evaluation.results)
    table = Table(title=f"{queries:,} queries among {evaluation.gallery:,} marks", title_justify="left")
    table.add_column("measure")
    table.add_column("value", justify="right")
    table.add_column("meaning", style="dim")
    for field, (name, meaning) in MEASURES.items():
        table.add_row(name, f"{getattr(evaluation.means, field):.4f}", meaning)
    for name, value in evaluation.latency_ms().items():
        if value is not None:
            table.add_row(f"latency {name}", f"{value:.1f} ms", "of one search")
    return table


def worst_queries_table(evaluation: Evaluation, limit: int = 10) -> "Table":
    """The queries with the lowest average precision: where to look first."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"The {min(limit, len(evaluation.results))} hardest queries", title_justify="left")
    table.add_column("query")
    for heading in ("AP@100", "found", "best rank", "worst rank found"):
        table.add_column(heading, justify="right")
    worst = sorted(evaluation.results, key=lambda result: result.measures.map_at_100)[:limit]
    for result in worst:
        best, last = (str(result.ranks[0]), str(result.ranks[-1])) if result.ranks else ("–", "–")
        found = f"{len(result.ranks)} of {len(result.query.relevant)}"
        table.add_row(escape(result.query.name), f"{result.measures.map_at_100:.3f}", found, best, last)
    return table


def faults_line(faults: Sequence[Fault]) -> str:
    """One line that counts the faults by kind, the most frequent first, each with an example."""
    counts = Counter(fault.kind for fault in faults)
    examples = {fault.kind: fault.item for fault in reversed(faults)}
    return "; ".join(f"{count} × {kind} (e.g. {examples[kind]})" for kind, count in counts.most_common())
