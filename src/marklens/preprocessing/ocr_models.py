"""Networks that find and read text, opened for many small pictures."""

from pathlib import Path
from typing import Any

from marklens.core.errors import ModelError


def open_session(part: str) -> Any:
    """Open PP-OCR's detector (``det``) or recogniser (``rec``), which the package `rapidocr` brings along.

    Raises:
        ModelError: the package holds no such network.
    """
    import rapidocr

    models = sorted((Path(rapidocr.__file__).parent / "models").glob(f"*_{part}_*.onnx"))
    if not models:
        raise ModelError(f"the package rapidocr holds no '{part}' network: pip install 'rapidocr>=3.10'")
    return open_network(models[0])


def open_network(path: Path) -> Any:
    """Open an ONNX file in ONNX Runtime, on one thread: pictures are spread over processes instead."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # sizes vary: an arena would only grow
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
