"""What was written is found, wherever it is cut, and damage never goes unseen."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.local_views import COLORS, draw_views

from marklens.core.artifacts import load_arrays
from marklens.core.errors import ArtifactError
from marklens.core.types import Ids, LocalViews
from marklens.retrieval.patch_store import PatchStore, append_patches, write_patch_store

DIMS = 6


def draw_part(seed: int, marks: int, first: int = 0) -> tuple[Ids, LocalViews]:
    """Marks of which some have a second view."""
    random = np.random.default_rng(seed)
    ids = [
        (number << 3) + kind
        for number in range(first, first + marks)
        for kind in range(int(random.integers(1, 3)))
    ]
    return np.array(ids, np.int64), draw_views(seed, len(ids), DIMS)


def same(one: LocalViews, other: LocalViews) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("patches", "inks", "colors")
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), marks=st.integers(0, 8), wanted=st.lists(st.integers(0, 9), unique=True))
def test_views_come_back_in_the_order_asked(
    tmp_path_factory: pytest.TempPathFactory, seed: int, marks: int, wanted: list[int]
) -> None:
    ids, views = draw_part(seed, marks)
    path = tmp_path_factory.mktemp("store") / "patches.safetensors"
    assert write_patch_store(path, [(ids, views)], DIMS, COLORS) == len(ids)
    store = PatchStore(path)
    found, local = store.of_marks(np.array(wanted, np.int64))
    expected = [row for number in wanted for row in np.flatnonzero(ids >> 3 == number)]
    assert found.tolist() == ids[expected].tolist()
    assert len(local) == len(expected)
    for place, row in enumerate(expected):
        assert same(local.view(place), views.view(row))
    assert same(store.fetch(ids[expected]), local)


def test_any_tool_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "patches.safetensors"
    ids, views = draw_part(1, 5)
    write_patch_store(path, [(ids, views)], DIMS, COLORS)
    arrays, metadata = load_arrays(path)
    assert arrays["patches"].tolist() == views.patches.tolist()
    assert arrays["ids"].tolist() == ids.tolist()
    assert metadata["kind"] == "marklens-patches-1"


def test_appending_is_the_same_as_writing_all(tmp_path: Path) -> None:
    parts = [draw_part(1, 5), draw_part(2, 4, first=5)]
    write_patch_store(tmp_path / "all", parts, DIMS, COLORS)
    write_patch_store(tmp_path / "grown", parts[:1], DIMS, COLORS)
    before = PatchStore(tmp_path / "grown")
    assert append_patches(tmp_path / "grown", parts[1:]) == len(PatchStore(tmp_path / "all"))
    assert (tmp_path / "grown").read_bytes() == (tmp_path / "all").read_bytes()
    assert same(before.fetch(parts[0][0]), parts[0][1])  # who has it open keeps the old one


def test_an_unknown_id_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "patches.safetensors"
    write_patch_store(path, [draw_part(1, 3)], DIMS, COLORS)
    with pytest.raises(KeyError):
        PatchStore(path).fetch(np.array([999]))
    write_patch_store(path, [], DIMS, COLORS)
    assert len(PatchStore(path)) == 0
    with pytest.raises(KeyError):
        PatchStore(path).fetch(np.array([0]))
    assert len(PatchStore(path).of_marks(np.array([0, 5]))[1]) == 0


def test_ids_must_rise_and_dims_fit(tmp_path: Path) -> None:
    part = draw_part(1, 3)
    with pytest.raises(ValueError, match="rise"):
        write_patch_store(tmp_path / "a", [part, part], DIMS, COLORS)
    with pytest.raises(ValueError, match="dims"):
        write_patch_store(tmp_path / "a", [part], DIMS + 1, COLORS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"x" * 50, b"\xff" * 5000])
def test_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "patches.safetensors"
    with pytest.raises(ArtifactError, match="missing"):
        PatchStore(path)
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged"):
        PatchStore(path)


@pytest.mark.parametrize("cut", [1, 100, 3000])
def test_a_cut_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "patches.safetensors"
    write_patch_store(path, [draw_part(1, 20)], DIMS, COLORS)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ArtifactError, match="damaged"):
        PatchStore(path)
