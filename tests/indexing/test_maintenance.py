"""Marks are added, removed and left out for good; a crash in between shows and can be mended."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.small_index import Silent, build, draw_marks, quick_settings

from marklens import assembly, build_assembly
from marklens.core.errors import ArtifactError, DiskSpaceError, IndexMismatchError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.types import Ids, Vectors
from marklens.datasets.opening import open_dataset
from marklens.indexing.builder import BuildReport
from marklens.indexing.folder import IndexFolder
from marklens.indexing.maintenance import compact, remove_marks
from marklens.indexing.manifest import load_complete
from marklens.indexing.verifying import Check
from marklens.retrieval.faiss_store import FaissStore
from marklens.text.text_index import TextIndex


def add(index: Path, marks: Path, **views: object) -> BuildReport:
    return build_assembly.add(index, open_dataset(marks), quick_settings(**views), Silent(), StopFlag())


def found(index: Path, picture: Path) -> list[str]:
    engine = assembly.open_engine(index, quick_settings())
    return [hit.mark.id for hit in engine.search(read_picture(picture), top=50).hits]


def checks(index: Path) -> dict[str, bool]:
    done: list[Check] = list(build_assembly.check(index, quick_settings(), 8, Silent()))
    return {check.name: check.passed for check in done}


def test_added_marks_are_found_and_known_ones_are_not_added_twice(
    own_index: Callable[[], Path], tmp_path: Path
) -> None:
    own, new = own_index(), draw_marks(tmp_path / "new", 9, first=25)  # 25 to 29 are known
    report = add(own, new)
    assert report.described == 4
    assert report.manifest.counts["marks"] == 34
    assert found(own, new / "mark0033.png")[0] == "mark0033"
    assert add(own, new).changed is False
    assert all(checks(own).values())


def test_broken_additions_are_listed_beside_older_faults(
    own_index: Callable[[], Path], tmp_path: Path
) -> None:
    own, new = own_index(), draw_marks(tmp_path / "new", 1, first=40)
    (new / "bad.png").write_bytes(b"x")
    assert add(own, new).manifest.counts["faults"] == 1
    assert [json.loads(line)["item"] for line in (own / "errors.jsonl").read_text().splitlines()] == [
        "bad.png"
    ]


def test_pictures_that_stay_broken_are_listed_once_and_do_not_grow_the_index(
    own_index: Callable[[], Path], tmp_path: Path
) -> None:
    own, new = own_index(), draw_marks(tmp_path / "new", 1, first=40)
    (new / "bad.png").write_bytes(b"x")
    (new / "manifest.csv").write_text("file\nmark0040.png\nbad.png\ngone.png\n")
    first = add(own, new / "manifest.csv").manifest
    again = add(own, new / "manifest.csv")
    assert (again.described, again.changed, again.manifest) == (0, False, first)
    assert len(list((own / "chunks").iterdir())) == first.chunks
    draw_marks(new, 1, first=41)
    with (new / "manifest.csv").open("a") as file:
        file.write("mark0041.png\n")
    assert add(own, new / "manifest.csv").manifest.counts["faults"] == 2
    lines = [json.loads(line)["item"] for line in (own / "errors.jsonl").read_text().splitlines()]
    assert lines == ["manifest.csv:4", "bad.png"]


def test_an_index_can_be_opened_while_marks_are_added(
    own_index: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, opened, add_vectors, save = own_index(), [], FaissStore.add, TextIndex.save

    def add_and_open(store: FaissStore, ids: Ids, vectors: Vectors) -> None:
        add_vectors(store, ids, vectors)
        opened.append(assembly.open_engine(own, quick_settings()))

    def save_and_open(texts: TextIndex, path: Path) -> None:
        with pytest.raises(ArtifactError, match="being changed: try again"):
            assembly.open_engine(own, quick_settings())
        save(texts, path)

    monkeypatch.setattr(FaissStore, "add", add_and_open)
    monkeypatch.setattr(TextIndex, "save", save_and_open)
    add(own, draw_marks(tmp_path / "new", 2, first=40))
    assert [len(engine.similar(3, 50)) for engine in opened] == [30]


def test_adding_with_other_views_is_refused(own_index: Callable[[], Path], tmp_path: Path) -> None:
    with pytest.raises(IndexMismatchError, match="margin"):
        add(own_index(), draw_marks(tmp_path / "new", 1, first=40), margin=9)


def test_removed_marks_are_never_found_again(own_index: Callable[[], Path], marks: Path) -> None:
    own = own_index()
    assert remove_marks(IndexFolder(own), ["mark0004", "nobody"]) == (1, ["nobody"])
    assert "mark0004" not in found(own, marks / "mark0004.png")
    assert len(found(own, marks / "mark0004.png")) == 29
    assert add(own, marks).changed is False  # nor added again before it is compacted
    size = len(list((own / "chunks").iterdir()))
    compact(IndexFolder(own), 1, Silent())
    assert "mark0004" not in found(own, marks / "mark0004.png")
    assert load_complete(IndexFolder(own)).counts["removed"] == 0
    assert len(list((own / "chunks").iterdir())) == size
    assert all(checks(own).values())
    assert add(own, marks).described == 1  # after that it is a new mark
    assert found(own, marks / "mark0004.png")[0] == "mark0004"


def test_compacting_twice_changes_nothing(own_index: Callable[[], Path]) -> None:
    own = own_index()
    remove_marks(IndexFolder(own), ["mark0001"])
    first = compact(IndexFolder(own), 1, Silent())
    assert (
        compact(IndexFolder(own), 1, Silent()).checksums["vectors.faiss"] == first.checksums["vectors.faiss"]
    )


@pytest.mark.parametrize("lost", ["catalog.sqlite", "vectors.faiss"])
def test_an_interrupted_addition_shows_and_is_mended(
    own_index: Callable[[], Path], index: Path, marks: Path, tmp_path: Path, lost: str
) -> None:
    """A crash between two files leaves one of them old."""
    own, new = own_index(), draw_marks(tmp_path / "new", 3, first=40)
    add(own, new)
    shutil.copy(index / "manifest.json", own)
    shutil.copy(index / lost, own)
    with pytest.raises(ArtifactError, match="index compact"):
        assembly.open_engine(own, quick_settings())
    compact(IndexFolder(own), 1, Silent())
    assert len(found(own, marks / "mark0001.png")) == 30
    assert add(own, new).manifest.counts["marks"] == 33
    assert all(checks(own).values())


def test_a_lost_file_is_made_again(own_index: Callable[[], Path], marks: Path) -> None:
    own = own_index()
    (own / "catalog.sqlite").unlink()
    with pytest.raises(ArtifactError, match="index compact"):
        assembly.open_engine(own, quick_settings())
    compact(IndexFolder(own), 1, Silent())
    assert found(own, marks / "mark0002.png")[0] == "mark0002"


def test_verification_sees_damage(own_index: Callable[[], Path]) -> None:
    own = own_index()
    assert all(checks(own).values())
    chunk = own / "chunks" / "000000.safetensors"
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 255
    chunk.write_bytes(bytes(content))
    assert checks(own) == {"checksums": True, "chunks": False, "counts": True, "sample": True}


def test_verification_sees_changed_files_and_pictures(tmp_path: Path) -> None:
    from tests.small_index import build

    marks, own = draw_marks(tmp_path / "marks", 10), tmp_path / "index"
    build(own, marks)
    (marks / "mark0000.png").write_bytes((marks / "mark0001.png").read_bytes())
    assert checks(own)["sample"] is False
    pca = own / "pca.safetensors"
    pca.write_bytes(pca.read_bytes() + b" ")
    assert checks(own)["checksums"] is False


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def die(*_: object) -> None:
    raise Killed


def test_nothing_is_removed_from_an_index_whose_addition_was_killed(
    own_index: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, new = own_index(), draw_marks(tmp_path / "new", 2, first=40)
    monkeypatch.setattr("marklens.text.text_index.TextIndex.save", die)
    with pytest.raises(Killed):
        add(own, new)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="index compact"):
        remove_marks(IndexFolder(own), ["mark0005"])
    compact(IndexFolder(own), 1, Silent())
    assert add(own, new).manifest.counts["marks"] == 32  # their chunk was kept: nothing is described again
    assert found(own, new / "mark0040.png")[0] == "mark0040"
    assert all(checks(own).values())


def test_vectors_that_cannot_be_written_leave_the_index_as_it_was(
    own_index: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, new = own_index(), draw_marks(tmp_path / "new", 2, first=40)

    def full(*_: object) -> None:
        raise DiskSpaceError("the disk is full")

    monkeypatch.setattr(FaissStore, "save", full)
    with pytest.raises(DiskSpaceError):
        add(own, new)
    monkeypatch.undo()
    assert len(found(own, new / "mark0040.png")) == 30
    assert add(own, new).manifest.counts["marks"] == 32


@pytest.mark.parametrize("mended_by", ["compact", "build"])
def test_a_killed_removal_stays_removed(
    own_index: Callable[[], Path], marks: Path, monkeypatch: pytest.MonkeyPatch, mended_by: str
) -> None:
    own = own_index()
    monkeypatch.setattr("marklens.indexing.maintenance.Manifest.save", die)
    with pytest.raises(Killed):
        remove_marks(IndexFolder(own), ["mark0005"])
    monkeypatch.undo()
    if mended_by == "compact":
        compact(IndexFolder(own), 1, Silent())
    else:
        build(own, marks)
    assert "mark0005" not in found(own, marks / "mark0005.png")
    assert load_complete(IndexFolder(own)).removed == {"mark0005": "mark0005.png"}


@pytest.mark.parametrize("change", ["add", "compact"])
def test_a_disk_with_too_little_room_leaves_the_index_as_it_was(
    own_index: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    own, new = own_index(), draw_marks(tmp_path / "new", 1, first=40)
    before = load_complete(IndexFolder(own))
    with monkeypatch.context() as patch:
        patch.setattr(
            "marklens.core.artifacts.shutil.disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0)
        )
        with pytest.raises(DiskSpaceError, match="30 marks"):
            add(own, new) if change == "add" else compact(IndexFolder(own), 1, Silent())
    assert load_complete(IndexFolder(own)) == before and all(checks(own).values())
    assert add(own, new).manifest.counts["marks"] == 31


def test_verification_sees_marks_without_vectors(own_index: Callable[[], Path], index: Path) -> None:
    from dataclasses import replace

    from marklens.indexing.manifest import checksums
    from marklens.retrieval.catalog import Catalog, Entry

    own = own_index()
    with Catalog.open(own / "catalog.sqlite", writable=True) as catalog:
        mark = catalog.marks([0])[0]
        lost = Entry(30, replace(mark, id="lost"), catalog.views([0])[0], None)
        catalog.append([lost])
        catalog.remove(["mark0001"])
        held = catalog.counts()
    manifest = load_complete(IndexFolder(own))
    now = {**manifest.counts, "marks": held.marks, "removed": held.removed}
    replace(manifest, counts=now, checksums=checksums(IndexFolder(own))).save(IndexFolder(own))
    assert checks(own)["counts"] is False


def test_an_id_that_is_no_utf8_does_not_spoil_the_manifest(own_index: Callable[[], Path]) -> None:
    own = own_index()
    assert remove_marks(IndexFolder(own), ["id\udce9"])[0] == 0
    assert load_complete(IndexFolder(own)).counts["marks"] == 30


def test_what_killed_writers_left_is_swept_away(own_index: Callable[[], Path]) -> None:
    own = own_index()
    left = [own / ".vectors.faiss.123.tmp", own / "chunks" / ".000002.safetensors.9.tmp"]
    for path in (*left, own / ".mine.tmp"):
        path.write_bytes(b"half")
    remove_marks(IndexFolder(own), ["mark0001"])
    assert not any(path.exists() for path in left)
    assert (own / ".mine.tmp").exists()
