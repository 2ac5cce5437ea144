"""Go on from an exported network: take the batch normalisation out of its convolutions again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from marklens.core.errors import ModelError, first_line
from marklens.core.types import Pixels
from marklens.training.backbones import Backbone

CHUNK = 96


def load_exported(path: Path, name: str, size: int) -> Backbone:
    """The network of an ONNX file that `marklens export` wrote, before `unfold` fit to be used, not trained.

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
    folded = [
        [values.get(value) for value in node.input[1:]] for node in graph.node if node.op_type == "Conv"
    ]
    layers = list(_layers(backbone))
    fits = len(folded) == len(layers) and all(
        len(tensors) == 2 and tensors[0] is not None and tensors[0].shape == tuple(convolution.weight.shape)
        for tensors, (convolution, _) in zip(folded, layers, strict=True)
    )
    if not fits:
        raise ModelError(f"{path} is no {name} exported in fp32: give the one it was exported from")
    with torch.no_grad():
        for (weight, bias), (convolution, norm) in zip(folded, layers, strict=True):
            convolution.weight.copy_(_tensor(weight))
            norm.bias.copy_(_tensor(bias))
            norm.weight.fill_(float(np.sqrt(1 + norm.eps)))
            norm.running_mean.zero_()
            norm.running_var.fill_(1)
    return backbone.eval()


def unfold(backbone: Backbone, pixels: Pixels) -> None:
    """Give batch normalisation the statistics of these pictures, in place: the network answers as before.

    A layer's output x + b becomes s · (x − m) / s + (m + b), with its mean m and deviation s: what training
    computes over batches is then near what the network does.

    Args:
        backbone: of `load_exported`.
        pixels: uint8 (n, size, size, 3), a sample of what will be trained on.
    """
    seen: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for _, norm in _layers(backbone)}

    def note(norm: nn.Module, inputs: tuple[Tensor]) -> None:
        seen[norm].append((inputs[0].mean((0, 2, 3)), inputs[0].square().mean((0, 2, 3))))

    hooks = [norm.register_forward_pre_hook(note) for norm in seen]
    with torch.no_grad():
        for start in range(0, len(pixels) - CHUNK + 1, CHUNK):
            backbone(torch.from_numpy(np.ascontiguousarray(pixels[start : start + CHUNK])))
    for hook in hooks:
        hook.remove()
    with torch.no_grad():
        for _, norm in _layers(backbone):
            mean, square = (torch.stack(values).mean(0) for values in zip(*seen[norm], strict=True))
            norm.running_mean.copy_(mean)
            norm.running_var.copy_((square - mean.square()).clamp(min=0))
            norm.weight.copy_((norm.running_var + norm.eps).sqrt())
            norm.bias.add_(mean)


def _layers(backbone: Backbone) -> Iterator[tuple[Any, Any]]:
    """Every convolution with the normalisation behind it, in the order of the network."""
    parts = [part for part in backbone.network.modules() if isinstance(part, (nn.Conv2d, nn.BatchNorm2d))]
    if len(parts) % 2 or not all(
        isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d)
        for first, second in zip(parts[::2], parts[1::2], strict=True)
    ):
        raise ModelError(f"{backbone.name} has layers without batch normalisation: begin from its best.pt")
    return zip(parts[::2], parts[1::2], strict=True)


def _tensor(values: Any) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))
