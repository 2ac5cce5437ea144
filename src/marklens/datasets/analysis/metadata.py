"""What the metadata says: counted mark by mark in one pass, a few bytes a mark."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marklens.core.types import Fault, Mark

Counts = Mapping[str, int]

TOP_CODES = 20
"""Codes whose company is counted pair by pair."""
FAULTS_SHOWN = 5
"""Examples of each kind of fault."""


@dataclass(frozen=True, slots=True)
class ViennaCounts:
    """How marks use the Vienna Classification. A mark counts once, however many of its codes fall together.

    Attributes:
        marks_with_codes: marks that have at least one code.
        codes_per_mark: number of codes, as text, to marks that have as many.
        categories: ``"27"`` to marks, commonest first; so are the others.
        divisions: ``"27.05"`` to marks.
        codes: ``"27.05.01"`` to marks.
        together_codes: the `TOP_CODES` commonest codes.
        together: for each two of them, the marks that have both; on the diagonal, those that have it.
    """

    marks_with_codes: int
    codes_per_mark: Counts
    categories: Counts
    divisions: Counts
    codes: Counts
    together_codes: tuple[str, ...]
    together: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class MetadataCounts:
    """What the metadata of a dataset says.

    Attributes:
        marks: usable marks; a picture that cannot be read still counts, as its metadata can.
        with_text: marks with a verbal element in their metadata; no picture was searched for text.
        years: year, as text, to marks, in order.
        without_year: marks that have none.
        vienna: their codes.
        faults: kind to entries or fields at fault.
        examples: kind to the first `FAULTS_SHOWN` faults.
    """

    marks: int
    with_text: int
    years: Counts
    without_year: int
    vienna: ViennaCounts
    faults: Counts
    examples: Mapping[str, tuple[Fault, ...]]


class MetadataTally:
    """Hears of every mark and every fault, in the dataset's order, and counts."""

    def __init__(self) -> None:
        self._marks = self._texts = 0
        self._years: Counter[int] = Counter()
        self._numbers: dict[str, int] = {}
        self._codes, self._owners = array("I"), array("I")
        self._faults: Counter[str] = Counter()
        self._examples: dict[str, list[Fault]] = {}

    def add(self, mark: Mark) -> None:
        """Count one mark."""
        for code in mark.vienna_codes:
            self._codes.append(self._numbers.setdefault(code, len(self._numbers)))
            self._owners.append(self._marks)
        self._marks += 1
        self._texts += mark.text is not None
        if mark.year is not None:
            self._years[mark.year] += 1

    def add_fault(self, fault: Fault) -> None:
        """Count one fault."""
        self._faults[fault.kind] += 1
        shown = self._examples.setdefault(fault.kind, [])
        if len(shown) < FAULTS_SHOWN:
            shown.append(fault)

    def counts(self) -> MetadataCounts:
        """Everything counted so far."""
        return MetadataCounts(
            marks=self._marks,
            with_text=self._texts,
            years={str(year): self._years[year] for year in sorted(self._years)},
            without_year=self._marks - self._years.total(),
            vienna=self._vienna(),
            faults=_by_size(self._faults.items()),
            examples={kind: tuple(self._examples[kind]) for kind in sorted(self._examples)},
        )

    def _vienna(self) -> ViennaCounts:
        names = list(self._numbers)
        codes, owners = np.array(self._codes, np.int64), np.array(self._owners, np.int64)
        lengths = np.bincount(np.bincount(owners, minlength=self._marks)) if self._marks else np.zeros(0, int)
        by_code = _marks_of(names, codes, owners)
        top = tuple(by_code)[:TOP_CODES]
        return ViennaCounts(
            marks_with_codes=len(np.unique(owners)),
            codes_per_mark={str(length): int(marks) for length, marks in enumerate(lengths) if marks},
            categories=_marks_of([name[:2] for name in names], codes, owners),
            divisions=_marks_of([name[:5] if len(name) >= 5 else "" for name in names], codes, owners),
            codes=by_code,
            together_codes=top,
            together=_together([self._numbers[code] for code in top], codes, owners),
        )


def _marks_of(names: list[str], codes: npt.NDArray[np.int64], owners: npt.NDArray[np.int64]) -> Counts:
    """Name to the number of marks that own a code of that name.

    Args:
        names: of every code number; several codes may share one, as those of a division do, and those with
            an empty name do not count.
        codes: int64 (m,), a code number for each code of each mark.
        owners: int64 (m,), the mark that has it.
    """
    distinct = sorted(set(names))
    if not distinct:
        return {}
    place = {name: number for number, name in enumerate(distinct)}
    groups = np.array([place[name] for name in names], np.int64)[codes]
    owned = np.unique(owners * len(distinct) + groups)
    marks = np.bincount(owned % len(distinct), minlength=len(distinct))
    return _by_size((name, count) for name, count in zip(distinct, marks.tolist(), strict=True) if name)


def _together(
    top: list[int], codes: npt.NDArray[np.int64], owners: npt.NDArray[np.int64]
) -> tuple[tuple[int, ...], ...]:
    """For each two of some codes, how many marks have both."""
    if not top:
        return ()
    place = np.full(max(top) + 1, -1)
    place[top] = np.arange(len(top))
    known = codes <= max(top)
    places, marks = place[codes[known]], owners[known]
    _, rows = np.unique(marks[places >= 0], return_inverse=True)
    has = np.zeros((int(rows.max()) + 1, len(top)), np.float32)  # exact: whole numbers below 2^24
    has[rows, places[places >= 0]] = 1
    return tuple(tuple(int(count) for count in row) for row in has.T @ has)


def _by_size(items: Iterable[tuple[str, int]]) -> Counts:
    """Largest first, equal ones by name."""
    return dict(sorted(items, key=lambda item: (-item[1], item[0])))
