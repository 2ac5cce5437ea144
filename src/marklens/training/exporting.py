"""From PyTorch to the ONNX file that searches; a file that does not answer as PyTorch does is never kept."""

import copy
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import nn

from marklens.core.artifacts import atomic
from marklens.core.errors import MissingExtraError, ModelError
from marklens.core.types import Pixels, Vectors
from marklens.training.backbones import Backbone, Describer, fit_to_views
from marklens.training.quantisation import FLOAT_FIRST, quantise

Precision = Literal["fp32", "fp16", "int8"]
VIEW_SIZE = 224
MIN_COSINE = 0.999
"""What ONNX and PyTorch must agree to in fp32 and fp16, mean and minimum (plan, phase 6)."""
MIN_COSINE_INT8 = 0.98
"""Mean; eight bits cost something, and `marklens export --verify` measures what."""
OPSET = 17
CHUNK = 16


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cosines between the file's answers and PyTorch's.

    Attributes:
        views: compared.
        mean: of the pooled vectors.
        minimum: of the pooled vectors.
        patches: mean of the patch vectors.
    """

    views: int
    mean: float
    minimum: float
    patches: float

    def require(self, precision: Precision) -> None:
        """Refuse a file that is too far from PyTorch.

        Raises:
            ModelError: with the figures.
        """
        exact = precision != "int8"
        wanted = MIN_COSINE if exact else MIN_COSINE_INT8
        worst = min(self.mean, self.patches, self.minimum) if exact else self.mean
        if not worst > wanted:
            raise ModelError(
                f"{precision} ONNX and PyTorch differ: cosine mean {self.mean:.5f}, smallest "
                f"{self.minimum:.5f}, patches {self.patches:.5f} on {self.views} views, wanted {wanted}; "
                "nothing was written"
            )


def check_views(size: int = VIEW_SIZE) -> Pixels:
    """Views to compare two networks on, uint8 (4, size, size, 3): shapes and noise, always the same."""
    random = np.random.default_rng(0)
    views = np.full((4, size, size, 3), 255, np.uint8)
    for view in views[:3]:
        for _ in range(4):
            (top, left), (height, width) = random.integers(0, 2 * size // 3, 2), random.integers(20, 120, 2)
            view[top : top + height, left : left + width] = random.integers(0, 256, 3)
    views[3] = random.integers(0, 256, views[3].shape)
    return views


def describe(backbone: Backbone, pixels: Pixels) -> tuple[Vectors, Vectors]:
    """PyTorch's own answer for uint8 (n, side, side, 3): pooled (n, dims) and patches (n, 49, dims)."""
    describer, parts = Describer(backbone).eval(), []
    with torch.inference_mode():
        for start in range(0, len(pixels), CHUNK):
            chunk = np.ascontiguousarray(pixels[start : start + CHUNK])
            parts.append([answer.numpy() for answer in describer(torch.from_numpy(chunk))])
    pooled, patches = (np.concatenate(column) for column in zip(*parts, strict=True))
    return pooled, patches


def export_onnx(
    backbone: Backbone,
    out: Path,
    check: Pixels,
    precision: Precision = "fp32",
    size: int = VIEW_SIZE,
) -> Agreement:
    """Write the network as ONNX and check the file against PyTorch before it is kept.

    The file takes uint8 (n, size, size, 3) RGB as `pixels` and returns float32 `pooled` (n, dims) and
    `patches` (n, 49, dims), so nothing of the normalisation is left to the caller.

    Args:
        backbone: with its weights; `fit_to_views` sets it to `size`.
        out: the file to write.
        check: views to compare on, uint8 (n, size, size, 3); int8 is calibrated on them.
        precision: ``fp16`` is for GPUs, on a CPU it is slower; ``int8`` is for CPUs.
        size: of the views that will be searched.

    Raises:
        ModelError: the exported network does not agree with PyTorch; nothing is written.
        MissingExtraError: the package onnx is not installed.
    """
    backbone = fit_to_views(backbone, size)
    with atomic(out) as temporary:
        write_plain(backbone, temporary, size)
        if precision == "fp16":
            to_half(temporary)
        elif precision == "int8":
            quantise(temporary, check)
        made = agreement(temporary, backbone, check)
        made.require(precision)
    return made


def write_plain(backbone: Backbone, path: Path, size: int = VIEW_SIZE) -> None:
    """Write a float32 file, unchecked."""
    try:
        import onnx  # noqa: F401  the exporter needs it
    except ImportError:
        raise MissingExtraError("exporting a network", "train") from None
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecation
        torch.onnx.export(
            Describer(_with_fixed_padding(backbone, size)).eval(), (example,), str(path),
            dynamo=False, opset_version=OPSET,
            input_names=["pixels"], output_names=["pooled", "patches"],
            dynamic_axes={name: {0: "n"} for name in ("pixels", "pooled", "patches")},
        )  # fmt: skip


