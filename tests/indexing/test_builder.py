"""Builds: whatever stops them, the same call ends in the same index."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from tests.small_index import WORDS, Silent, StopAfter, build, draw_mark, draw_marks, quick_settings

from marklens import assembly, build_assembly
from marklens.core.artifacts import read_json, write_json
from marklens.core.errors import (
    ArtifactError,
    DiskSpaceError,
    IndexMismatchError,
    Interrupted,
    ModelError,
    UsageError,
)
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.types import Pixels, Vectors
from marklens.datasets.opening import open_dataset
from marklens.embeddings.onnx_embedder import bundled_weights
from marklens.embeddings.pca_reducer import PcaReducer, find_reducer
from marklens.indexing.folder import FolderLock, IndexFolder
from marklens.indexing.maintenance import compact, remove_marks
from marklens.indexing.manifest import Manifest, load_complete
from marklens.preprocessing.pipeline import PreparedMark, ViewMaker
from marklens.retrieval.catalog import Catalog
from marklens.retrieval.vector_store import open_store
from marklens.settings import Settings


def content(index: Path) -> tuple[str, bytes, bytes, bytes]:
    """What two equal indexes have in common: catalog rows, and reduction, vectors and patches to the byte."""
    folder = IndexFolder(index)
    with Catalog.open(folder.catalog) as catalog:
        files = [path.read_bytes() for path in (folder.pca, folder.vectors, folder.patches)]
        return catalog.content_digest(), files[0], files[1], files[2]


def test_every_mark_finds_itself(index: Path, marks: Path) -> None:
    engine = assembly.open_engine(index, quick_settings())
    for path in sorted(marks.iterdir())[::6]:
        result = engine.search(read_picture(path), top=3)
        assert result.hits[0].mark.file == path.name
        assert result.hits[0].score == pytest.approx(1, abs=2e-3)
        assert set(result.timings_ms) == {"preprocess", "embed", "retrieve", "rerank", "total"}


def test_marks_with_words_have_two_views_and_a_stored_mask(index: Path) -> None:
    with Catalog.open(IndexFolder(index).catalog) as catalog:
        kinds = catalog.view_kinds(range(30))
        two = [number for number, views in kinds.items() if len(views) == 2]
        assert set(two) >= {0, 3, 6}  # every third mark has a word under it
        assert all((catalog.mask(number) is not None) == (number in two) for number in kinds)


def test_words_are_read_where_the_dataset_gives_none(index: Path, marks: Path, tmp_path: Path) -> None:
    engine = assembly.open_engine(index, quick_settings())
    read = {reading.text for reading in engine.catalog.readings(range(30)).values()}
    assert read & set(WORDS)
    lines = [json.dumps({"file": str(path), "text": "known"}) for path in sorted(marks.glob("*.png"))[:6]]
    (tmp_path / "marks.jsonl").write_text("\n".join(lines))
    build(tmp_path / "named", tmp_path / "marks.jsonl")
    named = assembly.open_engine(tmp_path / "named", quick_settings())
    assert named.catalog.counts().marks == 6 and not named.catalog.readings(range(6))
    hit = engine.search(read_picture(marks / "mark0000.png")).hits[0]
    assert hit.mark.text is None and hit.words == "ACME"


def test_the_reduction_and_the_vectors_fit_the_chunks(index: Path) -> None:
    folder = IndexFolder(index)
    manifest, store = load_complete(folder), open_store(folder.vectors)
    assert manifest.counts == {"marks": 30, "removed": 0, "views": len(store), "faults": 0}
    assert PcaReducer.load(folder.pca).dims == 16
    assert {"decode", "detect", "embed", "pca", "graph", "catalog", "write"} <= set(manifest.seconds)


@pytest.mark.parametrize("steps", [1, 9, 17])
def test_a_stopped_build_resumes_to_the_same_index(
    index: Path, marks: Path, tmp_path: Path, steps: int
) -> None:
    stop = StopFlag()
    with pytest.raises(Interrupted, match="resume"):
        build_assembly.build(
            tmp_path, open_dataset(marks), quick_settings(), None, StopAfter(steps, stop), stop
        )
    with pytest.raises(ArtifactError, match="not finished"):
        assembly.open_engine(tmp_path, quick_settings())
    kept = len(list((tmp_path / "chunks").iterdir()))
    progress = Silent()
    report = build_assembly.build(tmp_path, open_dataset(marks), quick_settings(), None, progress, StopFlag())
    assert kept >= 1
    assert report.described == 30 - min(30, 8 * kept)
    assert content(tmp_path) == content(index)


def test_a_second_build_has_nothing_to_do(own_index: Callable[[], Path], marks: Path) -> None:
    own = own_index()
    before = content(own)
    report = build(own, marks)
    assert (report.described, report.changed) == (0, False)
    assert content(own) == before


def test_damage_is_mended(own_index: Callable[[], Path], index: Path, marks: Path) -> None:
    own = own_index()
    chunk = own / "chunks" / "000001.safetensors"
    chunk.write_bytes(chunk.read_bytes()[:-100])
    (own / "vectors.faiss").write_bytes(b"nothing")
    report = build(own, marks)
    assert (report.described, report.changed) == (8, True)
    assert content(own) == content(index)


def test_only_what_changed_is_described_again(tmp_path: Path) -> None:
    marks = draw_marks(tmp_path / "marks", 20)
    build(tmp_path / "index", marks)
    draw_marks(marks, 1, first=100)  # sorts last: the third chunk of 8 changes
    (marks / "mark0002.png").write_bytes((marks / "mark0100.png").read_bytes())
    report = build(tmp_path / "index", marks)
    assert report.described == 2
    assert report.manifest.counts["marks"] == 21


def test_another_reduction_makes_only_the_last_stages_again(
    own_index: Callable[[], Path], marks: Path
) -> None:
    own = own_index()
    settings = quick_settings()
    plain = settings.model_copy(update={"pca": settings.pca.model_copy(update={"whitening": 0.0})})
    report = build(own, marks, plain)
    assert (report.described, report.changed) == (0, True)
    assert PcaReducer.load(own / "pca.safetensors").whitening == 0.0


def pca_settings(**pca: object) -> Settings:
    settings = quick_settings()
    return settings.model_copy(update={"pca": settings.pca.model_copy(update=pca)})


@pytest.mark.parametrize(("own_from", "learned"), [(None, True), (10_000, True), (5, False), (0, False)])
def test_an_index_takes_the_reduction_of_its_network_unless_it_shall_fit_one(
    tmp_path: Path, marks: Path, own_from: int | None, learned: bool
) -> None:
    manifest = build(tmp_path / "index", marks, pca_settings(own_from=own_from), limit=9).manifest
    of_network = find_reducer(bundled_weights(), str(manifest.recipe.model["hash"]), 16)
    assert of_network is not None
    kept = PcaReducer.load(tmp_path / "index" / "pca.safetensors")
    assert (kept.digest == of_network.digest) is learned


def test_an_index_that_lost_its_reduction_gets_the_networks_again(tmp_path: Path, marks: Path) -> None:
    index = tmp_path / "index"
    build(index, marks, pca_settings(own_from=None), limit=9)
    kept = (index / "pca.safetensors").read_bytes()
    (index / "pca.safetensors").unlink()
    compact(IndexFolder(index), 1, Silent(), weights=bundled_weights())
    assert (index / "pca.safetensors").read_bytes() == kept


def test_a_network_without_a_reduction_gets_one_fitted(tmp_path: Path, marks: Path) -> None:
    shutil.copy(bundled_weights(), tmp_path / "net.onnx")
    settings = pca_settings(own_from=None, dims=6)
    alone = settings.model_copy(
        update={
            "model": settings.model.model_copy(update={"weights": tmp_path / "net.onnx"}),
            "patches": settings.patches.model_copy(update={"dims": 0}),
        }
    )
    manifest = build(tmp_path / "index", marks, alone, limit=9).manifest
    assert manifest.recipe.pca["reduction"] == ""
    assert PcaReducer.load(tmp_path / "index" / "pca.safetensors").whitening == settings.pca.whitening


def test_an_index_of_before_opens_and_takes_the_learned_reduction_when_built_again(
    tmp_path: Path, marks: Path
) -> None:
    index = tmp_path / "index"
    build(index, marks, pca_settings(own_from=0), limit=9)
    document = read_json(index / "manifest.json")
    document["recipe"]["pca"] |= {"own_from": 10_000}
    del document["recipe"]["pca"]["reduction"]
    write_json(index / "manifest.json", document)
    with closing(assembly.open_engine(index, quick_settings())) as engine:
        assert engine.catalog.counts().marks == 9
    report = build(index, marks, pca_settings(own_from=None), limit=9)
    assert (report.described, report.changed) == (0, True)
    assert PcaReducer.load(index / "pca.safetensors").whitening == 0.0


def test_another_recipe_or_dataset_is_refused(
    own_index: Callable[[], Path], marks: Path, tmp_path: Path
) -> None:
    own = own_index()
    with pytest.raises(IndexMismatchError, match=r"preprocessing.trim: True against False"):
        build(own, marks, quick_settings(trim=False))
    with pytest.raises(UsageError, match="index add"):
        build(own, draw_marks(tmp_path / "others", 3))
    assert load_complete(IndexFolder(own)).counts["marks"] == 30


def test_settings_that_nobody_set_follow_the_index(tmp_path: Path, marks: Path) -> None:
    build(tmp_path, marks, quick_settings(trim=False), limit=8)
    engine = assembly.open_engine(tmp_path, quick_settings())
    assert engine.recipe["preprocessing"]["trim"] is False
    with pytest.raises(IndexMismatchError, match="trim"):
        assembly.open_engine(tmp_path, quick_settings(trim=True))


class SmallNetwork:
    """Satisfies `core.ports.Embedder` for views of another size: the picture itself, made small."""

    dims, size, model_hash = 192, 96, "small"

    def embed(self, pixels: Pixels) -> Vectors:
        return pixels[:, 6::12, 6::12].reshape(len(pixels), -1).astype(np.float32)


def test_an_index_of_another_view_size_needs_no_setting(
    tmp_path: Path, marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (assembly, build_assembly):
        monkeypatch.setattr(module, "make_embedder", lambda _: SmallNetwork())
    with pytest.raises(UsageError, match=r"views\.size is 224, the network takes 96"):
        build(tmp_path, marks)
    build(tmp_path, marks, quick_settings(size=96), limit=8)
    engine = assembly.open_engine(tmp_path, quick_settings())
    assert engine.search(read_picture(marks / "mark0003.png"), top=1).hits[0].mark.id == "mark0003"


def test_bad_pictures_cost_only_themselves(tmp_path: Path) -> None:
    marks = draw_marks(tmp_path / "marks", 10)
    (marks / "empty.png").write_bytes(b"")
    (marks / "cut.png").write_bytes((marks / "mark0001.png").read_bytes()[:300])
    (marks / "words.jpg").write_bytes(b"not a picture at all")
    report = build(tmp_path / "index", marks)
    lines = (tmp_path / "index" / "errors.jsonl").read_text().splitlines()
    faults = {fault["item"]: fault["kind"] for fault in map(json.loads, lines)}
    assert set(faults) == {"empty.png", "cut.png", "words.jpg"}
    assert faults["empty.png"] == "empty"
    assert report.manifest.counts == {
        "marks": 10,
        "removed": 0,
        "views": report.manifest.counts["views"],
        "faults": 3,
    }


def test_nothing_usable_is_an_error(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    (marks / "a.png").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"errors\.jsonl"):
        build(tmp_path / "index", marks)
    assert "a.png" in (tmp_path / "index" / "errors.jsonl").read_text()


def test_two_processes_do_not_change_one_index(own_index: Callable[[], Path], marks: Path) -> None:
    own = own_index()
    with FolderLock(IndexFolder(own)), pytest.raises(UsageError, match="another process"):
        build(own, marks)


def test_a_limit_takes_the_first_marks(tmp_path: Path, marks: Path) -> None:
    build(tmp_path, marks, limit=5)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        assert list(catalog.files().values()) == [f"mark{i:04d}.png" for i in range(5)]


def test_workers_make_the_same_index(tmp_path: Path, marks: Path, index: Path) -> None:
    settings = quick_settings()
    pool = settings.model_copy(update={"build": settings.build.model_copy(update={"workers": 2})})
    build(tmp_path, marks, pool)
    assert content(tmp_path) == content(index)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99}', '{"format": 1}'])
def test_a_damaged_manifest_is_one_line(own_index: Callable[[], Path], text: str) -> None:
    own = own_index()
    (own / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError) as caught:
        Manifest.load(IndexFolder(own))
    assert "\n" not in str(caught.value)


def test_vectors_hold_what_the_network_said(index: Path, marks: Path) -> None:
    """A stored vector is the reduced descriptor of the mark's view, to half precision."""
    settings = quick_settings()
    maker = assembly.make_view_maker(assembly.view_options(settings))
    view = maker.prepare(read_picture(marks / "mark0001.png")).views[0]
    pooled = assembly.make_embedder(settings).embed(view.pixels[None])
    expected = PcaReducer.load(index / "pca.safetensors").reduce(pooled)
    stored = open_store(index / "vectors.faiss").vectors(np.array([1 << 3]))
    assert float((expected * stored).sum()) == pytest.approx(1, abs=1e-4)


