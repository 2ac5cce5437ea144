"""Killed processes and broken pictures, small editions of the benchmarks of the same names."""

from pathlib import Path

import pytest
from benchmarks.broken_pictures import MEMORY_LIMIT, build_and_account
from benchmarks.killed_builds import kill_and_compare
from tests.small_index import draw_marks


@pytest.mark.slow
def test_killed_builds_end_in_the_same_index(tmp_path: Path) -> None:
    rows = kill_and_compare(draw_marks(tmp_path / "marks", 90), tmp_path, builds=5, marks=90, seed=3)
    assert [row["equal"] for row in rows] == [True] * 5
    assert any(row["chunks kept"] != "[0]" for row in rows)


@pytest.mark.slow
def test_every_broken_picture_is_accounted_for(tmp_path: Path) -> None:
    rows, peak = build_and_account(tmp_path, broken=60, good=30, seed=5)
    assert [row["as it should be"] for row in rows] == [row["pictures"] for row in rows]
    assert sum(row["pictures"] for row in rows) == 90
    assert peak < MEMORY_LIMIT
