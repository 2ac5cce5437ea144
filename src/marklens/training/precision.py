"""Mixed precision: float16 on GPUs, bfloat16 on CPUs, where depthwise convolutions stay in float32."""

from typing import Any

import torch
from torch import Tensor, nn


def half_type(device: torch.device) -> torch.dtype:
    """What a device computes faster in; float16 needs a gradient scaler, bfloat16 does not."""
    return torch.float16 if device.type == "cuda" else torch.bfloat16


def keep_depthwise_single(network: nn.Module) -> None:
    """Take depthwise convolutions out of autocast, in place; call it after all copies are made.

    On a CPU their backward pass is three times slower in bfloat16 than in float32, which makes all of mixed
    precision slower than none; with them in float32 it is a fifth faster (EfficientNet-Lite0, 112 pixels).
    """
    for part in network.modules():
        if isinstance(part, nn.Conv2d) and part.groups > 1:
            part.forward = _outside_autocast(part.forward)  # type: ignore[method-assign]


def _outside_autocast(forward: Any) -> Any:
    def single(features: Tensor) -> Any:
        with torch.autocast(features.device.type, enabled=False):
            return forward(features.float())

    return single
