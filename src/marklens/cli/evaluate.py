"""`marklens evaluate`: how good is an index at finding what belongs together?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

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
        Path | None,
        typer.Option(
            help='JSON: {"group": ["file", …]}: files that ought to find each other. Or a folder of METU\'s '
            "queries, <instance>-<group>.jpg."
        ),
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="similar_pairs.json of 'marklens dataset pairs', instead of groups.")
    ] = None,
    grades: Annotated[
        str, typer.Option(help="Grades of the pairs that count; 'duplicate' is one more.")
    ] = "gold,strong,weak",
    protocol: Annotated[
        Literal["default", "metu"],
        typer.Option(help="default: the query leaves its ranking; metu: it stays and is relevant too."),
    ] = "default",
    depth: Annotated[
        str, typer.Option(help="How many candidates to ask for; 'all' ranks the whole gallery exactly.")
    ] = "1000",
    no_rerank: Annotated[
        bool, typer.Option("--no-rerank", help="Stop after stage 1: only compare the pictures as a whole.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Search for every file of every group and measure how well the others of its group are found.

    Queries are marks of the index and use their stored vectors, so no picture is read; the latency is that of
    stage 1 and what follows it.

    Example: marklens evaluate --index my-index --groups groups.json
    """
    from loguru import logger

    from marklens.assembly import open_engine
    from marklens.settings import load_settings

    if (groups is None) == (pairs is None):
        raise UsageError("give --groups or --pairs: which files ought to find each other")
    if pairs is not None and protocol == "metu":
        raise UsageError("--protocol metu is for --groups: in a pair the query is not its own partner")
    chosen = _grades(grades)
    engine = open_engine(index, load_settings())
    candidates = _depth(depth, engine)
    with shown_progress() as progress:
        asked = _asked(engine, groups, pairs, chosen, protocol)
        evaluation = measure(engine, asked, candidates, progress, rerank=not no_rerank)
    if as_json:
        if asked.faults:
            logger.warning("{}", asked.faults)
        print_json(evaluation.to_json())
    else:
        _print(evaluation, asked.faults)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What an evaluation asks.

    Attributes:
        queries: with their right answers.
        faults: what was left out, in one line.
        config: for the report.
    """

    queries: "Sequence[Query]"
    faults: str
    config: "Mapping[str, Any]"


def ask_groups(engine: "Engine", groups: Path, protocol: "Protocol") -> Benchmark:
    """The queries of a groups file."""
    from marklens.evaluation.protocols import group_queries, read_groups
    from marklens.evaluation.report import faults_line

    files = engine.catalog.files()
    known = read_groups(groups, files)
    config = {"protocol": protocol, "groups": len(known.members)}
    return Benchmark(group_queries(known, files, protocol), faults_line(known.faults), config)


def measure(
    engine: "Engine", asked: Benchmark, depth: int, progress: "Progress", rerank: bool = True
) -> "Evaluation":
    """Evaluate an opened index; with stage 2 if that is wanted and the index can."""
    from marklens.evaluation.evaluator import evaluate as run

    gallery = engine.catalog.counts().marks
    progress.start("evaluate", len(asked.queries))
    config = {
        **asked.config,
        "depth": "all" if depth >= gallery else depth - 1,  # the query itself came on top
        "queries": "stored vectors",
        "rerank": rerank and engine.reranks,
        **engine.recipe,
    }
    return run(asked.queries, _ranker(engine, depth, progress, rerank), gallery, config)


def _asked(
    engine: "Engine", groups: Path | None, pairs: Path | None, grades: Sequence[str], protocol: "Protocol"
) -> Benchmark:
    from marklens.evaluation.protocols import read_pairs
    from marklens.evaluation.report import faults_line

    if groups is not None:
        return ask_groups(engine, groups, protocol)
    assert pairs is not None  # the command checked that one of them is given
    queries, faults = read_pairs(pairs, engine.catalog.files(), grades)
    config = {"protocol": protocol, "pairs": str(pairs), "grades": list(grades)}
    return Benchmark(queries, faults_line(faults), config)


def _grades(text: str) -> tuple[str, ...]:
    from marklens.datasets.pairs import Grade

    grades, known = tuple(part.strip() for part in text.split(",")), get_args(Grade)
    if not set(grades) <= set(known):
        raise UsageError(f"--grades takes some of {','.join(known)}, not '{text}'")
    return grades


def _ranker(engine: "Engine", depth: int, progress: "Progress", rerank: bool) -> Any:
    import numpy as np

    from marklens.evaluation.evaluator import Ranking

    def rank(queries: Sequence["Query"]) -> Iterator["Ranking"]:
        for query in queries:
            assert query.own is not None  # group queries are marks of the gallery
            started = perf_counter()
            if rerank and engine.reranks:
                found = [(hit.candidate.number, hit.score) for hit in engine.ranked(query.own, depth)]
            else:  # by the bare cosine: marks below 0 would tie
                found = [(mark.number, mark.score) for mark in engine.similar(query.own, depth)]
            milliseconds = (perf_counter() - started) * 1e3
            numbers = np.array([number for number, _ in found], np.int64)
            yield Ranking(numbers, np.array([score for _, score in found]), milliseconds)
            progress.advance(1)

    return rank


def _depth(text: str, engine: "Engine") -> int:
    if text == "all":
        return engine.catalog.capacity
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise UsageError(f"--depth takes a number or 'all', not '{text}'")
    return int(text) + 1  # the query itself will leave


def _print(evaluation: "Evaluation", faults: str) -> None:
    from rich.console import Console

    from marklens.evaluation.report import measures_table, worst_queries_table

    console = Console()
    console.print(measures_table(evaluation))
    console.print(worst_queries_table(evaluation))
    if faults:
        console.print(f"left out of the groups: {faults}", highlight=False, markup=False)