def to_half(path: Path) -> None:
    """Turn a float32 file into one that computes in float16; what goes in and out stays as it was.

    The first convolutions stay in float32: Lite0 has channels there that hardly vary, whose batch
    normalisation blows their rounding up. A trained network agreed to 0.9991 (mean) and 0.998 (smallest
    cosine) without this, to 0.99994 and 0.9999 with it, for 50 KB.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(str(path))
    convolutions = [place for place, node in enumerate(model.graph.node) if node.op_type == "Conv"]
    end = convolutions[FLOAT_FIRST] if len(convolutions) > 4 * FLOAT_FIRST else 0
    kept = [node.name for node in model.graph.node][:end]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tells of every weight too small for float16
        half = convert_float_to_float16(model, keep_io_types=True, node_block_list=kept)
    onnx.save(half, str(path))


def agreement(path: Path, backbone: Backbone, check: Pixels) -> Agreement:
    """Compare a file with PyTorch on views."""
    pooled, patches = [], []
    for (one, ones), (other, others) in zip(
        _answers(path, check), _torch_answers(backbone, check), strict=True
    ):
        pooled.append(_cosines(one, other))
        patches.append(_cosines(ones, others).ravel())
    cosines, of_patches = np.concatenate(pooled), np.concatenate(patches)
    return Agreement(len(check), float(cosines.mean()), float(cosines.min()), float(of_patches.mean()))


def onnx_pooled(path: Path, pixels: Pixels) -> Vectors:
    """A file's pooled vectors, float32 (n, dims)."""
    return np.concatenate([pooled for pooled, _ in _answers(path, pixels)])


def _answers(path: Path, pixels: Pixels) -> Iterable[tuple[Vectors, Vectors]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    for start in range(0, len(pixels), CHUNK):
        chunk = np.ascontiguousarray(pixels[start : start + CHUNK])
        pooled, patches = session.run(["pooled", "patches"], {"pixels": chunk})
        yield np.asarray(pooled, np.float32), np.asarray(patches, np.float32)


def _torch_answers(backbone: Backbone, pixels: Pixels) -> Iterable[tuple[Vectors, Vectors]]:
    for start in range(0, len(pixels), CHUNK):
        yield describe(backbone, pixels[start : start + CHUNK])


def _cosines(one: Vectors, other: Vectors) -> Vectors:
    """Of vectors along the last axis; two that are both zero, as of patches without ink, agree."""
    with np.errstate(all="ignore"):  # a spoilt network may answer with infinities: no cosine is above them
        lengths = np.linalg.norm(one, axis=-1), np.linalg.norm(other, axis=-1)
        cosines = (one * other).sum(-1) / (lengths[0] * lengths[1] + 1e-12)
        return np.asarray(np.where(np.maximum(*lengths) < 1e-6, 1, cosines), np.float32)


def _with_fixed_padding(backbone: Backbone, size: int) -> Backbone:
    """A copy whose convolutions with TensorFlow's "same" padding pad by constants.

    "Same" is computed from the size of the input at run time. The size of a view never changes, and ONNX
    Runtime fuses a constant padding into the convolution: a quarter of the time of the whole network.
    """
    fixed, seen = copy.deepcopy(backbone), size // backbone.shrink
    same = {name: part for name, part in fixed.named_modules() if type(part).__name__ == "Conv2dSame"}
    sizes: dict[str, tuple[torch.Size, torch.Size]] = {}
    for name, part in same.items():
        part.register_forward_hook(
            lambda _, given, made, name=name: sizes.update({name: (given[0].shape[2:], made.shape[2:])})
        )
    with torch.inference_mode():
        fixed.feature_map(torch.zeros(1, 3, seen, seen))
    for name, part in same.items():
        parent, _, attribute = name.rpartition(".")
        setattr(fixed.get_submodule(parent), attribute, _padded(cast(Any, part), *sizes[name]))
    return fixed.eval()


def _padded(conv: Any, given: torch.Size, made: torch.Size) -> nn.Sequential:
    padding: tuple[int, ...] = ()
    for axis in (1, 0):  # ZeroPad2d wants left, right, top, bottom
        reach = (made[axis] - 1) * conv.stride[axis] + (conv.kernel_size[axis] - 1) * conv.dilation[axis] + 1
        total = max(0, reach - given[axis])
        padding += (total // 2, total - total // 2)
    plain = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, 0, conv.dilation, conv.groups,
        bias=conv.bias is not None,
    )  # fmt: skip
    plain.load_state_dict(conv.state_dict())
    return nn.Sequential(nn.ZeroPad2d(cast(Any, padding)), plain)
