"""Splitting label sets of L3D's size: seconds, memory, and how evenly every code is shared out.

    python -m benchmarks.split

The label sets are made up: 769,674 marks, 1,558 codes, 2,454,417 assignments, the most frequent code on 18 %
of the marks and the others falling by a power law that gives the total. One mark in twenty belongs to a pair
that must stay together.
"""

from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from scipy import sparse

from benchmarks.reporting import report
from marklens.datasets.splits import split_labels

CODES, ASSIGNMENTS, TOP_SHARE = 1_558, 2_454_417, 0.18
SHARES = (0.70, 0.15, 0.15)


def main(
    marks: Annotated[int, typer.Option(help="How many marks.")] = 769_674,
    seed: Annotated[int, typer.Option(help="Of the label sets and the split.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Split by iterative stratification and at random."""
    random = np.random.default_rng(seed)
    labels, clusters = label_sets(marks, random), _clusters(marks, random)
    started = perf_counter()
    stratified = split_labels(labels, clusters, SHARES, seed)
    seconds = perf_counter() - started
    by_chance = random.choice(3, clusters.max() + 1, p=SHARES).astype(np.int8)[clusters]
    peak = getrusage(RUSAGE_SELF).ru_maxrss / 1e3
    rows = [
        {
            "split": "iterative stratification",
            "seconds": seconds,
            "peak MB": peak,
            **_worst(labels, stratified),
        },
        {"split": "random", "seconds": 0.0, "peak MB": peak, **_worst(labels, by_chance)},
    ]
    report(f"{marks:,} marks with {labels.nnz:,} codes, split 70/15/15", rows, json)


def label_sets(marks: int, random: np.random.Generator) -> sparse.csr_array:
    """Sparse (marks, codes) with L3D's size and skew."""
    counts = _frequencies(marks)
    columns = np.repeat(np.arange(CODES), counts)
    rows = np.concatenate([random.choice(marks, count, replace=False) for count in counts.tolist()])
    return sparse.csr_array((np.ones(len(rows), np.int64), (rows, columns)), (marks, CODES))


def _frequencies(marks: int) -> npt.NDArray[np.int64]:
    """Marks with each code: a power law between the top code and the total, found by bisection."""
    ranks, top, total = np.arange(1, CODES + 1), TOP_SHARE * marks, ASSIGNMENTS * marks / 769_674
    low, high = 0.1, 5.0
    for _ in range(60):
        power = (low + high) / 2
        low, high = (power, high) if (top * ranks**-power).sum() > total else (low, power)
    counts = np.maximum(1, np.rint(top * ranks**-power)).astype(np.int64)
    counts[0] += round(total) - int(counts.sum())
    return np.asarray(counts, np.int64)


def _clusters(marks: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    clusters, paired = np.arange(marks), random.permutation(marks)[: marks // 20 // 2 * 2]
    clusters[paired[1::2]] = paired[::2]
    return np.unique(clusters, return_inverse=True)[1].astype(np.int64)


def _worst(labels: sparse.csr_array, parts: npt.NDArray[np.int8]) -> dict[str, Any]:
    """The largest deviation from the wanted share, in percentage points, by how frequent a code is."""
    found = np.stack([labels[np.flatnonzero(parts == part)].sum(axis=0) for part in range(3)])
    totals = found.sum(axis=0)
    deviations = 100 * np.abs(found / totals - np.array(SHARES)[:, None]).max(axis=0)
    return {
        f"worst code ≥ {least:,} marks, points": float(deviations[totals >= least].max())
        for least in (1000, 100)
    }


if __name__ == "__main__":
    typer.run(main)
