"""Counting the metadata, with the arithmetic written out."""

from pathlib import Path

from marklens.core.types import Fault, Mark
from marklens.datasets.analysis.metadata import FAULTS_SHOWN, MetadataTally


def mark(number: int, codes: tuple[str, ...], text: str | None = None, year: int | None = None) -> Mark:
    return Mark(str(number), f"{number}.png", Path(f"{number}.png"), text, codes, year)


MARKS = [
    mark(0, ("27.05.01", "27.05.02", "26.01.01"), "ACME", 1999),
    mark(1, ("27.05.01", "26.01.01"), None, 1999),
    mark(2, ("27.05.01",), "VELA", 1996),
    mark(3, (), "KIWI"),
    mark(4, ("26", "27.05"), None, 2001),
]


def tallied() -> MetadataTally:
    tally = MetadataTally()
    for each in MARKS:
        tally.add(each)
    return tally


def test_texts_and_years() -> None:
    counts = tallied().counts()
    assert (counts.marks, counts.with_text, counts.without_year) == (5, 3, 1)
    assert list(counts.years.items()) == [("1996", 1), ("1999", 2), ("2001", 1)]


def test_a_mark_counts_once_a_level() -> None:
    vienna = tallied().counts().vienna
    assert vienna.marks_with_codes == 4
    assert vienna.codes_per_mark == {"0": 1, "1": 1, "2": 2, "3": 1}
    assert list(vienna.categories.items()) == [("27", 4), ("26", 3)]  # mark 0 has two codes in 27.05
    assert list(vienna.divisions.items()) == [("27.05", 4), ("26.01", 2)]  # "26" alone is of no division
    assert list(vienna.codes.items()) == [
        ("27.05.01", 3), ("26.01.01", 2), ("26", 1), ("27.05", 1), ("27.05.02", 1),
    ]  # fmt: skip


def test_codes_that_come_together() -> None:
    vienna = tallied().counts().vienna
    assert vienna.together_codes == ("27.05.01", "26.01.01", "26", "27.05", "27.05.02")
    assert vienna.together == (
        (3, 2, 0, 0, 1),
        (2, 2, 0, 0, 1),
        (0, 0, 1, 1, 0),
        (0, 0, 1, 1, 0),
        (1, 1, 0, 0, 1),
    )


def test_nothing_is_nothing() -> None:
    counts = MetadataTally().counts()
    assert (counts.marks, counts.years, counts.faults) == (0, {}, {})
    assert (counts.vienna.codes, counts.vienna.together) == ({}, ())


def test_faults_are_counted_by_kind_and_the_first_kept() -> None:
    tally = tallied()
    for number in range(FAULTS_SHOWN + 3):
        tally.add_fault(Fault(f"{number}.jpg", "missing-file", "no such file"))
    tally.add_fault(Fault("x", "bad-year", "no year"))
    counts = tally.counts()
    assert list(counts.faults.items()) == [("missing-file", FAULTS_SHOWN + 3), ("bad-year", 1)]
    assert [fault.item for fault in counts.examples["missing-file"]] == [
        f"{n}.jpg" for n in range(FAULTS_SHOWN)
    ]
