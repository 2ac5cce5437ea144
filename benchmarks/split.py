"""Splitting and pairing label sets of L3D's size: seconds, memory, and how evenly every code is shared out.

    python -m benchmarks.split --commands

769,674 made label sets with L3D's 1,558 codes and 2,454,417 assignments. The 20 most frequent divisions have
the counts that a public report on L3D gives (read there, not counted by us); the rest falls by a power law
over the other divisions, and by another within each division, so that codes on a few marks occur too. Codes
are drawn independently of each other. Marks that must stay together: one in twenty has a duplicate, and
brands have 3 to 300 marks. With `--commands` the label sets are also written as an L3D folder of empty
pictures, and the commands `dataset split` and `dataset pairs` run on it as a user runs them.
"""

import json as json_format
import tempfile
from collections.abc import Iterator
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter, process_time
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from scipy import sparse

from benchmarks.processes import finish, start
from benchmarks.reporting import report
from marklens.datasets.splits import split_labels

L3D, CODES, ASSIGNMENTS = 769_674, 1_558, 2_454_417
DIVISIONS = 142
"""About as many as the Vienna Classification has: some eleven codes each."""
FREQUENT = {
    "26.04": 350_549, "29.01": 242_418, "27.05": 230_565, "26.11": 174_906, "27.99": 149_098,
    "26.01": 117_822, "25.05": 72_001, "05.03": 49_294, "02.01": 46_018, "26.99": 43_143, "26.03": 41_621,
    "27.03": 37_463, "01.15": 37_214, "24.17": 37_031, "01.01": 35_932, "25.01": 33_810, "05.05": 32_416,
    "03.07": 30_387, "24.15": 28_302, "03.01": 27_634,
}  # fmt: skip
"""Assignments of L3D's most frequent divisions, after a public exploratory report of February 2026."""
WITHIN = 2.0
"""Power by which the codes of a division fall."""
SHARES = (0.70, 0.15, 0.15)
PAIRED, BRANDS, LARGEST_BRAND = 0.05, 2_000, 300

Numbers = npt.NDArray[np.int64]


