"""An index keeps patches, searches by them, and works without them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.small_index import Silent, build, draw_marks, quick_settings

from marklens import assembly, build_assembly
from marklens.core.errors import ArtifactError, IndexMismatchError, UsageError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.datasets.opening import open_dataset
from marklens.indexing.folder import IndexFolder
from marklens.indexing.maintenance import compact, remove_marks
from marklens.indexing.manifest import Manifest
from marklens.retrieval.patch_store import PatchStore
from marklens.settings import Settings, load_settings


def with_patches(dims: int) -> Settings:
    settings = quick_settings()
    return settings.model_copy(update={"patches": load_settings(patches={"dims": dims}).patches})


def looking_at(candidates: int) -> Settings:
    settings = quick_settings()
    return settings.model_copy(update={"search": settings.search.model_copy(update={"extract": candidates})})


def test_a_search_reports_the_channels_of_stage_2(index: Path, marks: Path) -> None:
    engine = assembly.open_engine(index, quick_settings())
    picture = read_picture(marks / "mark0004.png")
    result = engine.search(picture, top=5)
    best = result.hits[0]
    assert best.mark.id == "mark0004"
    assert best.scores.spatial == pytest.approx(1, abs=1e-3)
    assert best.scores.color == pytest.approx(1, abs=1e-3)
    assert best.score == pytest.approx(1, abs=1e-3)
    assert result.timings_ms["rerank"] > 0
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
    plain = engine.search(picture, top=5, rerank=False)
    assert plain.hits[0].scores.spatial is None
    reason = engine.explain(result, best).patches
    assert reason is not None
    assert reason.matches.shares.sum() == pytest.approx(1, abs=1e-3)


def test_stored_patches_are_those_of_the_query(index: Path) -> None:
    """Asked by what is stored, each mark is wholly like itself."""
    engine = assembly.open_engine(index, quick_settings())
    best = engine.ranked(3, 10)[0]
    assert best.candidate.number == 3
    assert best.scores.spatial == pytest.approx(1, abs=1e-5)
    assert engine.reranks


def test_a_setting_leaves_stage_2_out(index: Path) -> None:
    settings = quick_settings()
    plain = settings.model_copy(update={"search": settings.search.model_copy(update={"rerank": False})})
    engine = assembly.open_engine(index, plain)
    assert not engine.reranks
    assert engine.ranked(3, 10)[0].scores.spatial is None


def test_an_index_without_patches_looks_at_the_pictures_of_the_best(
    tmp_path: Path, marks: Path, index: Path
) -> None:
    build(tmp_path / "plain", marks, with_patches(0), limit=8)
    assert not (tmp_path / "plain" / "local").exists()
    engine = assembly.open_engine(tmp_path / "plain", looking_at(3))
    picture = read_picture(marks / "mark0003.png")
    result = engine.search(picture, top=8)
    hits = result.hits
    assert hits[0].mark.id == "mark0003"
    assert [hit.scores.spatial is not None for hit in hits] == [True] * 3 + [False] * 5
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert len({score for score in scores if score > 0}) == sum(score > 0 for score in scores)
    assert engine.explain(result, hits[5]).patches is None
    stored = {
        hit.mark.id: hit for hit in assembly.open_engine(index, quick_settings()).search(picture, 30).hits
    }
    for hit in hits[:3]:  # the same views by the same network: what an index would have kept
        assert hit.scores.spatial == pytest.approx(stored[hit.mark.id].scores.spatial, abs=1e-6)
    assert engine.explain(result, hits[0]).patches is not None
    with pytest.raises(IndexMismatchError, match=r"patches\.dims"):
        build(tmp_path / "plain", marks, limit=8)


def test_a_lost_picture_costs_that_mark_its_patches_only(tmp_path: Path) -> None:
    marks = draw_marks(tmp_path / "marks", 6)
    build(tmp_path / "index", marks, with_patches(0))
    (marks / "mark0002.png").unlink()
    engine = assembly.open_engine(tmp_path / "index", with_patches(0))  # as who built it would open it
    hits = engine.search(read_picture(marks / "mark0001.png"), 6).hits
    assert [hit.mark.id for hit in hits if hit.scores.spatial is None] == [hits[-1].mark.id] == ["mark0002"]
    assert engine.ranked(2, 6)[0].scores.spatial is None  # asked for itself, by its stored vectors
    draw_marks(tmp_path / "marks", 6)
    again = engine.search(read_picture(marks / "mark0001.png"), 6).hits
    assert all(hit.scores.spatial is not None for hit in again)


def test_nothing_is_looked_at_if_nobody_wants_it(tmp_path: Path, marks: Path) -> None:
    build(tmp_path, marks, with_patches(0), limit=4)
    engine = assembly.open_engine(tmp_path, looking_at(0))
    assert not engine.reranks
    result = engine.search(read_picture(marks / "mark0003.png"), top=1)
    hit = result.hits[0]
    assert (hit.scores.spatial, hit.scores.color) == (None, None)
    assert engine.explain(result, hit).patches is None


def test_dims_follow_the_index_unless_somebody_says_otherwise(tmp_path: Path, marks: Path) -> None:
    build(tmp_path, marks, with_patches(32), limit=8)
    assert PatchStore(IndexFolder(tmp_path).patches).dims == 32
    assert assembly.open_engine(tmp_path, quick_settings()).reranks
    with pytest.raises(IndexMismatchError, match=r"patches\.dims: 32 against 64"):
        assembly.open_engine(tmp_path, with_patches(64))


def test_added_and_compacted_marks_keep_their_patches(own_index: Callable[[], Path], tmp_path: Path) -> None:
    own = own_index()
    folder, new = IndexFolder(own), draw_marks(tmp_path / "new", 3, first=40)
    build_assembly.add(own, open_dataset(new), quick_settings(), Silent(), StopFlag())
    engine = assembly.open_engine(own, quick_settings())
    hit = engine.search(read_picture(new / "mark0041.png"), top=1).hits[0]
    assert (hit.mark.id, hit.scores.spatial) == ("mark0041", pytest.approx(1, abs=1e-3))
    remove_marks(folder, ["mark0002"])
    compact(folder, 1, Silent())
    store, manifest = PatchStore(folder.patches), Manifest.load(folder)
    assert len(store) == manifest.counts["views"]
    assert "patches.safetensors" in manifest.checksums
    engine = assembly.open_engine(own, quick_settings())
    assert engine.search(read_picture(new / "mark0041.png"), top=1).hits[0].scores.spatial == pytest.approx(
        1, abs=1e-3
    )
    assert all(check.passed for check in build_assembly.check(own, quick_settings(), 4, Silent()))


def test_a_lost_or_damaged_patch_store_is_named(own_index: Callable[[], Path]) -> None:
    own = own_index()
    path = IndexFolder(own).patches
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(ArtifactError, match="damaged"):
        assembly.open_engine(own, quick_settings())
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    checks = {check.name: check.passed for check in build_assembly.check(own, quick_settings(), 2, Silent())}
    assert not checks["checksums"]
    path.unlink()
    with pytest.raises(ArtifactError, match=r"lacks patches\.safetensors: run 'marklens index compact'"):
        assembly.open_engine(own, quick_settings())
    compact(IndexFolder(own), 1, Silent())
    assert path.read_bytes() == content


def test_weights_that_are_all_zero_are_refused(index: Path) -> None:
    nothing = dict.fromkeys(("weight_global", "weight_spatial", "weight_text", "weight_color"), 0.0)
    settings = quick_settings().model_copy(update={"scoring": load_settings(scoring=nothing).scoring})
    with pytest.raises(UsageError, match="all weights are 0"):
        assembly.open_engine(index, settings)


def test_a_patch_store_of_another_state_is_refused(own_index: Callable[[], Path], index: Path) -> None:
    from marklens.retrieval.patch_store import append_patches

    own = own_index()
    path = IndexFolder(own).patches
    ids, views = PatchStore(path).of_marks(np.array([0]))
    append_patches(path, [(ids + (100 << 3), views)])
    with pytest.raises(ArtifactError, match="interrupted"):
        assembly.open_engine(own, quick_settings())
