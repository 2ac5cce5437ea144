"""Patch vectors become bytes that point the same way; the shipped reduction fits the shipped network."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marklens.core.errors import UsageError
from marklens.core.types import Pixels, Vectors
from marklens.embeddings.onnx_embedder import OnnxEmbedder, bundled_weights
from marklens.embeddings.patch_reducer import ENDING, PatchReducer, find_patch_reducer, quantised
from marklens.embeddings.pca_reducer import PcaReducer
from marklens.embeddings.view_describer import ViewDescriber

vectors = arrays(np.float32, (3, 64), elements=st.floats(-1, 1, width=32)).filter(
    lambda rows: bool((np.abs(rows).max(axis=1) > 0.01).all())
)


@given(rows=vectors)
def test_bytes_point_where_the_vectors_do(rows: Vectors) -> None:
    found = quantised(rows).astype(np.float64)
    cosines = (found * rows).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(rows, axis=1)
    assert cosines.min() > 0.999
    assert np.abs(found).max(axis=1).tolist() == [127] * 3


def test_no_vectors_and_no_length() -> None:
    assert quantised(np.empty((0, 4), np.float32)).shape == (0, 4)
    assert not quantised(np.zeros((1, 4), np.float32)).any()


class Network:
    """A describer whose patches are numbers that tell view and place."""

    size, dims, model_hash = 8, 5, "n"

    def embed(self, pixels: Pixels) -> Vectors:
        return pixels[:, 0, 0].repeat(2, axis=1)[:, :5].astype(np.float32)

    def describe(self, pixels: Pixels) -> tuple[Vectors, Vectors]:
        random = [np.random.default_rng(int(view[0, 0, 0])).standard_normal((49, 5)) for view in pixels]
        return self.embed(pixels), np.array(random, np.float32).reshape(-1, 49, 5)


REDUCER = PatchReducer(
    PcaReducer(np.zeros(5, np.float32), np.eye(5, dtype=np.float32)[:3], np.ones(3, np.float32), 0.5), "d"
)


def test_only_ink_patches_are_kept_view_after_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marklens.embeddings.view_describer.AT_A_TIME", 2)
    pixels = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    inks = np.random.default_rng(1).random((5, 7, 7)) < 0.3
    describer = ViewDescriber(Network(), REDUCER, lambda views, _: views[:, 0, 0])
    pooled, local = describer.describe(pixels, inks)
    assert pooled.tolist() == Network().embed(pixels).tolist()
    _, patches = Network().describe(pixels)
    expected = [quantised(REDUCER.pca.reduce(patches[row][inks[row].ravel()])) for row in range(5)]
    assert local.patches.tolist() == np.concatenate(expected).tolist()
    assert local.view(3).patches.tolist() == expected[3].tolist()
    assert local.colors[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert len(describer.describe(pixels[:0], inks[:0])[1]) == 0


def test_without_a_reduction_nothing_local_is_kept() -> None:
    pixels, inks = np.ones((2, 8, 8, 3), np.uint8), np.ones((2, 7, 7), np.bool_)
    _, local = ViewDescriber(Network(), None, lambda *_: pytest.fail("not asked")).describe(pixels, inks)
    assert (local.patches.shape, local.colors.shape) == ((98, 0), (2, 0))


def test_the_shipped_reduction_fits_the_shipped_network() -> None:
    embedder = OnnxEmbedder(bundled_weights(), threads=1)
    found = find_patch_reducer(bundled_weights(), embedder.model_hash, 96)
    assert found is not None
    assert (found.dims, found.pca.components.shape) == (96, (96, embedder.dims))
    assert (found.pca.whitening, set(found.pca.deviations.tolist())) == (
        0.0,
        {1.0},
    )  # learned: whitened already
    path = bundled_weights().with_name(bundled_weights().stem + ENDING)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(UsageError, match=r"patches\.dims is 999"):
        find_patch_reducer(bundled_weights(), embedder.model_hash, 999)


def test_a_network_without_its_own_reduction_has_none(tmp_path: Path) -> None:
    assert find_patch_reducer(tmp_path / "net.onnx", "x", 64) is None
    source = bundled_weights().with_name(bundled_weights().stem + ENDING)
    shutil.copy(source, tmp_path / f"net{ENDING}")
    assert find_patch_reducer(tmp_path / "net.onnx", "x", 64) is None