def main(
    marks: Annotated[int, typer.Option(help="How many marks.")] = L3D,
    seed: Annotated[int, typer.Option(help="Of the label sets and the split.")] = 0,
    commands: Annotated[bool, typer.Option("--commands", help="Run the commands on a folder too.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Split by iterative stratification and at random."""
    random = np.random.default_rng(seed)
    names, counts = code_counts(marks)
    labels, clusters = label_sets(marks, counts, random), draw_clusters(marks, random)
    rows = [stratified(labels, clusters, seed), by_chance(labels, clusters, random)]
    sizes = np.bincount(clusters)
    together = f"{(sizes > 1).sum():,} clusters of up to {sizes.max()} marks"
    report(f"{marks:,} marks with {labels.nnz:,} codes and {together}, split 70/15/15", rows, json)
    if commands:
        with tempfile.TemporaryDirectory() as folder:
            write_l3d(Path(folder), names, labels, clusters)
            took = run_commands(Path(folder), seed)
        report(f"The commands on an L3D folder of {marks:,} marks", took, json and json.with_stem("commands"))


def stratified(labels: sparse.csr_array, clusters: Numbers, seed: int) -> dict[str, Any]:
    """The row of the split that Marklens makes."""
    started, cpu = perf_counter(), process_time()
    parts = split_labels(labels, clusters, SHARES, seed)
    took = {"seconds": perf_counter() - started, "cpu seconds": process_time() - cpu}
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1e3
    return {"split": "iterative stratification", **took, "peak MB": peak, **worst(labels, parts)}


def by_chance(labels: sparse.csr_array, clusters: Numbers, random: np.random.Generator) -> dict[str, Any]:
    """The row of a split that draws the part of every cluster."""
    started, cpu = perf_counter(), process_time()
    parts = random.choice(3, clusters.max() + 1, p=SHARES).astype(np.int8)[clusters]
    took = {"seconds": perf_counter() - started, "cpu seconds": process_time() - cpu}
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1e3
    return {"split": "random", **took, "peak MB": peak, **worst(labels, parts)}


def code_counts(marks: int) -> tuple[list[str], Numbers]:
    """The codes, and on how many of so many marks each stands."""
    ranks = np.arange(len(FREQUENT) + 1, DIVISIONS + 1)
    known = np.array(list(FREQUENT.values()))
    power = _power(ranks / len(known), (ASSIGNMENTS - known.sum()) / known[-1])
    divisions = np.concatenate([known, known[-1] * (ranks / len(known)) ** -power])
    names, counts = [], []
    for number, division in enumerate(np.array_split(np.arange(CODES), DIVISIONS)):
        falling = np.arange(1, len(division) + 1) ** -WITHIN
        name = (
            list(FREQUENT)[number] if number < len(FREQUENT) else f"{4 + number % 20:02d}.{20 + number // 20}"
        )
        names += [f"{name}.{code:02d}" for code in range(1, len(division) + 1)]
        counts += (divisions[number] * marks / L3D * falling / falling.sum()).tolist()
    rounded = np.maximum(1, np.rint(counts)).astype(np.int64)
    rounded[0] += round(ASSIGNMENTS * marks / L3D) - int(rounded.sum())
    return names, rounded


def label_sets(marks: int, counts: Numbers, random: np.random.Generator) -> sparse.csr_array:
    """Sparse (marks, codes), each code on as many marks as counted."""
    columns = np.repeat(np.arange(len(counts)), counts)
    rows = np.concatenate([random.choice(marks, count, replace=False) for count in counts.tolist()])
    return sparse.csr_array((np.ones(len(rows), np.int64), (rows, columns)), (marks, len(counts)))


def draw_clusters(marks: int, random: np.random.Generator) -> Numbers:
    """The cluster of every mark: pairs of duplicates, and brands whose sizes fall by a power law."""
    brands = max(1, BRANDS * marks // L3D)
    sizes = np.minimum(2 + random.zipf(2.0, brands), min(LARGEST_BRAND, marks // 10))
    sizes = np.concatenate([sizes, np.full(int(marks * PAIRED) // 2, 2)])
    sizes = sizes[np.cumsum(sizes) <= marks]
    clusters = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.arange(marks)])[:marks]
    clusters[sizes.sum() :] = len(sizes) + np.arange(marks - sizes.sum())
    return np.asarray(random.permutation(clusters), np.int64)


def worst(labels: sparse.csr_array, parts: npt.NDArray[np.int8]) -> dict[str, Any]:
    """The largest deviation from the wanted share, in percentage points, by how frequent a code is."""
    found = np.stack([labels[np.flatnonzero(parts == part)].sum(axis=0) for part in range(3)])
    totals = found.sum(axis=0)
    deviations = 100 * np.abs(found / totals - np.array(SHARES)[:, None]).max(axis=0)
    return {
        f"worst of {(totals >= least).sum():,} codes ≥ {least:,} marks, points": float(
            deviations[totals >= least].max(initial=0)
        )
        for least in (1000, 100)
    }


def write_l3d(folder: Path, names: list[str], labels: sparse.csr_array, clusters: Numbers) -> None:
    """An L3D folder of empty pictures, its clusters as a file of duplicates."""
    (folder / "images").mkdir()
    entries = []
    for mark in range(labels.shape[0]):
        (folder / "images" / f"em{mark:06d}.jpg").touch()
        codes = [names[code] for code in labels.indices[labels.indptr[mark] : labels.indptr[mark + 1]]]
        entries.append({"file": f"EM{mark:06d}.JPG", "text": None, "vienna_codes": codes, "year": 2000})
    (folder / "output_2000.json").write_text(json_format.dumps(entries))
    with (folder / "duplicates.jsonl").open("w") as lines:
        for members in _members(clusters):
            files = [f"em{mark:06d}.jpg" for mark in members]
            lines.write(json_format.dumps({"kind": "near", "files": files}) + "\n")


def run_commands(folder: Path, seed: int) -> list[dict[str, Any]]:
    """What the commands take on a folder."""
    rows = []
    for command in ("split", "pairs"):
        options = ("--duplicates", str(folder / "duplicates.jsonl"), "--seed", str(seed), "--json")
        usage = finish(start("dataset", command, str(folder), "--out", str(folder / command), *options))
        took = {"seconds": usage.wall, "cpu seconds": usage.cpu, "peak MB": usage.peak / 1e6}
        rows.append({"command": f"dataset {command}", **took})
    return rows


def _members(clusters: Numbers) -> Iterator[list[int]]:
    """The marks of every cluster of two and more."""
    order = np.argsort(clusters, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1):
        if len(members) > 1:
            yield members.tolist()


def _power(ranks: npt.NDArray[np.float64], total: float) -> float:
    """The power p with Σ ranks^-p = total, by bisection."""
    low, high = 0.0, 20.0
    for _ in range(60):
        power = (low + high) / 2
        low, high = (power, high) if (ranks**-power).sum() > total else (low, power)
    return power


if __name__ == "__main__":
    typer.run(main)
