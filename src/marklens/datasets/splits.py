"""Train, validation and test: every Vienna code shared out alike, what belongs together kept together."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from marklens.core.artifacts import atomic_together, write_json
from marklens.core.errors import DatasetError, UsageError
from marklens.core.ports import Dataset, Progress
from marklens.core.types import Fault, Mark
from marklens.datasets.grouping import cluster, find_groups
from marklens.datasets.refinement import refine
from marklens.datasets.stratification import stratify
from marklens.datasets.vienna import described

PARTS = ("train", "val", "test")
REPORTED_FROM = 100
"""Marks a code needs for its deviation to mean something: one of 100 is a percentage point."""
NO_CODES = ""
"""The label of marks without codes, so that they are shared out too."""

Parts = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class CodeShare:
    """How one Vienna code was shared out.

    Attributes:
        code: ``26.04.01``.
        name: of its division or category.
        marks: that bear it.
        shares: of them in train, validation and test, 0..1.
        deviation: the largest difference from the shares wanted, in percentage points.
    """

    code: str
    name: str
    marks: int
    shares: tuple[float, ...]
    deviation: float


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What a split did.

    Attributes:
        source: folder of the dataset.
        seed, wanted: of the call.
        marks: in each part.
        clusters: of more than one mark that were kept together.
        clustered_marks: marks in them.
        codes: those on at least `REPORTED_FROM` marks, the largest deviation first.
        faults: of the dataset's metadata and the groups, by kind.
    """

    source: str
    seed: int
    wanted: tuple[float, ...]
    marks: dict[str, int]
    clusters: int
    clustered_marks: int
    codes: tuple[CodeShare, ...]
    faults: dict[str, int]

    @property
    def largest_deviation(self) -> float | None:
        """Of any code in `codes`, in percentage points; None when no code is frequent enough."""
        return self.codes[0].deviation if self.codes else None

    def to_json(self) -> dict[str, Any]:
        """The document `split.json`."""
        method = "iterative stratification (Sechidis et al. 2011) of clusters, evened out by single moves"
        return {"method": method, "largest_deviation": self.largest_deviation, **asdict(self)}


def split_dataset(
    dataset: Dataset,
    out: Path,
    together: Iterable[tuple[str, Sequence[str]]],
    shares: tuple[float, ...],
    seed: int,
    progress: Progress,
) -> SplitReport:
    """Split a dataset and write ``train.jsonl``, ``val.jsonl``, ``test.jsonl`` and ``split.json``.

    Each line is a manifest row. The dataset is read twice, so that only codes are held in memory.

    Args:
        dataset: what to split.
        out: where the files go.
        together: name and files of what must not be torn apart: brands, duplicates.
        shares: of train, validation and test, summing to 1.
        seed: the same seed splits the same dataset the same way.
        progress: hears how far it is.

    Raises:
        DatasetError: there are no marks.
        UsageError: the dataset is one of the files to write.
    """
    source = getattr(dataset, "path", None)
    if source is not None and source.resolve() in {(out / f"{name}.jsonl").resolve() for name in PARTS}:
        raise UsageError(f"{source} would be overwritten: choose another folder with --out")
    faults: dict[str, int] = {}

    def count(fault: Fault) -> None:
        faults[fault.kind] = faults.get(fault.kind, 0) + 1

    progress.start("read", dataset.count())
    files: list[str] = []
    codes: list[tuple[str, ...]] = []
    for mark in dataset.marks(count):
        files.append(mark.file)
        codes.append(mark.vienna_codes)
        progress.advance(1)
    if not files:
        raise DatasetError(f"{dataset.root} holds no marks: there is nothing to split")
    clusters = cluster(find_groups(together, files, count), len(files))
    labels, names = label_matrix(codes)
    parts = split_labels(labels, clusters, shares, seed)
    progress.start("write", len(files))
    _write(out, dataset, parts, progress)
    sizes = np.bincount(clusters)
    report = SplitReport(
        source=str(dataset.root),
        seed=seed,
        wanted=shares,
        marks=dict(zip(PARTS, np.bincount(parts, minlength=len(shares)).tolist(), strict=True)),
        clusters=int(np.count_nonzero(sizes > 1)),
        clustered_marks=int(sizes[sizes > 1].sum()),
        codes=tuple(code_shares(labels, names, parts, shares)),
        faults=faults,
    )
    write_json(out / "split.json", report.to_json())
    return report


