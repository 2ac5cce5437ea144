"""Batch normalisation folded into convolutions, as exported networks have it, and taken out again.

Folded, two networks can be compared and blended weight by weight; unfolded, one can be trained.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from marklens.core.errors import ModelError, first_line
from marklens.core.sampling import evenly
from marklens.core.types import Ids, Pixels
from marklens.training.backbones import Backbone

SAMPLED = 480 * 112 * 112
"""Pixels of the pictures that statistics are taken of: layers of half a gigabyte."""


def sample_of(available: int, size: int) -> Ids:
    """Which of so many pictures statistics are taken of, spread over all: int64 (n,), places.

    Args:
        available: pictures there are.
        size: pixels of a side.
    """
    return evenly(max(32, SAMPLED // size**2), available)


def load_exported(path: Path, name: str, size: int) -> Backbone:
    """The network of an ONNX file that `marklens export` wrote, folded.

    Args:
        path: of a convolutional network in which batch normalisation follows every convolution.
        name: timm's name of it.
        size: pixels of a side.

    Raises:
        ModelError: the file cannot be read, or holds another kind of network.
    """
    import onnx

    try:
        graph = onnx.load(path).graph
    except Exception as error:  # protobuf raises its own
        raise ModelError(f"{path} cannot be read as ONNX: {first_line(error)}") from error
    backbone = Backbone(name, size)
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    folded = [[values.get(value) for value in node.input[1:]] for node in nodes]
    layers = _layers(backbone)
    single = np.dtype(np.float32)
    fits = len(folded) == len(layers) and all(
        [None if tensor is None else (tensor.dtype, tensor.shape) for tensor in tensors]
        == [(single, tuple(convolution.weight.shape)), (single, tuple(norm.bias.shape))]
        for tensors, (convolution, norm) in zip(folded, layers, strict=True)
    )
    if not fits:
        raise ModelError(f"{path} is no {name} exported in fp32: give the one it was exported from")
    with torch.no_grad():
        for (weight, bias), (convolution, norm) in zip(folded, layers, strict=True):
            convolution.weight.copy_(torch.from_numpy(np.array(weight, np.float32)))
            _set(norm, torch.from_numpy(np.array(bias, np.float32)))
    return backbone.eval()


def fold(backbone: Backbone) -> None:
    """Multiply batch normalisation into the convolutions, in place: the network answers as before."""
    with torch.no_grad():
        for convolution, norm in _layers(backbone.eval()):
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            convolution.weight.mul_(scale.view(-1, 1, 1, 1))
            _set(norm, norm.bias - norm.running_mean * scale)


def unfold(backbone: Backbone, pixels: Pixels) -> None:
    """Give batch normalisation the statistics of pictures, in place: the network answers as before.

    A layer's output x + b becomes s · (x − m) / s + (m + b), with the mean m and deviation s of x: what
    training computes over batches is then near what the network does.

    Args:
        backbone: folded.
        pixels: uint8 (n, size, size, 3), see `sample_of`.
    """

    def keep(norm: Any, mean: Tensor, variance: Tensor) -> None:
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
        _set_statistics(norm, mean, variance)

    _layer_by_layer(backbone, pixels, keep)


def blend(network: Backbone, origin: Backbone, share: float, pixels: Pixels) -> Backbone:
    """A network between a trained one and the one that its training began with.

    What training forgot comes back for little of what it taught (Wortsman et al., Robust Fine-Tuning of
    Zero-Shot Models, 2022): weights are averaged, folded ones here. Averaged layers vary less than either's;
    they get the averages of both deviations and means (Jordan et al., REPAIR, 2022).

    Args:
        network: trained.
        origin: the same architecture and size.
        share: of `origin` in the result, 0..1.
        pixels: uint8 (n, size, size, 3), see `sample_of`.
    """
    ends = [copy.deepcopy(network), copy.deepcopy(origin)]
    for end in ends:
        fold(end)
        unfold(end, pixels)
    between = ends[0]
    with torch.no_grad():
        for ours, theirs in zip(between.parameters(), ends[1].parameters(), strict=True):
            ours.lerp_(theirs, share)
    _layer_by_layer(between, pixels, _set_statistics)
    return between


def _layer_by_layer(
    backbone: Backbone, pixels: Pixels, change: Callable[[Any, Tensor, Tensor], None]
) -> None:
    """Change every normalisation by mean and variance of what reaches it, before it passes that on."""

    def look(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
        change(norm, mean, variance)

    hooks = [norm.register_forward_pre_hook(look) for _, norm in _layers(backbone.eval())]
    try:
        with torch.no_grad():
            backbone(torch.from_numpy(np.ascontiguousarray(pixels)))
    finally:
        for hook in hooks:
            hook.remove()


def _layers(backbone: Backbone) -> list[tuple[Any, Any]]:
    """Every convolution with the normalisation behind it, in the order of the network."""
    parts = [part for part in backbone.network.modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)]
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    if len(parts) % 2 or not all(
        isinstance(first, nn.Conv2d) and first.bias is None and isinstance(second, nn.BatchNorm2d)
        for first, second in pairs
    ):
        raise ModelError(f"{backbone.name} has layers without batch normalisation, which this cannot fold")
    return pairs


def _set(norm: Any, bias: Tensor) -> None:
    """Make a normalisation add this, and do nothing else."""
    norm.bias.copy_(bias)
    norm.weight.fill_(float(np.sqrt(1 + norm.eps)))
    _set_statistics(norm, torch.zeros_like(bias), torch.ones_like(bias))


def _set_statistics(norm: Any, mean: Tensor, variance: Tensor) -> None:
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
