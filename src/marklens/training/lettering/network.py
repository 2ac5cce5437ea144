"""The network of `preprocessing.lettering_detector`: a small U-Net, one logit for every 2×2 pixels."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from marklens.core.artifacts import atomic

CHANNELS = (12, 24, 48, 64)
"""At a half, a quarter, an eighth and a sixteenth of the picture: 0.27 million weights, 5 ms at 256×256."""
OPSET = 17


def convolve(inputs: int, outputs: int, size: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions beside a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = convolve(channels, channels, dilation=dilation)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Float (n, channels, h, w) to the same shape."""
        return functional.relu(features + self.second(self.first(features)))


class LetteringNet(nn.Module):
    """Down to a sixteenth, where dilated convolutions see the whole mark, and up again (U-Net, 2015).

    Plain convolutions: depthwise ones were four times as slow to train on a CPU.
    """

    def __init__(self) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = CHANNELS
        self.to_half = convolve(3, half, stride=2)
        self.to_quarter = nn.Sequential(convolve(half, quarter, stride=2), Residual(quarter))
        self.to_eighth = nn.Sequential(convolve(quarter, eighth, stride=2), Residual(eighth))
        self.to_sixteenth = nn.Sequential(
            convolve(eighth, sixteenth, stride=2), Residual(sixteenth, 2), Residual(sixteenth, 2)
        )
        self.up_to_eighth = convolve(sixteenth, eighth, 1)
        self.at_eighth = convolve(eighth, eighth)
        self.up_to_quarter = convolve(eighth, quarter, 1)
        self.at_quarter = convolve(quarter, quarter)
        self.logits = nn.Conv2d(quarter, 4, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map float (n, 3, h, w), RGB in -1..1, sides multiples of 16, to logits (n, 1, h/2, w/2)."""
        quarter = self.to_quarter(self.to_half(pictures))
        eighth = self.to_eighth(quarter)
        sixteenth = self.to_sixteenth(eighth)
        features = self.at_eighth(_doubled(self.up_to_eighth(sixteenth)) + eighth)
        features = self.at_quarter(_doubled(self.up_to_quarter(features)) + quarter)
        return functional.pixel_shuffle(self.logits(features), 2)


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


def export_onnx(network: LetteringNet, path: Path) -> None:
    """Write the network as ONNX with free height and width, atomically."""
    free = {"picture": {2: "height", 3: "width"}, "lettering": {2: "half_height", 3: "half_width"}}
    with atomic(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the new exporter wants onnxscript
        torch.onnx.export(
            network.eval(), (torch.zeros(1, 3, 64, 96),), str(temporary), dynamo=False,
            input_names=["picture"], output_names=["lettering"], dynamic_axes=free, opset_version=OPSET,
        )  # fmt: skip