def label_matrix(codes: Sequence[Sequence[str]]) -> tuple[sparse.csr_array, list[str]]:
    """Sparse int64 (marks, labels), 1 for every code of every mark, and the codes; `NO_CODES` comes last."""
    names = [*sorted({code for bearer in codes for code in bearer}), NO_CODES]
    column = {name: number for number, name in enumerate(names)}
    rows = [sorted({column[code] for code in bearer}) or [column[NO_CODES]] for bearer in codes]
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.fromiter((label for row in rows for label in row), np.int32, indptr[-1])
    ones = np.ones(len(indices), np.int64)
    return sparse.csr_array((ones, indices, indptr), (len(rows), len(names))), names


def split_labels(
    labels: sparse.csr_array, clusters: npt.NDArray[np.int64], shares: Sequence[float], seed: int
) -> Parts:
    """Give every mark the part of its cluster, int8 (marks,); see `stratify` and `refine`."""
    sizes = np.bincount(clusters)
    rows = (clusters, np.arange(len(clusters)))
    members = sparse.csr_array((np.ones(len(clusters), np.int64), rows), (len(sizes), len(clusters)))
    counts = (members @ labels).tocsr()
    return refine(counts, sizes, shares, stratify(counts, sizes, shares, seed))[clusters]


def code_shares(
    labels: sparse.csr_array, names: Sequence[str], parts: Parts, shares: Sequence[float]
) -> Iterator[CodeShare]:
    """How every code on at least `REPORTED_FROM` marks was shared out, the largest deviation first."""
    by_part = np.stack([labels[np.flatnonzero(parts == part)].sum(axis=0) for part in range(len(shares))])
    totals = by_part.sum(axis=0)
    found = by_part / np.maximum(totals, 1)
    deviations = 100 * np.abs(found - np.array(shares)[:, None]).max(axis=0)
    for label in np.lexsort((np.arange(len(names)), -deviations)).tolist():
        if totals[label] >= REPORTED_FROM:
            yield CodeShare(
                names[label] or "no codes", described(names[label]), int(totals[label]),
                tuple(found[:, label].tolist()), float(deviations[label]),
            )  # fmt: skip


def manifest_row(mark: Mark, folder: Path) -> dict[str, Any]:
    """A mark as a line of a manifest in `folder`; what is not known is left out."""
    row = {
        **mark.attributes,
        "path": os.path.relpath(mark.path, folder),
        "file": mark.file,
        "id": mark.id,
        "text": mark.text,
        "vienna_codes": list(mark.vienna_codes) or None,
        "year": mark.year,
    }
    return {name: value for name, value in row.items() if value is not None}


def _write(out: Path, dataset: Dataset, parts: Parts, progress: Progress) -> None:
    """Write one file a part, in one go through the dataset."""
    with atomic_together([out / f"{name}.jsonl" for name in PARTS]) as temporary, ExitStack() as stack:
        files = [stack.enter_context(path.open("w", encoding="utf-8")) for path in temporary]
        for mark, part in _together(dataset.marks(lambda fault: None), parts.tolist()):
            files[part].write(json.dumps(manifest_row(mark, out)) + "\n")
            progress.advance(1)


def _together(marks: Iterable[Mark], parts: Sequence[int]) -> Iterator[tuple[Mark, int]]:
    """Each mark with its part."""
    left = iter(parts)
    for mark in marks:
        if (part := next(left, None)) is None:
            raise DatasetError("the dataset grew while it was split: split it again")
        yield mark, part
    if next(left, None) is not None:
        raise DatasetError("the dataset shrank while it was split: split it again")
