"""What is exported answers as PyTorch does, whatever the backbone; what does not is never kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from marklens.core.errors import ModelError, UsageError
from marklens.core.types import PATCH_GRID
from marklens.embeddings.onnx_embedder import OnnxEmbedder
from marklens.training import exporting
from marklens.training.backbones import Describer, _cells, create_backbone, fit_to_views, load_file
from marklens.training.exporting import check_views, describe, export_onnx

onnx = pytest.importorskip("onnx")


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit", "test_convnext"])
def test_any_backbone_searches(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    backbone, views = create_backbone(name, "none", 160), check_views(160)
    made = export_onnx(backbone, tmp_path / "a.onnx", views, size=160)
    assert made.minimum > 0.999
    embedder = OnnxEmbedder(tmp_path / "a.onnx", threads=1)
    pooled, patches = embedder.describe(views)
    assert pooled.shape == (4, backbone.dims)
    assert patches.shape == (4, PATCH_GRID**2, backbone.dims)
    expected = describe(backbone, views)
    assert np.allclose(pooled, expected[0], atol=1e-4)
    assert np.allclose(patches, expected[1], atol=1e-4)


def test_the_patches_of_a_vit_are_where_the_picture_has_them() -> None:
    """Only what is changed at the upper left changes most at the upper left."""
    torch.manual_seed(0)
    backbone = create_backbone("test_vit", "none", 160).eval()
    plain = torch.full((1, 160, 160, 3), 255, dtype=torch.uint8)
    marked = plain.clone()
    marked[:, :22, :22] = 0
    with torch.inference_mode():
        change = (Describer(backbone)(marked)[1] - Describer(backbone)(plain)[1]).norm(dim=2)[0]
    assert int(change.argmax()) == 0


def test_a_backbone_changes_its_size() -> None:
    torch.manual_seed(0)
    backbone = create_backbone("test_vit", "none", 96).eval()
    backbone.set_size(160)
    with torch.inference_mode():
        assert backbone(torch.zeros(1, 160, 160, 3, dtype=torch.uint8)).shape[2:] == (10, 10)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit", "test_convnext"])
def test_a_network_searches_at_the_size_it_was_trained_on(tmp_path: Path, name: str) -> None:
    """Views twice as large are made smaller inside, and the map of a convolutional network gets finer."""
    torch.manual_seed(0)
    backbone, views = create_backbone(name, "none", 112).eval(), check_views(224)
    assert export_onnx(backbone, tmp_path / "a.onnx", views, size=224).minimum > 0.999
    fitted, small = fit_to_views(backbone, 224), views.reshape(4, 112, 2, 112, 2, 3).mean((2, 4)).round()
    with torch.inference_mode():
        assert fitted(torch.from_numpy(views)).shape[2:] == (7, 7)
        coarse = backbone(torch.from_numpy(small.astype(np.uint8))).mean((2, 3)).numpy()
    pooled = OnnxEmbedder(tmp_path / "a.onnx", threads=1).embed(views)
    cosines = (pooled * coarse).sum(1) / np.linalg.norm(pooled, axis=1) / np.linalg.norm(coarse, axis=1)
    assert cosines[:3].min() > 0.85  # the fourth is noise


def test_a_network_without_dilation_is_set_to_the_size_of_the_views() -> None:
    """Its map would be 4 by 4 places, stretched to 7 by 7."""
    fitted = fit_to_views(create_backbone("test_mambaout", "none", 112), 224)
    with torch.inference_mode():
        assert fitted(torch.zeros(1, 224, 224, 3, dtype=torch.uint8)).shape[2:] == (7, 7)
    assert (fitted.size, fitted.shrink) == (224, 1)


def test_half_precision_agrees_and_is_half_as_large(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone, views = create_backbone("test_efficientnet", "none", 96), check_views(96)
    export_onnx(backbone, tmp_path / "full.onnx", views, size=96)
    made = export_onnx(backbone, tmp_path / "half.onnx", views, "fp16", 96)
    assert made.minimum > 0.999
    assert (tmp_path / "half.onnx").stat().st_size < 0.75 * (tmp_path / "full.onnx").stat().st_size
    assert OnnxEmbedder(tmp_path / "half.onnx", threads=1).embed(views).dtype == np.float32


@pytest.mark.filterwarnings("ignore")
def test_eight_bits_nearly_agree(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone, views = create_backbone("test_efficientnet", "none", 96), check_views(96)
    made = export_onnx(backbone, tmp_path / "a.onnx", views, "int8", 96)
    assert made.mean > 0.98
    assert OnnxEmbedder(tmp_path / "a.onnx", threads=1).dims == backbone.dims


def test_a_bad_file_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = exporting.to_half

    def spoilt(path: Path) -> None:
        honest(path)
        model = onnx.load(str(path))
        for tensor in model.graph.initializer:
            if len(tensor.dims) == 4:
                values = onnx.numpy_helper.to_array(tensor)
                noise = np.random.default_rng(0).normal(0, 1, values.shape).astype(values.dtype)
                tensor.CopyFrom(onnx.numpy_helper.from_array(values + noise, tensor.name))
        onnx.save(model, str(path))

    monkeypatch.setattr(exporting, "to_half", spoilt)
    (tmp_path / "a.onnx").write_bytes(b"the old one")
    with pytest.raises(ModelError, match=r"fp16 ONNX and PyTorch differ: .* nothing was written"):
        export_onnx(
            create_backbone("test_efficientnet", "none", 96), tmp_path / "a.onnx", check_views(96), "fp16", 96
        )
    assert (tmp_path / "a.onnx").read_bytes() == b"the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]


def test_weights_come_from_a_file_or_are_refused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = create_backbone("test_efficientnet", "none", 96)
    state: dict[str, Any] = {**backbone.network.state_dict(), "classifier.weight": torch.zeros(2, 2)}
    torch.save(state, tmp_path / "weights.pth")
    again = load_file(tmp_path / "weights.pth", "test_efficientnet", 96)
    assert all(torch.equal(again.network.state_dict()[name], value) for name, value in
               backbone.network.state_dict().items())  # fmt: skip
    with pytest.raises(ModelError, match="lacks"):
        load_file(tmp_path / "weights.pth", "test_vit", 96)
    (tmp_path / "junk.pth").write_bytes(b"junk")
    with pytest.raises(ModelError, match="cannot be read as weights"):
        create_backbone("test_efficientnet", str(tmp_path / "junk.pth"), 96)
    with pytest.raises(UsageError, match="no weights"):
        create_backbone("test_efficientnet", "nothing", 96)
    with pytest.raises(UsageError, match="no backbone 'efficient'"):
        create_backbone("efficient", "none", 96)


@pytest.mark.parametrize("side", [3, 5, 7, 10, 14])
def test_pooling_to_the_grid_is_adaptive_average_pooling(side: int) -> None:
    features = torch.randn(2, 4, side, side + 1)
    rows, columns = _cells(side), _cells(side + 1)
    expected = torch.nn.functional.adaptive_avg_pool2d(features, PATCH_GRID)
    assert torch.allclose(rows @ features @ columns.T, expected, atol=1e-6)
