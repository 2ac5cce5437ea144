"""Folders of pictures as people have them: nested, mixed, linked, half hidden."""

from pathlib import Path

import pytest

from marklens.core.errors import DatasetError
from marklens.core.types import Fault
from marklens.datasets.folder import FolderDataset


def tree(root: Path, *files: str) -> FolderDataset:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return FolderDataset(root)


def ids(dataset: FolderDataset) -> dict[str, str]:
    """File to id, in the order of the marks."""
    return {mark.file: mark.id for mark in dataset.marks(unexpected)}


def unexpected(fault: Fault) -> None:
    raise AssertionError(fault)


def test_pictures_are_found_in_sub_folders_sorted_and_whatever_the_case(tmp_path: Path) -> None:
    dataset = tree(tmp_path, "b.PNG", "a/z.Jpg", "a/b/y.svg", "c.tiff", "notes.txt", "noending")
    assert ids(dataset) == {"a/b/y.svg": "y", "a/z.Jpg": "z", "b.PNG": "b", "c.tiff": "c"}
    assert dataset.count() == 4
    assert all(mark.path == tmp_path / mark.file for mark in dataset.marks(unexpected))


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    assert ids(tree(tmp_path, ".a.png", ".git/b.png", "c.png")) == {"c.png": "c"}


def test_an_id_is_as_short_as_it_can_be(tmp_path: Path) -> None:
    dataset = tree(tmp_path, "one.png", "x.png", "x.jpg", "sub/x.png", "q/x.jpg.png")
    assert ids(dataset) == {
        "one.png": "one",
        "q/x.jpg.png": "q/x.jpg",  # its stem is the name of another file
        "sub/x.png": "sub/x",
        "x.jpg": "x.jpg",
        "x.png": "x.png",
    }


def test_links_that_run_in_a_circle_end(tmp_path: Path) -> None:
    dataset = tree(tmp_path, "a/one.png")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.png").symlink_to(tmp_path / "nothing.png")
    (tmp_path / "two.png").symlink_to(tmp_path / "a" / "one.png")
    assert list(ids(dataset)) == ["a/one.png", "two.png"]


def test_a_link_to_itself_costs_itself(tmp_path: Path) -> None:
    dataset, faults = tree(tmp_path, "one.png"), list[Fault]()
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    assert [mark.file for mark in dataset.marks(faults.append)] == ["one.png"]
    assert [(fault.item, fault.kind) for fault in faults] == [("round.png", "unreadable")]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(DatasetError, match="no folder"):
        FolderDataset(tmp_path / "a.png")


def test_a_folder_knows_whether_it_holds_pictures(tmp_path: Path) -> None:
    assert tree(tmp_path / "none", "a.txt").is_empty()
    assert not tree(tmp_path / "some", "deep/down/a.webp").is_empty()
