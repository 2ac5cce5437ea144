"""Counting measurements, with the arithmetic written out."""

import numpy as np
import pytest

from marklens.datasets.analysis.distributions import count_pictures, spread_of
from marklens.datasets.analysis.measuring import FORMAT_NAMES, ROW, Failure, Table


def table() -> Table:
    rows = np.zeros(5, ROW)
    rows["readable"] = [True, True, True, True, False]
    rows["format"] = [FORMAT_NAMES.index(name) for name in ("JPEG", "JPEG", "PNG", "SVG", "PNG")]
    rows["bytes"] = [900, 1_500, 3_000_000, 400, 0]
    rows["width"] = [256, 256, 300, 0, 0]
    rows["height"] = [256, 256, 10, 0, 0]
    rows["colored"] = [True, False, False, True, False]
    rows["one_channel"] = [False, True, False, False, False]
    rows["ground"] = [(255, 255, 250), (5, 0, 3), (200, 30, 30), (120, 125, 122), (0, 0, 0)]
    rows["uniform"] = [True, True, True, True, False]
    rows["ink"] = [0, 499, 500, 10_000, 0]
    rows["mark_width"], rows["mark_height"] = [100, 50, 290, 64, 0], [100, 100, 8, 64, 0]
    return rows


def test_everything_that_is_counted() -> None:
    counts = count_pictures(table(), [Failure(4, "truncated", "…")])
    assert (counts.pictures, counts.readable, dict(counts.unreadable)) == (5, 4, {"truncated": 1})
    assert list(counts.formats.items()) == [("JPEG", 2), ("PNG", 1), ("SVG", 1)]
    assert list(counts.sizes.items()) == [("256×256", 2), ("300×10", 1)]  # SVG has none
    assert (counts.colored, counts.gray, counts.stored_gray) == (2, 2, 1)
    assert list(counts.grounds.items()) == [("black", 1), ("gray", 1), ("red", 1), ("white", 1)]


def test_histograms_hold_every_readable_picture() -> None:
    counts = count_pictures(table(), [])
    assert sum(counts.aspect.counts) == 3
    assert sum(counts.mark_aspect.counts) == sum(counts.ink.counts) == sum(counts.file_sizes.counts) == 4
    assert counts.aspect.counts[-1] == 1  # 30:1 lies beyond the last edge and counts there
    assert counts.ink.counts[:2] == (2, 1)  # 0 and 4.99 %, then 5 %
    assert counts.ink.counts[-1] == 1  # 100 % belongs to the last
    assert counts.file_sizes.counts[0] == 1
    assert counts.file_sizes.counts[-1] == 1


def test_a_border_that_disagrees_has_no_ground() -> None:
    rows = table()
    rows["uniform"] = False
    assert dict(count_pictures(rows, []).grounds) == {"none": 4}


@pytest.mark.parametrize(
    ("color", "name"),
    [((255, 0, 0), "red"), ((255, 0, 30), "red"), ((255, 128, 0), "orange"), ((255, 255, 0), "yellow"),
     ((0, 160, 0), "green"), ((0, 255, 255), "cyan"), ((20, 60, 200), "blue"), ((140, 0, 255), "purple"),
     ((255, 105, 180), "pink"), ((128, 128, 128), "gray"), ((10, 10, 10), "black"),
     ((245, 245, 245), "white")],
)  # fmt: skip
def test_grounds_have_the_names_people_give_them(color: tuple[int, int, int], name: str) -> None:
    rows = table()
    rows["ground"] = color
    assert dict(count_pictures(rows, []).grounds) == {name: 4}


def test_a_spread_is_of_values_that_occur() -> None:
    spread = spread_of(np.arange(1, 102))
    assert spread is not None
    assert (spread.least, spread.p1, spread.p25, spread.median) == (1, 2, 26, 51)
    assert (spread.p75, spread.p99, spread.most, spread.mean) == (76, 100, 101, 51)
    assert spread_of(np.zeros(0)) is None


def test_a_dataset_without_readable_pictures() -> None:
    counts = count_pictures(np.zeros(2, ROW), [Failure(0, "empty", "…"), Failure(1, "empty", "…")])
    assert (counts.readable, counts.sizes, counts.width, counts.ink.spread) == (0, {}, None, None)
