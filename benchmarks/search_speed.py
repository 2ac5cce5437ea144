"""Latency of whole searches, and how much of the exact answer the graph finds.

python -m benchmarks.search_speed --index build/brands/views --queries 200
"""

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from benchmarks.reporting import report
from marklens import assembly
from marklens.core.images import read_picture
from marklens.engine import Engine
from marklens.settings import load_settings

DEPTH = 100


def main(
    index: Annotated[Path, typer.Option(help="A finished index whose pictures are still there.")],
    queries: Annotated[int, typer.Option(help="How many marks to search for.")] = 200,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Search for marks of the index from their pictures; compare the graph with an exact search."""
    started = perf_counter()
    engine = assembly.open_engine(index, load_settings())
    opened = (perf_counter() - started) * 1e3
    numbers = np.array(sorted(engine.catalog.files()))
    chosen = np.random.default_rng(1).choice(numbers, min(queries, len(numbers)), replace=False).tolist()
    report("One search, milliseconds", _latency(engine, chosen), json)
    recall = _recall(engine, chosen)
    memory = psutil.Process().memory_info().rss / 1e6
    facts = {
        "marks": len(numbers),
        "opened in ms": opened,
        f"graph Recall@{DEPTH}": recall,
        "memory MB": memory,
    }
    report("The graph against an exact search", [facts])


def _latency(engine: Engine, chosen: list[int]) -> list[dict[str, Any]]:
    laps: dict[str, list[float]] = {}
    for number, mark in engine.catalog.marks(chosen).items():
        started = perf_counter()
        picture = read_picture(mark.path)
        decoding = (perf_counter() - started) * 1e3
        timings = engine.search(picture).timings_ms
        total = timings["total"] + decoding
        for stage, value in {"decode": decoding, **timings, "total": total}.items():
            laps.setdefault(stage, []).append(value)
        assert number >= 0
    return [
        {"stage": stage, **{f"p{q}": float(np.percentile(values, q)) for q in (50, 95, 99)}}
        for stage, values in laps.items()
    ]


def _recall(engine: Engine, chosen: list[int]) -> float:
    """Share of the exact first `DEPTH` marks that the search at its default depth has among its own."""
    everything, shares = engine.catalog.capacity, []
    for number in chosen:
        found = {candidate.number for candidate in engine.similar(number, engine.depth)[:DEPTH]}
        exact = {candidate.number for candidate in engine.similar(number, everything)[:DEPTH]}
        shares.append(len(found & exact) / len(exact))
    return float(np.mean(shares))


if __name__ == "__main__":
    typer.run(main)
