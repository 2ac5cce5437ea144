"""Principal components against sklearn, whitening by hand, and the awkward inputs."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA

from marklens.core.artifacts import save_arrays
from marklens.core.errors import ArtifactError
from marklens.core.types import Vectors
from marklens.embeddings.onnx_embedder import OnnxEmbedder, bundled_weights
from marklens.embeddings.pca_reducer import ENDING, PcaReducer, find_reducer, fit_pca


def vectors(count: int, dims: int = 64, seed: int = 0) -> Vectors:
    """Positive, correlated, with falling variances, as pooled features are."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, dims)) * np.linspace(3, 0.2, dims) @ rng.normal(size=(dims, dims))
    return np.abs(mixed + 5).astype(np.float32)


def unit(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return values / np.linalg.norm(values.astype(np.float64), axis=1, keepdims=True)


def test_chunks_give_what_sklearn_gives_on_everything() -> None:
    data = vectors(3000)
    ours = fit_pca(iter(np.array_split(data, 7)), 16, 0.5)
    theirs = PCA(16, svd_solver="full").fit(unit(data))
    np.testing.assert_allclose(ours.mean, theirs.mean_, atol=1e-6)
    np.testing.assert_allclose(ours.deviations, np.sqrt(theirs.explained_variance_), rtol=1e-5)
    # the same axes, whatever their sign
    np.testing.assert_allclose(np.abs((ours.components * theirs.components_).sum(axis=1)), 1, atol=1e-4)
    np.testing.assert_allclose(ours.components @ ours.components.T, np.eye(16), atol=1e-5)


def test_how_the_chunks_are_cut_does_not_matter_and_every_row_counts() -> None:
    data = vectors(501)
    whole = fit_pca([data], 8, 0.5)
    cut = fit_pca(iter([data[:1], data[1:500], data[500:]]), 8, 0.5)
    np.testing.assert_allclose(cut.components, whole.components, atol=1e-4)
    assert not np.allclose(fit_pca([data[:300]], 8, 0.5).mean, whole.mean, atol=1e-6)
    again = fit_pca([data], 8, 0.5)
    assert again.components.tobytes() == whole.components.tobytes()


def test_whitening_by_hand() -> None:
    # unit vectors at 0, 90, 180 and 270 degrees in a plane of 3-d: mean 0, axes x and y
    reducer = PcaReducer(
        mean=np.zeros(3, np.float32),
        components=np.array([[1, 0, 0], [0, 1, 0]], np.float32),
        deviations=np.array([4, 1], np.float32),
        whitening=0.5,
    )
    # (3, 4, 0) has length 5 -> (0.6, 0.8); divided by sqrt(4) and sqrt(1): (0.3, 0.8); length sqrt(0.73)
    reduced = reducer.reduce(np.array([[3, 4, 0]], np.float32))
    np.testing.assert_allclose(reduced, [[0.3 / 0.73**0.5, 0.8 / 0.73**0.5]], rtol=1e-6)
    assert (reduced.dtype, reducer.dims) == (np.float32, 2)


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_whitening_evens_out_the_variances(whitening: float) -> None:
    data = vectors(4000)
    reducer = fit_pca([data], 8, whitening)
    projected = (unit(data) - reducer.mean) @ reducer.components.T * reducer.deviations**-whitening
    expected = reducer.deviations ** (1 - whitening)
    np.testing.assert_allclose(projected.std(axis=0), expected, rtol=0.01)
    np.testing.assert_allclose(np.linalg.norm(reducer.reduce(data), axis=1), 1, atol=1e-5)


def test_plain_pca_with_all_dimensions_keeps_the_angles_to_the_mean() -> None:
    data = vectors(300, dims=12)
    reducer = fit_pca([data], 12, 0.0)
    centered = unit(data) - reducer.mean
    centered /= np.linalg.norm(centered, axis=1, keepdims=True)
    reduced = reducer.reduce(data)
    np.testing.assert_allclose(reduced @ reduced.T, centered @ centered.T, atol=1e-3)


def test_fewer_vectors_than_dimensions() -> None:
    data = vectors(10)
    reducer = fit_pca([data], 32, 0.5)
    assert reducer.dims == 9  # 10 points span 9 dimensions around their mean
    assert np.isfinite(reducer.reduce(vectors(5, seed=1))).all()


def test_many_identical_pictures() -> None:
    data = np.concatenate([np.repeat(vectors(1), 500, axis=0), vectors(4, seed=3)])
    reducer = fit_pca([data], 32, 1.0)
    assert reducer.dims == 4
    reduced = reducer.reduce(data)
    np.testing.assert_allclose(reduced[:500] @ reduced[0], 1, atol=1e-5)
    assert np.abs(np.linalg.norm(reduced, axis=1) - 1).max() < 1e-5


def test_zero_vectors_stay_finite() -> None:
    data = np.concatenate([vectors(100), np.zeros((3, 64), np.float32)])
    reducer = fit_pca([data], 8, 0.5)
    assert np.isfinite(reducer.reduce(np.zeros((2, 64), np.float32))).all()
    assert reducer.reduce(np.zeros((0, 64), np.float32)).shape == (0, 8)


def test_a_learned_reduction_lies_beside_its_network(tmp_path: Path) -> None:
    weights = bundled_weights()
    model = OnnxEmbedder(weights, threads=1).model_hash
    whole, part = find_reducer(weights, model, 512), find_reducer(weights, model, 64)
    assert whole is not None
    assert part is not None
    assert part.components.tobytes() == whole.components[:64].tobytes()
    reduced = whole.reduce(vectors(20, dims=len(whole.mean)))
    np.testing.assert_allclose(np.linalg.norm(reduced, axis=1), 1, atol=1e-5)
    assert find_reducer(weights, "another", 64) is None
    assert find_reducer(weights, model, 513) is None
    assert find_reducer(tmp_path / "net.onnx", model, 64) is None
    (tmp_path / f"net{ENDING}").write_bytes(b"{")
    with pytest.raises(ArtifactError, match=r"damaged|holds no PCA"):
        find_reducer(tmp_path / "net.onnx", model, 64)


def test_nothing_to_fit_on() -> None:
    for chunks in ([], [vectors(1)], [np.repeat(vectors(1), 50, axis=0)]):
        with pytest.raises(ArtifactError, match="PCA needs"):
            fit_pca(chunks, 8, 0.5)


def test_save_and_load(tmp_path: Path) -> None:
    reducer = fit_pca([vectors(200)], 8, 0.3)
    reducer.save(tmp_path / "pca.safetensors")
    loaded = PcaReducer.load(tmp_path / "pca.safetensors")
    assert loaded.whitening == 0.3
    data = vectors(20, seed=2)
    assert loaded.reduce(data).tobytes() == reducer.reduce(data).tobytes()


def test_files_that_hold_no_pca(tmp_path: Path) -> None:
    path = tmp_path / "pca.safetensors"
    with pytest.raises(ArtifactError, match="missing"):
        PcaReducer.load(path)
    save_arrays(path, {"mean": np.zeros(3)})
    with pytest.raises(ArtifactError, match="holds no PCA"):
        PcaReducer.load(path)
    arrays = {"mean": np.zeros(3), "components": np.zeros((2, 4)), "deviations": np.ones(2)}
    save_arrays(path, arrays, {"whitening": "0.5"})
    with pytest.raises(ArtifactError, match="holds no PCA"):
        PcaReducer.load(path)