def test_a_rebuild_that_dies_in_its_last_stages_cannot_be_searched(
    own_index: Callable[[], Path], marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, settings = own_index(), quick_settings()
    plain = settings.model_copy(update={"pca": settings.pca.model_copy(update={"whitening": 0.0})})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("marklens.indexing.derive.Catalog.create", die)
    with pytest.raises(KeyboardInterrupt):
        build(own, marks, plain)
    with pytest.raises(ArtifactError, match="not finished"):
        assembly.open_engine(own, settings)
    monkeypatch.undo()
    build(own, marks, plain)
    assert assembly.open_engine(own, settings).similar(3, 1)[0].score == pytest.approx(1, abs=1e-3)


def test_an_interrupted_rebuild_leaves_a_whole_index(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 20), tmp_path / "index"
    build(index, marks)
    (marks / "mark0000.png").unlink()  # every chunk shifts
    stop = StopFlag()
    with pytest.raises(Interrupted):
        build_assembly.build(index, open_dataset(marks), quick_settings(), None, StopAfter(1, stop), stop)
    assert IndexFolder(index).next_chunks()
    assert len(assembly.open_engine(index, quick_settings()).similar(3, 50)) == 20
    assert remove_marks(IndexFolder(index), ["mark0007"]) == (1, [])
    assert compact(IndexFolder(index), 1, Silent()).counts["marks"] == 19
    report = build(index, marks)
    assert report.described == 1  # what is removed is kept nowhere, and the dataset has it still
    assert (report.manifest.counts["marks"], report.manifest.counts["removed"]) == (18, 1)
    assert not IndexFolder(index).next_chunks()


def test_removed_marks_stay_removed_through_compaction_and_rebuild(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 12), tmp_path / "index"
    build(index, marks)
    remove_marks(IndexFolder(index), ["mark0005"])
    compact(IndexFolder(index), 1, Silent())
    (marks / "mark0000.png").unlink()
    assert build(index, marks).manifest.counts["marks"] == 10
    with Catalog.open(index / "catalog.sqlite") as catalog:
        assert catalog.number("mark0005") is None


@pytest.mark.parametrize("compacted", [False, True])
def test_removed_marks_stay_removed_under_another_id(tmp_path: Path, compacted: bool) -> None:
    marks, index = tmp_path / "marks", tmp_path / "index"
    draw_marks(marks / "a", 4)
    build(index, marks)
    remove_marks(IndexFolder(index), ["mark0001"])
    if compacted:
        compact(IndexFolder(index), 1, Silent())
    draw_marks(marks / "b", 1, first=1)  # now the ids of both files hold their folders
    build(index, marks)
    with Catalog.open(index / "catalog.sqlite") as catalog:
        assert catalog.number("b/mark0001") is not None
        assert catalog.number("a/mark0001") is None


@pytest.mark.parametrize("stage", ["graph", "patches", "catalog"])
def test_a_stop_in_the_last_stages_is_heard_and_resumed(tmp_path: Path, stage: str) -> None:
    class Stopping(Silent):
        def start(self, name: str, total: int | None) -> None:
            super().start(name, total)
            if name == stage:
                stop.set()

    marks, stop = draw_marks(tmp_path / "marks", 9), StopFlag()
    with pytest.raises(Interrupted, match=f"stopped after the stage {stage}: run the same"):
        build_assembly.build(
            tmp_path / "index", open_dataset(marks), quick_settings(), None, Stopping(), stop
        )
    report = build(tmp_path / "index", marks)
    assert (report.described, report.manifest.counts["marks"]) == (0, 9)


def test_a_removed_mark_takes_no_other_with_it(tmp_path: Path) -> None:
    marks, index = tmp_path / "marks", tmp_path / "index"
    draw_marks(marks / "a", 3)
    rows = [("a/mark0000.png", "1"), ("a/mark0001.png", "2")]
    (marks / "m.csv").write_text("path,file,id\n" + "".join(f"{path},logo.png,{id}\n" for path, id in rows))
    build(index, marks / "m.csv")
    remove_marks(IndexFolder(index), ["1"])
    with (marks / "m.csv").open("a") as file:
        file.write("a/mark0002.png,logo.png,3\n")
    assert build(index, marks / "m.csv").manifest.counts["marks"] == 2
    folder = tmp_path / "folder"
    draw_marks(folder / "a", 2)
    build(tmp_path / "other", folder)
    remove_marks(IndexFolder(tmp_path / "other"), ["mark0001"])
    (folder / "a" / "mark0001.png").unlink()
    draw_marks(folder / "b", 1, first=1)  # it gets the id of the removed one, and is another
    assert build(tmp_path / "other", folder).manifest.counts["removed"] == 0
    assert compact(IndexFolder(tmp_path / "other"), 1, Silent()).counts["marks"] == 2


def test_a_removed_mark_stays_removed_under_another_file_name(tmp_path: Path) -> None:
    marks, index = draw_marks(tmp_path / "marks", 2), tmp_path / "index"
    rows = "file,id\nmark0000.png,mark0000\nmark0001.png,{}\n"
    for name, id in (("first", "TM1"), ("mark0001", "mark0001")):
        (marks / f"{name}.csv").write_text(rows.format(id))
        build(index / name, marks / f"{name}.csv")
        remove_marks(IndexFolder(index / name), [id])
    (marks / "mark0001.png").rename(marks / "mark0001.bmp.png")
    cv2.imwrite(str(marks / "mark0001.bmp"), draw_mark(1))
    for name in ("first", "mark0001"):
        path = marks / f"{name}.csv"
        path.write_text(path.read_text().replace("mark0001.png", "mark0001.bmp"))
        assert build(index / name, path).manifest.counts["removed"] == 1


def test_a_changed_picture_of_the_same_size_is_noticed(tmp_path: Path) -> None:
    marks = draw_marks(tmp_path / "marks", 3)
    for number, seed in enumerate((5, 6)):
        cv2.imwrite(str(marks / f"plain{number}.bmp"), draw_mark(seed))
    build(tmp_path / "index", marks)
    (marks / "plain0.bmp").write_bytes((marks / "plain1.bmp").read_bytes())
    os.utime(marks / "plain0.bmp", ns=(1, 1))
    assert build(tmp_path / "index", marks).described > 0


def test_two_manifests_of_one_folder_are_two_datasets(tmp_path: Path) -> None:
    marks = draw_marks(tmp_path, 4)
    for name, numbers in (("train", (0, 1, 2)), ("val", (3,))):
        rows = [json.dumps({"file": f"mark{number:04d}.png"}) for number in numbers]
        (marks / f"{name}.jsonl").write_text("\n".join(rows))
    build(tmp_path / "index", marks / "train.jsonl")
    with pytest.raises(UsageError, match="another folder"):
        build(tmp_path / "index", marks / "val.jsonl")


def test_a_smaller_limit_throws_nothing_away(own_index: Callable[[], Path], marks: Path) -> None:
    own = own_index()
    with pytest.raises(UsageError, match="--limit 3"):
        build(own, marks, limit=3)
    assert load_complete(IndexFolder(own)).counts["marks"] == 30


def test_chunks_that_nobody_knows_are_left_alone(own_index: Callable[[], Path], marks: Path) -> None:
    own = own_index()
    (own / "manifest.json").unlink()
    kept = {path.name: path.read_bytes() for path in (own / "chunks").iterdir()}
    with pytest.raises(UsageError, match="something else"):
        build(own, marks)
    assert {path.name: path.read_bytes() for path in (own / "chunks").iterdir()} == kept


def test_a_build_that_finds_nothing_leaves_a_finished_index_changeable(tmp_path: Path) -> None:
    marks = draw_marks(tmp_path / "marks", 4)
    manifest, index = marks / "manifest.jsonl", tmp_path / "index"
    row = json.dumps({"file": "mark0000.png"})
    manifest.write_text(row)
    build(index, marks)
    manifest.write_text("")
    with pytest.raises(UsageError, match="no marks"):
        build(index, marks)
    assert remove_marks(IndexFolder(index), ["mark0000"]) == (1, [])


def test_an_index_changed_while_it_is_opened_is_not_opened(
    own_index: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_index()
    load = PcaReducer.load

    def load_while_changed(path: Path) -> PcaReducer:
        reducer = load(path)
        replace(load_complete(IndexFolder(own)), source="another").save(IndexFolder(own))
        return reducer

    monkeypatch.setattr("marklens.assembly.PcaReducer.load", load_while_changed)
    with pytest.raises(ArtifactError, match="try again"):
        assembly.open_engine(own, quick_settings())


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux only")
def test_file_names_that_are_no_utf8_cost_nothing(tmp_path: Path) -> None:
    marks = draw_marks(tmp_path / "marks", 2)
    os.rename(marks / "mark0000.png", os.fsencode(marks) + b"/m\xff.png")
    with open(os.fsencode(marks) + b"/bad\xfe.png", "wb"):
        pass
    report = build(tmp_path / "index", marks)
    assert report.manifest.counts["marks"] == 2
    assert len((tmp_path / "index" / "errors.jsonl").read_text().splitlines()) == 1


def test_as_many_hits_as_asked_for(index: Path) -> None:
    engine = assembly.open_engine(index, quick_settings())
    assert [len(engine.similar(0, depth)) for depth in (1, 15, 20, 29, 30, 99)] == [1, 15, 20, 29, 30, 30]


def fail_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the first picture cost the worker its memory."""
    prepare, calls = ViewMaker.prepare, iter([True])

    def failing(self: ViewMaker, picture: Pixels, read: bool = False) -> PreparedMark:
        if next(calls, False):
            raise MemoryError
        return prepare(self, picture, read)

    monkeypatch.setattr(ViewMaker, "prepare", failing)


def test_marks_that_failed_for_a_passing_reason_are_tried_again(
    tmp_path: Path, marks: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once(monkeypatch)
    assert build(tmp_path, marks).manifest.counts["faults"] == 1
    report = build(tmp_path, marks)
    assert (report.described, report.changed) == (1, True)
    assert report.manifest.counts == load_complete(IndexFolder(index)).counts
    assert content(tmp_path) == content(index)
    assert build(tmp_path, marks).described == 0


def test_pictures_that_fail_each_time_leave_the_index_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks, own = draw_marks(tmp_path / "marks", 9), tmp_path / "index"
    (marks / "a-broken.png").write_bytes(b"no picture")  # this one is not tried again, the first chunk is
    for changed in (True, False):
        fail_once(monkeypatch)
        assert build(own, marks).changed is changed
        monkeypatch.undo()


def test_a_build_that_cannot_start_leaves_a_finished_index_changeable(
    own_index: Callable[[], Path], marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_index()
    before = (own / "manifest.json").read_bytes()
    (own / "chunks" / "000000.safetensors").write_bytes(b"damaged")  # so that there is work

    def fail(*_: object) -> None:
        raise ModelError("no network")

    monkeypatch.setattr("marklens.indexing.local_runner.LocalRunner.run", fail)
    with pytest.raises(ModelError):
        build(own, marks)
    assert (own / "manifest.json").read_bytes() == before


def test_a_full_disk_stops_only_a_build_that_has_work(
    own_index: Callable[[], Path], marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = own_index()
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    assert build(own, marks).changed is False
    with pytest.raises(DiskSpaceError, match="an index of 30 marks"):
        build(tmp_path / "new", marks)
