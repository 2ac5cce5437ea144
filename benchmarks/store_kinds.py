r"""The forms in which FAISS can keep vectors: time to build and open, bytes, memory, milliseconds, recall.

The vectors are those of an index; `--sizes` beyond what it has are made out of them, see
`benchmarks/grown_vectors.py`. Each store is built in one process and searched in another, so that the memory
of each is its own. Filters let marks pass by chance, or by looks: those most like some vector.

    python -m benchmarks.store_kinds --index INDEX --sizes 20000,100000,1000000 \
        --json kinds.json --plot kinds.svg
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.grown_vectors import BLOCK, Rows, write_rows
from benchmarks.growth_plot import exponent, of_kind, plot_growth
from benchmarks.reporting import machine, report
from marklens.core.artifacts import write_json
from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors
from marklens.retrieval.faiss_forms import FORMS, Plan
from marklens.retrieval.faiss_store import FaissStore
from marklens.retrieval.rankings import merged, padding
from marklens.retrieval.vector_store import open_store

SHARES = (0.95, 0.1, 0.01, 0.001)
GROWING = ("build s", "bytes a vector", "MB searched", "open s", "p50 ms")


def main(
    index: Annotated[Path | None, typer.Option(help="whose vectors; none draws them")] = None,
    sizes: Annotated[str, typer.Option(help="how many vectors, rising")] = "5000,10000,20000",
    kinds: Annotated[str, typer.Option(help="forms to measure")] = ",".join(FORMS),
    dims: Annotated[int, typer.Option(help="their length, where they are drawn")] = 512,
    queries: Annotated[int, typer.Option(help="asked one at a time")] = 100,
    k: Annotated[int, typer.Option(help="results of a query")] = 100,
    threads: Annotated[int, typer.Option(help="that build, 0 for all")] = 0,
    work: Annotated[Path | None, typer.Option(help="folder for files of a run; needs several GB")] = None,
    json: Annotated[Path | None, typer.Option(help="write the numbers to this file")] = None,
    plot: Annotated[Path | None, typer.Option(help="draw how it grows into this file")] = None,
) -> None:
    counts, results = [int(size) for size in sizes.split(",")], []
    with tempfile.TemporaryDirectory(dir=work) as folder:
        rows, asked = write_rows(Path(folder, "vectors"), index, counts[-1], dims, queries)
        for count in counts:
            filters = make_filters(rows, count)
            truth = exact(rows, count, asked, k, filters)
            for kind in kinds.split(","):
                path = Path(folder, "store.faiss")
                found = measure(rows, count, kind, threads, path, asked, k, filters)
                results.append(in_row(kind, count, found, truth))
                path.unlink()
        facts = {"real": rows.real, "dims": rows.dims, "queries": queries, "k": k}
    growth = [{"kind": kind, **exponents(kind, results)} for kind in kinds.split(",")]
    if json is not None:
        write_json(json, {"machine": machine(), **facts, "rows": results, "growth": growth})
    if plot is not None:
        plot_growth(plot, results, GROWING)
    title = f"{rows.dims} dims; {rows.real:,} vectors are of an index, the others made up; {queries} queries"
    report(title, [{name: row[name] for name in row if name != "filters"} for row in results])
    report("Under filters", [line for row in results for line in filter_rows(row)])
    if len(counts) > 1:
        report("Growth: exponents of the number of vectors", growth)


def make_filters(rows: Rows, count: int) -> dict[str, Bools | None]:
    """Which marks may pass, by name; None lets all."""
    rng, filters = np.random.default_rng(1), dict[str, Bools | None](none=None)
    middle = rows.spread(count, 1)[0]
    likeness = np.concatenate([block @ middle for block in rows.blocks(count)])
    for share in SHARES:
        filters[f"{share:.1%} by chance"] = rng.random(count) < share
        filters[f"{share:.1%} by looks"] = np.asarray(likeness >= np.quantile(likeness, 1 - share))
    return filters


def exact(
    rows: Rows, count: int, asked: Vectors, k: int, filters: Mapping[str, Bools | None]
) -> dict[str, Ids]:
    """The k best under every filter, float32, in one pass."""
    best = {name: padding(len(asked), 0) for name in filters}
    for number, block in enumerate(rows.blocks(count)):
        start = number * BLOCK
        ids = np.broadcast_to(np.arange(start, start + len(block)) << VIEW_BITS, (len(asked), len(block)))
        products = asked @ block.T
        for name, passing in filters.items():
            part = products.copy()
            if passing is not None:
                part[:, ~passing[start : start + len(block)]] = -np.inf
            best[name] = merged(best[name], (part, ids), k)
    return {name: np.where(np.isneginf(near), -1, ids) for name, (near, ids) in best.items()}


def measure(
    rows: Rows,
    count: int,
    kind: str,
    threads: int,
    path: Path,
    asked: Vectors,
    k: int,
    filters: Mapping[str, Bools | None],
) -> dict[str, Any]:
    """Build and save in one new process, open and search in another."""
    found: dict[str, Any] = {}
    for step in (partial(build, rows, count, kind, threads, path), partial(search, path, asked, k, filters)):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            found |= process.submit(step).result()
    return found | {"bytes": path.stat().st_size}


def build(rows: Rows, count: int, kind: str, threads: int, path: Path) -> dict[str, Any]:
    before, started = memory_mb(), time.perf_counter()
    plan = Plan(kind, count, lambda sample: rows.spread(count, sample))
    store, start = FaissStore(rows.dims, threads=threads, plan=plan), 0
    for block in rows.blocks(count):
        store.add(np.arange(start, start + len(block)) << VIEW_BITS, block)
        start += len(block)
    built = time.perf_counter() - started
    store.save(path)
    return {"form": store.form, "build s": built, "peak MB": memory_mb("VmHWM") - before}


def search(path: Path, asked: Vectors, k: int, filters: Mapping[str, Bools | None]) -> dict[str, Any]:
    import faiss  # noqa: F401  # its libraries are not the store's

    before, own, started = memory_mb(), memory_mb("RssAnon"), time.perf_counter()
    store = open_store(path)
    opened, after = time.perf_counter() - started, memory_mb()

    def answered(passing: Bools | None) -> tuple[Ids, list[float]]:
        return timed(lambda query: store.search(query, k, passing)[1][0], asked)

    plain = answered(None)
    resident = memory_mb()
    answers = {name: answered(passing) for name, passing in filters.items()}
    return {
        "open s": opened,
        "MB opened": after - before,
        "MB searched": resident - before,
        "MB own": memory_mb("RssAnon") - own,
        "first ms": plain[1][0],
        "answers": answers | {"none": (plain[0], plain[1][5:])},
    }


def timed(search: Callable[[Vectors], Ids], asked: Vectors) -> tuple[Ids, list[float]]:
    """What is found (queries, k), and the milliseconds of each query."""
    found, milliseconds = [], []
    for query in asked:
        started = time.perf_counter()
        found.append(search(query[None]))
        milliseconds.append((time.perf_counter() - started) * 1e3)
    return np.stack(found), milliseconds


def in_row(kind: str, count: int, found: dict[str, Any], truth: Mapping[str, Ids]) -> dict[str, Any]:
    """One line of the table."""
    ids, milliseconds = found["answers"]["none"]
    p50, p99 = np.percentile(milliseconds, [50, 99])
    row: dict[str, Any] = {
        "kind": kind,
        "form": found["form"],
        "vectors": count,
        "build s": found["build s"],
        "peak MB": found["peak MB"],
        "bytes a vector": found["bytes"] / count,
        "open s": found["open s"],
        "MB opened": found["MB opened"],
        "MB searched": found["MB searched"],
        "MB own": found["MB own"],
        "first ms": found["first ms"],
        "p50 ms": float(p50),
        "p99 ms": float(p99),
        "recall": recall(ids, truth["none"]),
    }
    row["filters"] = {
        name: {"recall": recall(ids, truth[name]), "p50 ms": float(np.median(milliseconds))}
        for name, (ids, milliseconds) in found["answers"].items()
        if name != "none"
    }
    return row


def filter_rows(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lines of the table of filters."""
    head = {"kind": row["kind"], "vectors": row["vectors"]}
    return [{**head, "filter": name, **numbers} for name, numbers in row["filters"].items()]


def recall(found: Ids, expected: Ids) -> float:
    """Mean share of the expected that was found."""
    pairs = [(set(a.tolist()), b[b >= 0]) for a, b in zip(found, expected, strict=True)]
    return float(np.mean([np.mean([id in a for id in b.tolist()]) for a, b in pairs if len(b)]))


def exponents(kind: str, results: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """By what power of the number of vectors each number grows."""
    own = of_kind(kind, results)
    counts = [row["vectors"] for row in own]
    return {name: exponent(counts, [row[name] for row in own]) for name in GROWING}


def memory_mb(kind: str = "VmRSS") -> float:
    """Memory of this process as Linux counts it; VmHWM is its peak, RssAnon leaves mapped files out."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{kind}:"))


if __name__ == "__main__":
    typer.run(main)
