"""An exported network is the same network when training goes on from it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from marklens.core.errors import ModelError
from marklens.core.types import Pixels
from marklens.embeddings.onnx_embedder import OnnxEmbedder, bundled_weights
from marklens.training.backbones import LITE0, Backbone, Describer, create_backbone, fit_to_views, pool
from marklens.training.folding import blend, fold, load_exported, unfold

SIZE = 64


def pictures(count: int, side: int) -> Pixels:
    """Discs and bars, uint8 (count, side, side, 3)."""
    random = np.random.default_rng(5)
    made = np.full((count, side, side, 3), 255, np.uint8)
    for picture in made:
        top, left = random.integers(0, side // 2, 2)
        picture[top : top + side // 3, left : left + side // 2] = random.integers(0, 255, 3)
    return made


def closest(some: np.ndarray, others: np.ndarray) -> float:
    """The least cosine of rows."""
    lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    return float(((some * others).sum(1) / lengths).min())


def test_it_answers_as_the_file_before_and_after_unfolding() -> None:
    views = pictures(4, 224)
    wanted = OnnxEmbedder(bundled_weights()).embed(views)
    backbone = load_exported(bundled_weights(), LITE0, 112)

    def answer() -> np.ndarray:
        with torch.inference_mode():
            return Describer(fit_to_views(backbone, 224))(torch.from_numpy(views))[0].numpy()

    assert closest(answer(), wanted) > 0.9999
    unfold(backbone, pictures(96, 112))
    assert closest(answer(), wanted) > 0.9999
    fold(backbone)
    assert closest(answer(), wanted) > 0.9999


def test_statistics_of_batches_are_near_what_it_does() -> None:
    backbone, views = load_exported(bundled_weights(), LITE0, SIZE), pictures(96, SIZE)
    unfold(backbone, views)

    def pooled(training: bool) -> np.ndarray:
        backbone.train(training)
        with torch.no_grad():
            return pool(backbone(torch.from_numpy(views)), 1).numpy()

    assert closest(pooled(training=False), pooled(training=True)) > 0.95


def test_a_blend_goes_from_one_network_to_the_other() -> None:
    views = pictures(96, SIZE)
    trained, origin = load_exported(bundled_weights(), LITE0, SIZE), create_backbone(LITE0, "imagenet", SIZE)

    def pooled(backbone: Backbone) -> np.ndarray:
        with torch.no_grad():
            return pool(backbone.eval()(torch.from_numpy(views[:32])), 1).numpy()

    ends, between = (pooled(trained), pooled(origin)), pooled(blend(trained, origin, 0.5, views))
    assert closest(pooled(blend(trained, origin, 0, views)), ends[0]) > 0.9999
    assert closest(pooled(blend(trained, origin, 1, views)), ends[1]) > 0.9999
    apart = closest(*ends)
    assert all(closest(between, end) > apart + 0.05 for end in ends)
    assert np.array_equal(pooled(trained), ends[0]), "what was given stays as it was"


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="cannot be read as ONNX"):
        load_exported(tmp_path / "no.onnx", LITE0, SIZE)
    with pytest.raises(ModelError, match="without batch normalisation"):
        load_exported(bundled_weights(), "tf_mobilenetv3_small_minimal_100", SIZE)
    with pytest.raises(ModelError, match="is no tf_efficientnet_lite1"):
        load_exported(bundled_weights(), "tf_efficientnet_lite1", SIZE)


def test_a_channel_that_sees_nothing_has_a_gradient_when_pooled_by_a_power() -> None:
    seen = torch.zeros(2, 3, 4, 4, requires_grad=True)
    pool(seen, 4.0).sum().backward()
    assert seen.grad is not None and torch.isfinite(seen.grad).all()


def test_pooling_by_hand() -> None:
    features = torch.tensor([[[[0.0, 2.0], [2.0, 0.0]]]])
    assert pool(features, 1).item() == pytest.approx(1)
    assert pool(features, 4).item() == pytest.approx(8**0.25)
