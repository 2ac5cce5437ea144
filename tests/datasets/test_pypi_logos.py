"""The logos of the demo, from the packages that bring them."""

import json
from pathlib import Path

import pytest

from marklens.core.errors import MissingExtraError
from marklens.core.images import read_picture
from marklens.core.types import Fault
from marklens.datasets.opening import open_dataset
from marklens.datasets.pypi_logos import write_fontawesome_brands, write_simple_icons

pytest.importorskip("simple_icons_pack")
pytest.importorskip("fontawesome_free_pack")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("logos")
    return write_simple_icons(root / "simple"), write_fontawesome_brands(root / "awesome")


def brands(folder: Path) -> set[str]:
    faults: list[Fault] = []
    marks = list(open_dataset(folder).marks(faults.append))
    assert faults == []
    return {mark.attributes["brand"] for mark in marks}


def test_both_packs_open_and_share_hundreds_of_brands(written: tuple[Path, Path]) -> None:
    simple, awesome = map(brands, written)
    assert len(simple) > 3000
    assert len(awesome) > 450
    assert len(simple & awesome) > 200
    assert {"github", "googlechrome", "dropbox"} <= simple & awesome


def test_one_hand_is_coloured_and_the_other_black(written: tuple[Path, Path]) -> None:
    marks = {mark.id: mark for mark in open_dataset(written[0]).marks(lambda fault: None)}
    dropbox = marks["dropbox"]
    assert (dropbox.text, dropbox.attributes["hex"]) == ("Dropbox", "0061FF")
    assert dropbox.attributes["license"] == "CC0-1.0"
    colors = read_picture(dropbox.path).reshape(-1, 3)
    assert (0x00, 0x61, 0xFF) in set(map(tuple, colors.tolist()))
    black = read_picture(written[1] / "images" / "dropbox.svg").reshape(-1, 3)
    assert (black.max(axis=1) == black.min(axis=1)).all()


def test_the_order_and_the_bytes_are_the_same_every_time(written: tuple[Path, Path], tmp_path: Path) -> None:
    again = write_fontawesome_brands(tmp_path / "again")
    assert (again / "manifest.jsonl").read_bytes() == (written[1] / "manifest.jsonl").read_bytes()
    ids = [json.loads(line)["id"] for line in (again / "manifest.jsonl").read_text().splitlines()]
    assert ids == sorted(ids)


def test_work_already_done_is_left_alone(tmp_path: Path) -> None:
    out = write_fontawesome_brands(tmp_path)
    before = (out / "manifest.jsonl").stat().st_mtime_ns
    write_fontawesome_brands(out)
    assert (out / "manifest.jsonl").stat().st_mtime_ns == before
    (out / "release.txt").write_text("fontawesome-free-pack 0.0.1\n")
    write_fontawesome_brands(out)
    assert (out / "manifest.jsonl").stat().st_mtime_ns != before


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "simple_icons_pack", None)
    with pytest.raises(MissingExtraError, match=r"marklens\[demo\]"):
        write_simple_icons(tmp_path)
