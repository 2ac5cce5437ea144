"""`marklens evaluate`: how good is an index at finding what belongs together?"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marklens.cli.options import IndexOption, JsonOption, print_json
from marklens.cli.progress import shown_progress
from marklens.core.errors import UsageError

if TYPE_CHECKING:
    from marklens.core.ports import Progress
    from marklens.engine import Engine
    from marklens.evaluation.evaluator import Evaluation, Ranking
    from marklens.evaluation.protocols import Protocol, Query


def evaluate(
    index: IndexOption,
    groups: Annotated[
        Path, typer.Option(help='JSON: {"group": ["file", …]}; files of a group ought to find each other.')
    ],
    protocol: Annotated[
        str, typer.Option(help="default: the query leaves its ranking; metu: it stays and is relevant too.")
    ] = "default",
    depth: Annotated[
        str, typer.Option(help="How many candidates to ask for; 'all' ranks the whole gallery exactly.")
    ] = "1000",
    as_json: JsonOption = False,
) -> None:
    """Search for every file of every group and measure how well the others of its group are found.

    Queries are marks of the index and use their stored vectors, so no picture is read; the latency is that of
    stage 1 and what follows it.

    Example: marklens evaluate --index my-index --groups groups.json
    """
    from marklens.assembly import open_engine
    from marklens.settings import load_settings

    if protocol not in ("default", "metu"):
        raise UsageError(f"no protocol '{protocol}': choose default or metu")
    engine = open_engine(index, load_settings())
    with shown_progress() as progress:
        evaluation, faults = measure(engine, groups, protocol, _depth(depth, engine), progress)  # type: ignore[arg-type]
    if as_json:
        print_json(evaluation.to_json())
    else:
        _print(evaluation, faults)


def measure(
    engine: "Engine", groups: Path, protocol: "Protocol", depth: int, progress: "Progress"
) -> tuple["Evaluation", str]:
    """Evaluate an opened index; also return one line about the groups' faults."""
    from marklens.evaluation.evaluator import evaluate as run
    from marklens.evaluation.protocols import group_queries, read_groups
    from marklens.evaluation.report import faults_line

    files = engine.catalog.files()
    known = read_groups(groups, files)
    queries = group_queries(known, files, protocol)
    progress.start("evaluate", len(queries))
    config: dict[str, Any] = {
        "protocol": protocol,
        "depth": "all" if depth >= len(files) else depth,
        "groups": len(known.members),
        "queries": "stored vectors",
        **engine.recipe,
    }
    return run(queries, _ranker(engine, depth, progress), len(files), config), faults_line(known.faults)


def _ranker(engine: "Engine", depth: int, progress: "Progress") -> Any:
    import numpy as np

    from marklens.evaluation.evaluator import Ranking

    def rank(queries: Sequence["Query"]) -> Iterator["Ranking"]:
        for query in queries:
            assert query.own is not None  # group queries are marks of the gallery
            started = perf_counter()
            found = engine.similar(query.own, depth)
            milliseconds = (perf_counter() - started) * 1e3
            numbers = np.array([candidate.number for candidate in found], np.int64)
            yield Ranking(numbers, np.array([candidate.score for candidate in found]), milliseconds)
            progress.advance(1)

    return rank


def _depth(text: str, engine: "Engine") -> int:
    if text == "all":
        return engine.catalog.capacity
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"--depth takes a number or 'all', not '{text}'")
    return int(text) + 1  # the query itself will leave


def _print(evaluation: "Evaluation", faults: str) -> None:
    from rich.console import Console

    from marklens.evaluation.report import measures_table, worst_queries_table

    console = Console()
    console.print(measures_table(evaluation))
    console.print(worst_queries_table(evaluation))
    if faults:
        console.print(f"left out of the groups: {faults}", highlight=False)
