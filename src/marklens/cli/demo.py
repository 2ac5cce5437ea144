"""`marklens demo`: index real logos, search them with logos drawn by another hand, show what came back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from marklens.cli.options import JsonOption, print_json
from marklens.cli.progress import shown_progress
from marklens.core.errors import UsageError

if TYPE_CHECKING:
    from marklens.core.ports import Progress
    from marklens.core.types import Mark
    from marklens.engine import Engine
    from marklens.evaluation.evaluator import Evaluation, QueryResult
    from marklens.results import SearchResult

T = TypeVar("T")
DEPTH = 100
"""Hits asked for: enough to say at which rank a brand was found."""
TABLES = 3
ROWS_FOUND = 12
ROWS_FAILED = 8


@dataclass(frozen=True, slots=True)
class _Answer:
    """One query of the demo with what came back."""

    mark: "Mark"
    right: frozenset[int]
    result: "SearchResult"


def demo(
    out: Annotated[Path, typer.Option(help="Where logos, index and page go.")] = Path("build/demo"),
    limit: Annotated[int | None, typer.Option(min=1, help="Index only the first marks.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Index real logos, search them, print tables and write a page with pictures.

    The marks are the logos of the package simple-icons-pack; the queries are the same brands as Font Awesome
    drew them. Needs the extra 'demo'. A second call uses the index that is there.
    """
    from marklens.assembly import open_engine
    from marklens.build_assembly import build
    from marklens.core.artifacts import write_text
    from marklens.core.resources import graceful_stop
    from marklens.datasets.opening import open_dataset
    from marklens.datasets.pypi_logos import write_fontawesome_brands, write_simple_icons
    from marklens.settings import load_settings

    settings = load_settings()
    marks, queries = write_simple_icons(out / "marks"), write_fontawesome_brands(out / "queries")
    with shown_progress() as progress:
        with graceful_stop() as stop:
            build(out / "index", open_dataset(marks), settings, limit, progress, stop)
        engine = open_engine(out / "index", settings)
        started = perf_counter()
        answers = list(_ask(engine, open_dataset(queries).marks(lambda fault: None), progress))
        seconds = perf_counter() - started
    if not answers:
        raise UsageError(f"Font Awesome drew none of the first {limit} logos: give --limit 100 or more")
    evaluation = _measure(engine, answers)
    page = out / "demo.html"
    figures = _figures(evaluation, seconds)
    write_text(page, _page(engine, answers, evaluation, figures))
    if as_json:
        print_json({**evaluation.to_json(), "page": str(page), "index": str(out / "index")})
    else:
        _print(evaluation, answers, page, out / "index", out / "queries")


def _ask(engine: "Engine", queries: Iterable["Mark"], progress: "Progress") -> Iterable[_Answer]:
    """Search every query whose brand is among the marks."""
    files = engine.catalog.files()
    brands: dict[str, set[int]] = {}
    for number, mark in engine.catalog.marks(list(files)).items():
        brands.setdefault(mark.attributes["brand"], set()).add(number)
    known = [mark for mark in queries if mark.attributes["brand"] in brands]
    progress.start("search", len(known))
    from marklens.core.images import read_picture

    for mark in known:
        right = frozenset(brands[mark.attributes["brand"]])
        yield _Answer(mark, right, engine.search(read_picture(mark.path), top=DEPTH))
        progress.advance(1)


def _measure(engine: "Engine", answers: Sequence[_Answer]) -> "Evaluation":
    import numpy as np

    from marklens.evaluation.evaluator import Ranking, evaluate
    from marklens.evaluation.protocols import Query

    rankings = []
    for answer in answers:
        hits = answer.result.hits
        numbers = [engine.catalog.number(hit.mark.id) for hit in hits]
        scores = np.array([hit.score for hit in hits])
        rankings.append(Ranking(np.array(numbers, np.int64), scores, answer.result.timings_ms["total"]))
    asked = [Query(answer.mark.text or answer.mark.id, answer.right) for answer in answers]
    return evaluate(asked, lambda _: rankings, engine.catalog.counts().marks)


def _figures(evaluation: "Evaluation", seconds: float) -> dict[str, str]:
    return {
        "marks": f"{evaluation.gallery:,}",
        "queries": f"{len(evaluation.results):,}",
        "found first": f"{evaluation.means.recall_at_1:.0%}",
        "found in the first 10": f"{evaluation.means.recall_at_10:.0%}",
        "a query takes": f"{seconds / max(1, len(evaluation.results)) * 1e3:.0f} ms",
    }


def _best_rank(row: "QueryResult") -> int | None:
    return row.ranks[0] if row.ranks else None


def _page(
    engine: "Engine", answers: Sequence[_Answer], evaluation: "Evaluation", figures: Mapping[str, str]
) -> str:
    from marklens import __version__
    from marklens.pages.demo_page import DemoRow, demo_page

    def row(answer: _Answer, measured: "QueryResult") -> DemoRow:
        right = frozenset(mark.id for mark in engine.catalog.marks(list(answer.right)).values())
        name = answer.mark.text or answer.mark.id
        return DemoRow(name, answer.mark.path, answer.result.hits, right, _best_rank(measured))

    rows = [row(*pair) for pair in zip(answers, evaluation.results, strict=True)]
    found = [row for row in rows if row.best_rank == 1]
    failed = [row for row in rows if row.best_rank != 1]
    shown = [*_spread(found, ROWS_FOUND), *_spread(failed, ROWS_FAILED)]
    facts = {"model": engine.recipe["model"]["file"], "Marklens": __version__}
    title = f"{len(rows)} brands of Font Awesome, searched among {evaluation.gallery:,} logos of Simple Icons"
    return demo_page(title, figures, shown, facts)


def _spread(rows: Sequence[T], count: int) -> Sequence[T]:
    """A few rows spread over all."""
    return rows[:: max(1, len(rows) // count)][:count]


def _print(
    evaluation: "Evaluation", answers: Sequence[_Answer], page: Path, index: Path, queries: Path
) -> None:
    from rich.console import Console

    from marklens.cli.search import hits_table
    from marklens.evaluation.report import measures_table

    console = Console()
    for answer in _spread(answers, TABLES):
        console.print(hits_table(answer.result.hits[:5], f"Query: {answer.mark.text} ({answer.mark.file})"))
    console.print(measures_table(evaluation))
    example = answers[0].mark.path if answers else queries
    console.print(
        f"The page with the pictures: {page}\n"
        f"Search yourself:            marklens search {example} --index {index} --html results.html\n"
        "Index your own marks:       marklens index build PICTURES --index my-index",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
