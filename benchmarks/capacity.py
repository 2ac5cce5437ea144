"""How much disk, memory and time up to 100 million marks would take, from what was measured.

Reads what `benchmarks/store_kinds.py` wrote. Bytes a vector are those of the largest size measured; memory is
what was resident after searching there, by the vector, and how much of it was the process's own rather than
mapped; time to build and to answer goes on growing by the
exponent that was fitted. Files other than vectors, and views a mark, are those of an index, if one is given.
Machines that describe marks are counted from a measured rate, if one is given. Nothing here was run at these
sizes: it is arithmetic, and says from which numbers.

    python -m benchmarks.capacity kinds.json --index INDEX --rate 25
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.growth_plot import exponent, of_kind
from benchmarks.reporting import report
from marklens.core.artifacts import read_json
from marklens.core.errors import ArtifactError
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import load_complete

MARKS = (100_000, 1_000_000, 10_000_000, 100_000_000)
DAY = 86_400


def main(
    kinds: Annotated[Path, typer.Argument(help="JSON of benchmarks/store_kinds.py")],
    index: Annotated[Path | None, typer.Option(help="whose other files and views a mark count")] = None,
    views: Annotated[float, typer.Option(help="of a mark, where no index says it")] = 2.0,
    rate: Annotated[float | None, typer.Option(help="marks a second that one machine describes")] = None,
    json: Annotated[Path | None, typer.Option(help="write the numbers to this file")] = None,
) -> None:
    measured = read_json(kinds)
    rows: Sequence[Mapping[str, Any]] = measured["rows"]
    others, views = of_index(index) if index else (0.0, views)
    largest = max(row["vectors"] for row in rows)
    table = [
        at_size(of_kind(kind, rows), marks, views, others)
        for kind in dict.fromkeys(row["kind"] for row in rows)
        for marks in MARKS
    ]
    title = f"Up to {MARKS[-1]:,} marks of {views:.2f} views, computed from up to {largest:,} vectors"
    report(f"{title}; {measured['dims']} dims, {measured['machine']['processor']}", table, json)
    if others:
        typer.echo(f"Files other than vectors: {others:,.0f} bytes a mark.")
    if rate is not None:
        for marks in MARKS:
            days = marks / rate / DAY
            typer.echo(f"{marks:>11,} marks at {rate:g} marks/s: {days:,.1f} machine-days to describe.")


def of_index(root: Path) -> tuple[float, float]:
    """Bytes a mark of every file but the vectors, and views a mark."""
    folder = IndexFolder(root)
    counts = load_complete(folder).counts
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and path != folder.vectors)
    marks = max(1, counts["marks"] + counts["removed"])
    return size / marks, counts["views"] / marks


def at_size(own: Sequence[Mapping[str, Any]], marks: int, views: float, others: float) -> dict[str, Any]:
    """One line: a kind at a number of marks."""
    last, vectors = max(own, key=lambda row: row["vectors"]), marks * views
    if last["vectors"] == min(row["vectors"] for row in own):
        raise ArtifactError(
            f"{last['kind']} was measured at one size: run benchmarks/store_kinds.py with more"
        )
    return {
        "kind": last["kind"],
        "marks": marks,
        "vectors": round(vectors),
        "vectors on disk, GB": vectors * last["bytes a vector"] / 1e9,
        "all files, GB": (vectors * last["bytes a vector"] + marks * others) / 1e9,
        "resident, GB": vectors * last["MB searched"] / last["vectors"] / 1e3,
        "own, GB": vectors * last["MB own"] / last["vectors"] / 1e3,
        "build, h": grown(own, "build s", vectors) / 3600,
        "p50, ms": grown(own, "p50 ms", vectors),
    }


def grown(own: Sequence[Mapping[str, Any]], name: str, vectors: float) -> float:
    """A number at another size, by the exponent between those measured; nothing is taken to fall."""
    last = max(own, key=lambda row: row["vectors"])
    power = exponent([row["vectors"] for row in own], [row[name] for row in own])
    return float(last[name] * (vectors / last["vectors"]) ** max(0.0, power))


if __name__ == "__main__":
    typer.run(main)
