"""Recall and time of the HNSW graph under filters, against an exact scan of the allowed vectors.

Vectors are drawn in clusters of unequal sizes with a falling spectrum, as PCA leaves them. Filters let marks
pass at random (years, offices) or by whole clusters (Vienna codes: what looks alike is coded alike); the
queries come from all clusters, the worst case for a graph.

    python benchmarks/filtered_recall.py --count 60000 --dims 512
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.table import Table

from marklens.core.artifacts import write_json
from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors
from marklens.retrieval.faiss_store import FaissStore

SHARES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5, 0.3, 0.1, 0.03, 0.01)


@dataclass(frozen=True, slots=True)
class Row:
    """One filter: recall of the graph and milliseconds a query, asked one at a time."""

    filter: str
    share: float
    k: int
    recall: float
    graph_ms: float
    scan_ms: float


def main(
    count: Annotated[int, typer.Option(help="vectors in the store")] = 60_000,
    dims: Annotated[int, typer.Option(help="their length")] = 512,
    queries: Annotated[int, typer.Option(help="queries for each filter")] = 50,
    ef_search: Annotated[list[int] | None, typer.Option(help="unfiltered, also measure these ef")] = None,
    threads: Annotated[int, typer.Option(help="threads that build the graph, 0 for all")] = 0,
    json: Annotated[Path | None, typer.Option(help="write the numbers to this file")] = None,
) -> None:
    vectors, labels = clustered(count + queries, dims)
    store = FaissStore(dims, threads=threads)
    start = time.perf_counter()
    store.add(np.arange(count) << VIEW_BITS, vectors[:count])
    build = time.perf_counter() - start
    asked = vectors[count:]
    ef = [
        row for width in ef_search or [] for k in (100, 1000) for row in [measure_ef(store, asked, width, k)]
    ]
    store.ef_search = FaissStore(dims).ef_search
    rows = [
        measure(store, asked, allowed, name, k)
        for name, allowed in filters(labels[:count])
        for k in (100, 1000)
    ]
    for title, part in ((f"{count} × {dims}, built in {build:.1f} s", rows), ("unfiltered, by ef", ef)):
        if part:
            Console().print(table(title, part))
    if json:
        setup = {"count": count, "dims": dims, "threads": threads, "build_s": build}
        write_json(
            json, {**setup, "filters": [asdict(row) for row in rows], "ef": [asdict(row) for row in ef]}
        )


def clustered(count: int, dims: int) -> tuple[Vectors, npt.NDArray[np.int64]]:
    """Unit vectors (count, dims) and the cluster of each (count,), about 40 vectors a cluster."""
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, dims + 1) ** -0.35
    weights = rng.pareto(1.2, max(1, count // 40)) + 0.2
    labels = rng.choice(len(weights), count, p=weights / weights.sum())
    centres = rng.normal(size=(len(weights), dims)) * spectrum
    vectors = (centres[labels] + 0.8 * rng.normal(size=(count, dims)) * spectrum).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def filters(labels: npt.NDArray[np.int64]) -> list[tuple[str, Bools]]:
    rng = np.random.default_rng(1)
    found = [("random", np.asarray(rng.random(len(labels)) < share)) for share in SHARES]
    order = rng.permutation(labels.max() + 1)
    filled = np.bincount(labels, minlength=len(order))[order].cumsum()
    for share in SHARES[1:]:
        whole = order[: max(1, np.searchsorted(filled, share * len(labels)))]
        found.append(("clusters", np.isin(labels, whole)))
    return found


def measure(store: FaissStore, asked: Vectors, allowed: Bools, name: str, k: int) -> Row:
    share = float(allowed.mean())
    graph_ms, graph = timed(asked, lambda query: store._search_graph(query, k, share, allowed))
    scan_ms, scan = timed(asked, lambda query: store.search(query, k, allowed, exact=True))
    return Row(name, share, k, recall(graph, scan), graph_ms, scan_ms)


def measure_ef(store: FaissStore, asked: Vectors, ef_search: int, k: int) -> Row:
    store.ef_search = ef_search
    graph_ms, graph = timed(asked, lambda query: store._search_graph(query, k, 1.0, None))
    scan_ms, scan = timed(asked, lambda query: store.search(query, k, exact=True))
    return Row(f"ef {max(ef_search, k)}", 1.0, k, recall(graph, scan), graph_ms, scan_ms)


def timed(asked: Vectors, search: Callable[[Vectors], tuple[Vectors, Ids]]) -> tuple[float, list[Ids]]:
    search(asked[:1])
    start = time.perf_counter()
    found = [search(asked[row : row + 1])[1][0] for row in range(len(asked))]
    return (time.perf_counter() - start) / len(asked) * 1e3, found


def recall(found: list[Ids], expected: list[Ids]) -> float:
    shares = [np.isin(b[b >= 0], a).mean() for a, b in zip(found, expected, strict=True) if (b >= 0).any()]
    return float(np.mean(shares))


def table(title: str, rows: list[Row]) -> Table:
    columns: list[tuple[str, Callable[[Row], Any]]] = [
        ("filter", lambda row: row.filter),
        ("share", lambda row: f"{row.share:.2f}"),
        ("k", lambda row: str(row.k)),
        ("recall of the graph", lambda row: f"{row.recall:.3f}"),
        ("graph, ms", lambda row: f"{row.graph_ms:.2f}"),
        ("scan, ms", lambda row: f"{row.scan_ms:.2f}"),
    ]
    printed = Table(*(name for name, _ in columns), title=title)
    for row in rows:
        printed.add_row(*(cell(row) for _, cell in columns))
    return printed


if __name__ == "__main__":
    typer.run(main)
