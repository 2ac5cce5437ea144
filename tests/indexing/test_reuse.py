"""What was described once is not described again, wherever in the dataset it stands now."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.small_index import Silent, StopAfter, build, draw_marks, quick_settings

from marklens import assembly, build_assembly
from marklens.core.errors import ArtifactError, Interrupted, UsageError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.types import Mark
from marklens.datasets.opening import open_dataset
from marklens.indexing.builder import BuildReport
from marklens.indexing.chunks import UNKNOWN, Chunk, found_chunk, load_chunk, origins_of
from marklens.indexing.folder import IndexFolder
from marklens.indexing.maintenance import compact, remove_marks
from marklens.indexing.manifest import load_complete
from marklens.indexing.reuse import EarlierChunks


def chunks(index: Path) -> list[Chunk]:
    folder = IndexFolder(index)
    return [load_chunk(path) for path in folder.chunks(load_complete(folder).chunks)]


def same_as_new(index: Path, marks: Path, fresh: Path) -> bool:
    """Whether an index is the one that a build from nothing makes, but for the last digits of vectors."""
    build(fresh, marks)
    pairs = list(zip(chunks(index), chunks(fresh), strict=True))
    plain = all(
        (a.source, a.marks, a.faults, a.masks) == (b.source, b.marks, b.faults, b.masks) for a, b in pairs
    )
    close = all(np.allclose(a.vectors, b.vectors, atol=2e-3) for a, b in pairs)
    exact = all(np.array_equal(a.owners, b.owners) and np.array_equal(a.inks, b.inks) for a, b in pairs)
    return plain and close and exact and not IndexFolder(index).next_chunks()


def stopped_rebuild(index: Path, dataset: Path, steps: int) -> None:
    stop = StopFlag()
    with pytest.raises(Interrupted):
        build_assembly.build(
            index, open_dataset(dataset), quick_settings(), None, StopAfter(steps, stop), stop
        )


def add(index: Path, dataset: Path) -> BuildReport:
    return build_assembly.add(index, open_dataset(dataset), quick_settings(), Silent(), StopFlag())


def with_additions(folder: Path) -> tuple[Path, Path]:
    """Nine marks and the index of them, to which two were added."""
    marks, index = draw_marks(folder / "marks", 9), folder / "index"
    build(index, marks)
    add(index, draw_marks(folder / "new", 2, 40))
    return marks, index


Row = dict[str, object]


def listed(folder: Path, rows: list[Row]) -> Path:
    path = folder / "marks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_picture_that_sorts_first_costs_only_itself(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 30, first=10), tmp_path / "index"
    build(index, marks)
    draw_marks(marks, 2)  # sort first
    (marks / "mark0020.png").unlink()
    (marks / "mark0030.png").write_bytes((marks / "mark0001.png").read_bytes())
    report = build(index, marks)
    assert (report.described, report.manifest.counts["marks"]) == (3, 31)
    assert same_as_new(index, marks, tmp_path / "fresh")
    hits = (
        assembly.open_engine(index, quick_settings()).search(read_picture(marks / "mark0000.png"), top=1).hits
    )
    assert hits[0].mark.id == "mark0000"
    assert build(index, marks).changed is False


def test_other_data_of_a_mark_read_no_picture_again(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 20), tmp_path / "index"
    rows: list[Row] = [{"id": f"m{n}", "file": f"mark{n:04d}.png", "year": 2001} for n in range(20)]
    dataset = listed(marks, rows)
    build(index, dataset)
    listed(marks, [{**row, "year": 2002, "owner": "ACME"} for row in rows])
    report = build(index, dataset)
    assert (report.described, report.changed) == (0, True)
    assert {mark.year for chunk in chunks(index) for mark in chunk.marks} == {2002}
    listed(marks, [{**row, "text": "Kiwi"} if row["id"] == "m3" else row for row in rows])
    assert build(index, dataset).described == 1  # its words need not be read any more
    assert same_as_new(index, dataset, tmp_path / "fresh")


def test_chunks_of_another_size_are_made_of_those_there(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 20), tmp_path / "index"
    build(index, marks)
    settings = quick_settings()
    small = settings.model_copy(update={"build": settings.build.model_copy(update={"chunk": 3})})
    report = build(index, marks, small)
    assert (report.described, report.manifest.chunks) == (0, 7)
    assert [mark.id for chunk in chunks(index) for mark in chunk.marks] == [f"mark{n:04d}" for n in range(20)]


@pytest.mark.parametrize("chunk", [8, 2])
def test_what_a_stopped_rebuild_described_is_kept_through_any_further_change(
    tmp_path: Path, chunk: int
) -> None:
    marks, index = draw_marks(tmp_path / "marks", 16, first=100), tmp_path / "index"
    build(index, marks)
    draw_marks(marks, 48, first=200)
    stopped_rebuild(index, marks, 50)
    draw_marks(marks, 20)  # sort first: every chunk that waits is cut otherwise
    settings = quick_settings()
    other = settings.model_copy(update={"build": settings.build.model_copy(update={"chunk": chunk})})
    assert build(index, marks, other).described <= 20 + 48 - 32
    assert [mark.id for chunk in chunks(index) for mark in chunk.marks] == sorted(
        path.stem for path in marks.iterdir()
    )


def test_marks_in_another_order_load_each_chunk_about_once_a_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks, index = draw_marks(tmp_path / "marks", 64), tmp_path / "index"
    rows = [Row({"id": f"m{n}", "file": f"mark{n:04d}.png"}) for n in range(64)]
    dataset = listed(marks, rows)
    build(index, dataset)
    np.random.default_rng(0).shuffle(rows)
    listed(marks, rows)
    loads: list[Path] = []

    def counted(path: Path) -> Chunk | None:
        loads.append(path)
        return found_chunk(path)

    monkeypatch.setattr("marklens.indexing.reuse.found_chunk", counted)
    assert build(index, dataset).described == 0
    assert len(loads) <= 64 + 2 * 8
    assert [mark.id for chunk in chunks(index) for mark in chunk.marks] == [row["id"] for row in rows]


def test_leftovers_that_no_manifest_tells_of_are_not_taken_over(
    own_index: Callable[[], Path], marks: Path
) -> None:
    own = own_index()
    folder = IndexFolder(own)
    folder.next_chunk("x").parent.mkdir()
    folder.chunk(0).rename(folder.next_chunk("x"))
    for path in [folder.manifest, *folder.chunks_from(0)]:
        path.unlink()
    with pytest.raises(UsageError, match="something else"):
        build(own, marks)


@pytest.mark.parametrize("steps", [1, 9, 17])
def test_a_stopped_rebuild_goes_on_where_it_was(tmp_path: Path, steps: int) -> None:
    marks, index = draw_marks(tmp_path / "marks", 24, first=10), tmp_path / "index"
    build(index, marks)
    draw_marks(marks, 5)
    stopped_rebuild(index, marks, steps)
    assert load_complete(IndexFolder(index)).counts["marks"] == 24
    described = len({*IndexFolder(index).next_chunks()}) > 0
    draw_marks(marks, 1, first=6)  # and the dataset changes again meanwhile
    assert build(index, marks).described == (1 if described else 6)
    assert same_as_new(index, marks, tmp_path / "fresh")


def test_a_rebuild_killed_while_chunks_take_their_places_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks, index = draw_marks(tmp_path / "marks", 24, first=10), tmp_path / "index"
    build(index, marks)
    draw_marks(marks, 1)
    moved: list[Path] = []

    def killed(self: Path, target: Path) -> Path:
        if self.parent.name == "next" and len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(self)
        return Path(self.rename(target))

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        build(index, marks)
    monkeypatch.undo()
    assert build(index, marks).described == 0
    assert same_as_new(index, marks, tmp_path / "fresh")


def test_broken_pictures_stay_faults_and_are_tried_again_only_where_the_chunk_changes(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 10, first=10), tmp_path / "index"
    (marks / "mark0012.png").write_bytes(b"no picture")
    build(index, marks)
    draw_marks(marks, 1)
    report = build(index, marks)
    assert report.described == 2  # the new one, and the broken one once more
    assert report.manifest.counts["faults"] == 1
    assert same_as_new(index, marks, tmp_path / "fresh")


def without_origins(index: Path) -> None:
    """As an older Marklens would have written it."""
    for path in IndexFolder(index).chunks_from(0):
        chunk = load_chunk(path)
        replace(chunk, origins=np.full(len(chunk.marks), UNKNOWN)).save(path)


def test_chunks_of_an_older_marklens_serve_whole_and_learn_their_origins(
    own_index: Callable[[], Path], marks: Path
) -> None:
    own = own_index()
    without_origins(own)
    assert build(own, marks).changed is False
    for chunk in chunks(own):
        assert chunk.origins.tolist() == origins_of(chunk.marks).tolist()


def test_chunks_of_an_older_marklens_are_described_again_where_marks_changed(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 20), tmp_path / "index"
    build(index, marks)
    without_origins(index)
    (marks / "mark0019.png").unlink()
    assert build(index, marks).described == 3  # the rest of the last chunk of 8
    assert same_as_new(index, marks, tmp_path / "fresh")


def test_a_damaged_chunk_of_an_index_with_additions_costs_its_marks_until_they_are_added_again(
    tmp_path: Path,
) -> None:
    marks, new, index = (
        draw_marks(tmp_path / "marks", 20),
        draw_marks(tmp_path / "new", 5, 40),
        tmp_path / "index",
    )
    build(index, marks)

    add(index, new)
    IndexFolder(index).chunk(1).write_bytes(b"damaged")
    assert compact(IndexFolder(index), 1, Silent()).counts["marks"] == 17
    assert add(index, marks).described == 8
    engine = assembly.open_engine(index, quick_settings())
    assert engine.search(read_picture(marks / "mark0010.png"), top=1).hits[0].mark.id == "mark0010"
    assert all(check.passed for check in build_assembly.check(index, quick_settings(), 8, Silent()))


def test_damaged_files_hold_nothing(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 8), tmp_path / "index"
    build(index, marks)
    path, held = IndexFolder(index).chunk(0), chunks(index)[0]
    earlier = EarlierChunks([path, tmp_path / "none"])
    assert earlier.whole(held.source) is not None
    rows = earlier.find(held.origins)
    assert earlier.take(rows) is not None and sorted(earlier.origins(rows)) == sorted(held.origins)
    unknown = origins_of([Mark("x", "x.png", tmp_path / "x.png")])
    assert earlier.find(unknown).size == 0 and earlier.take(earlier.find(unknown)) is None
    path.write_bytes(path.read_bytes()[:-20])
    again = EarlierChunks([path])
    assert again.whole(held.source) is None and again.find(held.origins).size == 0


def test_a_chunk_that_cannot_be_read_for_now_is_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, index = with_additions(tmp_path)
    path = IndexFolder(index).chunk(0)
    before, opened = path.read_bytes(), Path.open

    def refused(self: Path, *arguments: Any, **options: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return opened(self, *arguments, **options)

    monkeypatch.setattr(
        "marklens.indexing.maintenance.found_chunk", lambda it: None if it == path else found_chunk(it)
    )
    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ArtifactError, match="Permission denied"):
        compact(IndexFolder(index), 1, Silent())
    monkeypatch.undo()
    assert path.read_bytes() == before


def test_a_damaged_reduction_of_an_index_with_additions_is_made_again(tmp_path: Path) -> None:
    marks, index = with_additions(tmp_path)
    folder = IndexFolder(index)
    folder.pca.write_bytes(folder.pca.read_bytes()[:-9])
    assert compact(folder, 1, Silent()).counts["marks"] == 11
    engine = assembly.open_engine(index, quick_settings())
    assert engine.search(read_picture(marks / "mark0003.png"), top=1).hits[0].mark.id == "mark0003"


def test_compacting_leaves_nothing_of_a_removed_mark_in_chunks_that_wait(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 20), tmp_path / "index"
    rows = [Row({"id": f"m{n}", "file": f"mark{n:04d}.png", "text": f"secret{n:04d}"}) for n in range(20)]
    dataset = listed(marks, rows)
    build(index, dataset)
    listed(marks, rows[1:])  # every chunk shifts
    stopped_rebuild(index, dataset, 17)
    folder = IndexFolder(index)
    assert any(b"secret0003" in path.read_bytes() for path in folder.next_chunks())
    remove_marks(folder, ["m3"])
    compact(folder, 1, Silent())
    left = [path.name for path in index.rglob("*") if path.is_file() and b"secret0003" in path.read_bytes()]
    assert left == []
    assert build(index, dataset).manifest.counts["marks"] == 18


def test_a_removal_does_not_bless_a_damaged_file(own_index: Callable[[], Path]) -> None:
    own = own_index()
    folder = IndexFolder(own)
    damaged = bytearray(folder.patches.read_bytes())
    damaged[-1] ^= 1
    folder.patches.write_bytes(bytes(damaged))
    remove_marks(folder, ["mark0004"])
    files = {check.name: check.passed for check in build_assembly.check(own, quick_settings(), 2, Silent())}
    assert files["checksums"] is False


def test_adding_after_a_stopped_rebuild_adds_what_was_given(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 20), tmp_path / "index"
    build(index, marks)
    draw_marks(marks, 20, first=20)
    stopped_rebuild(index, marks, 33)
    assert IndexFolder(index).next_chunks()
    new = draw_marks(tmp_path / "new", 5, 80)
    report = add(index, new)
    assert (report.described, report.manifest.counts["marks"]) == (5, 25)
    ids = {mark.id for chunk in chunks(index) for mark in chunk.marks}
    assert {f"mark{n:04d}" for n in range(80, 85)} <= ids and "mark0030" not in ids
    assert not IndexFolder(index).next_chunks()


def test_adding_nothing_keeps_what_a_stopped_rebuild_described(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 20), tmp_path / "index"
    build(index, marks)
    known = draw_marks(tmp_path / "known", 3)
    draw_marks(marks, 20, first=20)
    stopped_rebuild(index, marks, 33)
    before = IndexFolder(index).next_chunks()
    assert add(index, known).changed is False
    assert IndexFolder(index).next_chunks() == before


def test_a_rebuild_that_is_not_wanted_any_more_changes_nothing(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 20), tmp_path / "index"
    build(index, marks)
    made = IndexFolder(index).manifest.stat().st_mtime_ns
    more = [path for path in draw_marks(marks, 20, first=20).iterdir() if int(path.stem[4:]) >= 20]
    stopped_rebuild(index, marks, 33)
    assert IndexFolder(index).manifest.stat().st_mtime_ns == made  # who serves it need not open it again
    for path in more:
        path.unlink()
    assert build(index, marks).changed is False
    assert not IndexFolder(index).next_chunks()


def test_a_removed_mark_that_was_about_to_return_returns_after_a_compact(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 12), tmp_path / "index"
    build(index, marks)
    folder = IndexFolder(index)
    remove_marks(folder, ["mark0003"])
    compact(folder, 1, Silent())
    new = draw_marks(tmp_path / "new", 20, 40)
    (new / "mark0003.png").write_bytes((marks / "mark0003.png").read_bytes())
    stop = StopFlag()
    with pytest.raises(Interrupted):
        build_assembly.add(index, open_dataset(new), quick_settings(), StopAfter(8, stop), stop)
    compact(folder, 1, Silent())
    add(index, new)
    assert "mark0003" in {mark.id for chunk in chunks(index) for mark in chunk.marks}
