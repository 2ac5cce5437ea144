"""The network that searches: ONNX Runtime, on whatever this machine has."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from loguru import logger

from marklens.core.artifacts import sha256
from marklens.core.errors import ModelError, first_line
from marklens.core.types import PATCH_GRID, Pixels, Vectors

DEFAULT_WEIGHTS = "lite0-marks.onnx"
PROVIDERS = ("CUDAExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider")
"""In order of preference; those that the installed ONNX Runtime has are used."""
CPU_BATCHES = (1, 4, 8, 16)
"""Larger batches leave the processor's caches and get slower."""
GPU_BATCHES = (32, 64, 128)


BUNDLED = "bundled"
"""What the network that ships is called where networks are named."""
BUNDLED_SIZE = 112
"""Pixels of a side that it learned at; inside of the file views are made that small."""


def bundled_weights() -> Path:
    """The network that ships with Marklens."""
    return Path(str(files("marklens.embeddings") / "weights" / DEFAULT_WEIGHTS))


class OnnxEmbedder:
    """Turns views into global vectors and patch vectors.

    Args:
        weights: an ONNX file as `training.exporting.export_onnx` writes it.
        batch_size: views at a time; None measures which is fastest, once, at the first large call.
        threads: CPU threads; 0 lets ONNX Runtime take every core.
        providers: ONNX Runtime's execution providers, best first; None picks by what is there.

    Raises:
        ModelError: the file is missing, no network of ours, or a provider asked for is not there.
    """

    def __init__(
        self,
        weights: Path,
        batch_size: int | None = None,
        threads: int = 0,
        providers: Sequence[str] | None = None,
    ) -> None:
        import onnxruntime

        if not weights.is_file():
            raise ModelError(f"no network at {weights}: export one with 'marklens export'")
        available = onnxruntime.get_available_providers()
        missing = set(providers or ()) - set(available)
        if missing:
            raise ModelError(
                f"ONNX Runtime has no {', '.join(sorted(missing))}; here: {', '.join(available)}"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # idle threads must not spin: other processes prepare pictures meanwhile
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        chosen = list(providers or [name for name in PROVIDERS if name in available])
        try:
            self._session = onnxruntime.InferenceSession(str(weights), options, providers=chosen)
        except Exception as error:  # the runtime's exceptions derive from nothing common
            raise ModelError(f"{weights} cannot be loaded: {first_line(error)}") from error
        self.size, self.dims = _geometry(self._session, weights)
        self.model_hash = sha256(weights)[:16]
        self.provider = str(self._session.get_providers()[0])
        self.batch_size = batch_size

    def embed(self, pixels: Pixels) -> Vectors:
        """Map uint8 (n, size, size, 3) to float32 (n, dims), not normalised.

        A batch that does not fit into memory is halved, down to one view.

        Raises:
            ModelError: views of another shape, not even one view fits, or the network fails or overflows.
        """
        return self._run_all(pixels, ["pooled"])[0]

    def describe(self, pixels: Pixels) -> tuple[Vectors, Vectors]:
        """Map uint8 (n, size, size, 3) to global vectors and patch vectors, neither normalised.

        Returns:
            pooled float32 (n, dims), the same as `embed`, and patches float32 (n, PATCH_GRID², dims), row by
            row from the upper left.

        Raises:
            ModelError: as `embed`.
        """
        pooled, patches = self._run_all(pixels, ["pooled", "patches"])
        return pooled, patches

    def _run_all(self, pixels: Pixels, outputs: list[str]) -> list[Vectors]:
        self._require_views(pixels)
        if not len(pixels):
            shapes = {"pooled": (0, self.dims), "patches": (0, PATCH_GRID**2, self.dims)}
            return [np.empty(shapes[name], np.float32) for name in outputs]
        parts: list[list[Vectors]] = []
        start = 0
        try:
            if self.batch_size is None and len(pixels) >= max(self._batch_choices()):
                self.batch_size = self._fastest_batch(pixels)
            step = self.batch_size or min(self._batch_choices()[-2], len(pixels))
            while start < len(pixels):
                try:
                    parts.append(self._run(pixels[start : start + step], outputs))
                    start += step
                except Exception as error:
                    if not _is_out_of_memory(error) or step == 1:
                        raise
                    step = self.batch_size = step // 2
                    logger.warning("out of memory: going on with batches of {}", step)
        except Exception as error:
            raise ModelError(f"the network failed: {first_line(error)}") from error
        answers = [np.concatenate(column) for column in zip(*parts, strict=True)]
        if not all(np.isfinite(answer).all() for answer in answers):
            raise ModelError("the network overflows on a picture: export it again, with fp32 weights")
        return answers

    def _require_views(self, pixels: Pixels) -> None:
        wanted = (self.size, self.size, 3)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != wanted:
            raise ModelError(
                f"it takes uint8 (n, {self.size}, {self.size}, 3), not {pixels.dtype} {pixels.shape}: "
                "set the size of the views to that of the network"
            )

    def _run(self, pixels: Pixels, outputs: list[str]) -> list[Vectors]:
        answers = self._session.run(outputs, {"pixels": np.ascontiguousarray(pixels)})
        return [np.asarray(answer, np.float32) for answer in answers]

    def _batch_choices(self) -> tuple[int, ...]:
        return CPU_BATCHES if self.provider == "CPUExecutionProvider" else GPU_BATCHES

    def _fastest_batch(self, pixels: Pixels) -> int:
        """Time each batch size twice on the same views and take the fastest by its better run."""
        seconds: dict[int, float] = {}
        for size in self._batch_choices():
            try:
                runs = []
                for _ in range(2):
                    started = perf_counter()
                    self._run(pixels[:size], ["pooled"])
                    runs.append((perf_counter() - started) / size)
                seconds[size] = min(runs)
            except Exception as error:
                if not _is_out_of_memory(error) or not seconds:
                    raise
                break
        best = min(seconds, key=seconds.__getitem__)
        logger.debug(
            "batch size {} is fastest: {:.1f} ms a view on {}", best, seconds[best] * 1e3, self.provider
        )
        return best


def _geometry(session: Any, weights: Path) -> tuple[int, int]:
    """Side of the views and dimensions of the vectors, if the network is one that `export_onnx` writes."""
    inputs = {node.name: (node.type, node.shape) for node in session.get_inputs()}
    outputs = {node.name: node.shape for node in session.get_outputs()}
    kind, shape = inputs.get("pixels", ("", []))
    pooled, patches = outputs.get("pooled", []), outputs.get("patches", [])
    expected = (PATCH_GRID**2, *pooled[1:])
    fits = (
        len(inputs) == 1
        and kind == "tensor(uint8)"
        and len(shape) == 4
        and shape[1] == shape[2]
        and shape[3] == 3
        and isinstance(shape[1], int)
        and len(pooled) == 2
        and isinstance(pooled[1], int)
        and len(patches) == 3
        # an exporter may leave lengths open, then they stand there as names
        and all(isinstance(length, str) for length in patches if length not in expected)
    )
    if not fits:
        raise ModelError(
            f"{weights} is no network of ours: wanted pixels uint8 (n, size, size, 3) -> pooled (n, dims), "
            f"patches (n, {PATCH_GRID**2}, dims); it has {inputs} -> "
            f"{outputs}: export one with 'marklens export'"
        )
    return int(shape[1]), int(pooled[1])


def _is_out_of_memory(error: Exception) -> bool:
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(
        sign in message for sign in ("out of memory", "failed to allocate", "bad_alloc", "bad allocation")
    )
