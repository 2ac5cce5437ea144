"""Groups of duplicates from measurements, their file, and the door for the split."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marklens.core.errors import ArtifactError
from marklens.datasets.analysis.duplicates import (
    SURE_BITS,
    DuplicateGroup,
    Duplicates,
    find_duplicates,
    read_duplicate_groups,
    write_groups,
)
from marklens.datasets.analysis.measuring import ROW, Table


def table(rows: list[tuple[int, int, int]]) -> Table:
    """Rows of content, coarse look and sure bits; content 0 is unreadable."""
    made = np.zeros(len(rows), ROW)
    for place, (content, coarse, sure) in enumerate(rows):
        made[place]["readable"] = content > 0
        made[place]["content"] = (content, 7)
        made[place]["coarse"] = coarse
        made[place]["sure_bits"] = sure
    return made


def test_equal_files_and_near_looks() -> None:
    sure = SURE_BITS
    found = find_duplicates(
        table(
            [
                (1, 0b0, sure),  # 0
                (2, 0b1111, sure),  # 1: near 0
                (1, 0b0, sure),  # 2: the file of 0
                (3, 0xFF << 40, sure),  # 3: alone
                (0, 0, sure),  # 4: unreadable, in no group
                (4, 0xFF << 50, sure),  # 5
                (4, 0xFF << 50, sure),  # 6: the file of 5, and nothing near that is another file
                (5, 0b11111, sure - 1),  # 7: too plain, though near 1
            ]
        )
    )
    assert found.groups == (
        DuplicateGroup("exact", (0, 2)),
        DuplicateGroup("exact", (5, 6)),
        DuplicateGroup("near", (0, 1, 2)),
    )
    assert found.too_plain == 1


def test_the_finer_look_must_agree_too() -> None:
    rows = table([(1, 0, 63), (2, 0, 63)])
    rows["fine"][1] = [(1 << 21) - 1, 0, 0, 0]  # 21 bits
    assert find_duplicates(rows).groups == ()
    rows["fine"][1] = [(1 << 20) - 1, 0, 0, 0]
    assert [group.places for group in find_duplicates(rows).groups] == [(0, 1)]


def test_the_largest_group_comes_first() -> None:
    rows = table([(1, 0, 63), (2, 255, 63), (2, 255, 63), (1, 0, 63), (2, 255, 63)])
    assert [group.places for group in find_duplicates(rows).groups] == [(1, 2, 4), (0, 3)]


def test_no_pictures_no_groups() -> None:
    assert find_duplicates(np.zeros(0, ROW)) == Duplicates((), 0)


def test_groups_that_share_a_file_are_read_as_one(tmp_path: Path) -> None:
    groups = (
        DuplicateGroup("exact", (0, 2)),
        DuplicateGroup("exact", (3, 4)),
        DuplicateGroup("near", (1, 2)),
    )
    write_groups(tmp_path / "d.jsonl", Duplicates(groups, 0), ["a", "b", "ç\udcff", "d", "e"])
    assert read_duplicate_groups(tmp_path / "d.jsonl") == [("a", "b", "ç\udcff"), ("d", "e")]


@given(st.lists(st.lists(st.integers(0, 30), min_size=2, max_size=5, unique=True), max_size=12))
def test_groups_read_share_no_file_and_keep_every_pair(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[int]]
) -> None:
    path = tmp_path_factory.mktemp("groups") / "d.jsonl"
    made = tuple(DuplicateGroup("near", tuple(group)) for group in groups)
    write_groups(path, Duplicates(made, 0), [f"{number}.png" for number in range(31)])
    read = read_duplicate_groups(path)
    files = [file for group in read for file in group]
    assert len(files) == len(set(files))
    home = {file: place for place, group in enumerate(read) for file in group}
    for group in groups:
        assert len({home[f"{number}.png"] for number in group}) == 1


@pytest.mark.parametrize("text", ["no json\n", '{"kind": "near"}\n', "[1]\n"])
def test_a_damaged_file_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.jsonl").write_text(text)
    with pytest.raises(ArtifactError, match="damaged"):
        read_duplicate_groups(tmp_path / "d.jsonl")
    with pytest.raises(ArtifactError, match="analyze"):
        read_duplicate_groups(tmp_path / "none.jsonl")
