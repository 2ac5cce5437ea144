"""Eight-bit networks for CPUs: ONNX Runtime's static quantisation, calibrated on real views."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from marklens.core.sampling import evenly
from marklens.core.types import Pixels

CALIBRATION_VIEWS = 256


FLOAT_FIRST, FLOAT_LAST = 8, 3
"""Convolutions at both ends that stay in float32: they hold a tenth of the weights and most of the loss."""


def quantise(path: Path, views: Pixels) -> None:
    """Turn a float32 file into QDQ int8 with a scale for every output channel of a weight.

    Measured on ImageNet's EfficientNet-Lite0 and 50 real marks, mean and smallest cosine with float32: all
    convolutions in int8 0.991, 0.963; without the first four and the last 0.997, 0.987; without the first
    eight and the last three 0.999, 0.997.

    Args:
        path: the file, in place.
        views: uint8 (n, size, size, 3), to calibrate on.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    nodes = onnx.load(str(path), load_external_data=False).graph.node
    convolutions = [node.name for node in nodes if node.op_type == "Conv"]
    kept = convolutions[:FLOAT_FIRST] + convolutions[-FLOAT_LAST:] if len(convolutions) > 20 else []
    quantize_static(
        str(path), str(path), _Reader(views), quant_format=QuantFormat.QDQ, per_channel=True,
        op_types_to_quantize=["Conv", "Add", "Clip", "Relu", "MatMul", "Gemm"],
        nodes_to_exclude=kept, calibrate_method=CalibrationMethod.MinMax,
        weight_type=QuantType.QInt8, activation_type=QuantType.QUInt8,
        extra_options={"ActivationSymmetric": False},
    )  # fmt: skip


class _Reader:
    """Satisfies ONNX Runtime's `CalibrationDataReader`: views spread over all that are given."""

    def __init__(self, views: Pixels) -> None:
        places = evenly(CALIBRATION_VIEWS, len(views))
        self._views: Iterator[Pixels] = (np.ascontiguousarray(views[p : p + 1]) for p in places)

    def get_next(self) -> dict[str, Any] | None:
        """The next view as the network's input."""
        view = next(self._views, None)
        return None if view is None else {"pixels": view}
