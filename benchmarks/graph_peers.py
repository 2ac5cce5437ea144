r"""Other libraries' HNSW graphs under our vectors: time to build, and time of a query at equal recall.

    pip install hnswlib usearch
    python -m benchmarks.graph_peers --index INDEX --count 100000 --json graph-peers.json

All have 32 links and 200 candidates while building, and answer one query at a time on one thread; how far
they look while searching is raised until they find what is wanted. Vectors beyond those of the index are made
up, see `benchmarks/grown_vectors.py`. A library that is not installed is left out. The last row is the store
that Marklens uses, as it is set.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.grown_vectors import write_rows
from benchmarks.reporting import report
from benchmarks.store_kinds import recall, timed
from marklens.core.types import VIEW_BITS, Ids, Vectors
from marklens.retrieval.faiss_forms import EF_CONSTRUCTION, LINKS, Plan, faiss_module, make_index
from marklens.retrieval.faiss_store import FaissStore

REACHES = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536)
"""efSearch, rising."""
RECALLS = (0.95, 0.98, 0.99)
Search = Callable[[Vectors, int], Ids]
"""The k best of one query (1, dims), looking so far: ids (k,)."""


def main(
    index: Annotated[Path | None, typer.Option(help="Whose vectors; none draws them.")] = None,
    count: Annotated[int, typer.Option(help="How many vectors.")] = 50_000,
    dims: Annotated[int, typer.Option(help="Their length, where they are drawn.")] = 512,
    queries: Annotated[int, typer.Option(help="Asked one at a time.")] = 200,
    k: Annotated[int, typer.Option(help="Results of a query.")] = 100,
    threads: Annotated[int, typer.Option(help="That build, 0 for all.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Build each graph, search it ever further, compare."""
    with tempfile.TemporaryDirectory() as folder:
        rows, asked = write_rows(Path(folder, "vectors"), index, count, dims, queries)
        vectors = np.concatenate(list(rows.blocks(count)))
    faiss = faiss_module()
    faiss.omp_set_num_threads(threads or faiss.omp_get_max_threads())
    truth, exact_ms = _timed(_flat(vectors, k), asked, 0)
    results = [_row("exact, numpy", recall=1.0, ms=exact_ms)]
    for name, make in {"FAISS": _faiss, "hnswlib": _hnswlib, "usearch": _usearch}.items():
        started = perf_counter()
        try:
            search = make(vectors, k, threads)
        except ImportError as error:
            typer.echo(f"{name} is left out: {error}")
            continue
        results.append(_row(name, perf_counter() - started) | _at_recalls(search, asked, truth))
    results.append(_ours(vectors, asked, k, truth))
    report(f"{count:,} vectors of {vectors.shape[1]} dims, {rows.real:,} of an index; k {k}", results, json)


def _row(library: str, build: float = np.nan, recall: float = np.nan, ms: float = np.nan) -> dict[str, Any]:
    """One line of the table; what does not apply is no number."""
    asked = {f"p50 ms at {wanted}": np.nan for wanted in RECALLS}
    return {"library": library, "build s": build, **asked, "recall": recall, "p50 ms": ms}


def _at_recalls(search: Search, asked: Vectors, truth: Ids) -> dict[str, float]:
    """Milliseconds at each of `RECALLS`, between the two reaches that enclose it."""
    recalls, milliseconds = [], []
    for reach in REACHES:
        found, spent = _timed(search, asked, reach)
        recalls.append(recall(found, truth))
        milliseconds.append(spent)
        if recalls[-1] > RECALLS[-1]:
            break
    return {
        f"p50 ms at {wanted}": float(np.interp(wanted, recalls, milliseconds))
        if wanted <= max(recalls)
        else np.nan
        for wanted in RECALLS
    }


def _timed(search: Search, asked: Vectors, reach: int) -> tuple[Ids, float]:
    """What is found (queries, k), and the median of the milliseconds."""
    found, milliseconds = timed(lambda query: search(query, reach), asked)
    return found, float(np.median(milliseconds))


def _flat(vectors: Vectors, k: int) -> Search:
    def search(query: Vectors, _: int) -> Ids:
        products = vectors @ query[0]
        best = np.argpartition(-products, k)[:k]
        return np.asarray(best[np.argsort(-products[best])], np.int64)

    return search


def _faiss(vectors: Vectors, k: int, threads: int) -> Search:
    faiss = faiss_module()
    index = make_index(vectors.shape[1], "fp32", Plan(views=len(vectors)))
    index.add(vectors)

    def search(query: Vectors, reach: int) -> Ids:
        return np.asarray(
            index.search(query, k, params=faiss.SearchParametersHNSW(efSearch=reach))[1][0], np.int64
        )

    return search


def _hnswlib(vectors: Vectors, k: int, threads: int) -> Search:
    import hnswlib

    index = hnswlib.Index("ip", vectors.shape[1])
    index.init_index(len(vectors), EF_CONSTRUCTION, LINKS)
    index.add_items(vectors, num_threads=threads or -1)

    def search(query: Vectors, reach: int) -> Ids:
        index.set_ef(max(reach, k))
        return np.asarray(index.knn_query(query, k, num_threads=1)[0][0], np.int64)

    return search


def _usearch(vectors: Vectors, k: int, threads: int) -> Search:
    from usearch.index import Index

    index = Index(
        ndim=vectors.shape[1], metric="ip", dtype="f32", connectivity=LINKS, expansion_add=EF_CONSTRUCTION
    )
    index.add(np.arange(len(vectors)), vectors, threads=threads)

    def search(query: Vectors, reach: int) -> Ids:
        index.expansion_search = max(reach, k)
        return np.asarray(index.search(query[0], k, threads=1).keys, np.int64)

    return search


def _ours(vectors: Vectors, asked: Vectors, k: int, truth: Ids) -> dict[str, Any]:
    store = FaissStore(vectors.shape[1], plan=Plan(views=len(vectors)))
    started = perf_counter()
    store.add(np.arange(len(vectors)) << VIEW_BITS, vectors)
    built = perf_counter() - started
    found, spent = _timed(lambda query, _: store.search(query, k, None)[1][0] >> VIEW_BITS, asked, 0)
    return _row("Marklens' store", built, recall(found, truth), spent)


if __name__ == "__main__":
    typer.run(main)
