"""The network that searches: ONNX Runtime, on whatever this machine has."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from time import perf_counter

import numpy as np
from loguru import logger

from marklens.core.artifacts import sha256
from marklens.core.errors import ModelError
from marklens.core.types import Pixels, Vectors

DEFAULT_WEIGHTS = "lite0-imagenet.onnx"
PROVIDERS = ("CUDAExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider")
"""In order of preference; those that the installed ONNX Runtime has are used."""
CPU_BATCHES = (1, 4, 8, 16)
"""Larger batches leave the processor's caches and get slower."""
GPU_BATCHES = (32, 64, 128)


def bundled_weights() -> Path:
    """The network that ships with Marklens."""
    return Path(str(files("marklens.embeddings") / "weights" / DEFAULT_WEIGHTS))


class OnnxEmbedder:
    """Turns views into global vectors.

    Args:
        weights: an ONNX file as `efficientnet.export_onnx` writes it.
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
            self.dims = int(self._session.get_outputs()[0].shape[1])
            size = self._session.get_inputs()[0].shape[1]
        except Exception as error:  # the runtime's exceptions derive from nothing common
            raise ModelError(f"{weights} cannot be loaded: {str(error).splitlines()[0]}") from error
        self.model_hash = sha256(weights)[:16]
        self.size = int(size)
        self.provider = str(self._session.get_providers()[0])
        self.batch_size = batch_size

    def embed(self, pixels: Pixels) -> Vectors:
        """Map uint8 (n, size, size, 3) to float32 (n, dims), not normalised.

        A batch that does not fit into memory is halved, down to one view.

        Raises:
            ModelError: not even one view fits, or the network fails.
        """
        if not len(pixels):
            return np.empty((0, self.dims), np.float32)
        if self.batch_size is None and len(pixels) >= max(self._batch_choices()):
            self.batch_size = self._fastest_batch(pixels)
        step = self.batch_size or min(self._batch_choices()[-2], len(pixels))
        parts: list[Vectors] = []
        start = 0
        while start < len(pixels):
            try:
                parts.append(self._run(pixels[start : start + step]))
                start += step
            except Exception as error:
                if not _is_out_of_memory(error) or step == 1:
                    raise ModelError(f"the network failed: {str(error).splitlines()[0]}") from error
                step = self.batch_size = step // 2
                logger.warning("out of memory: going on with batches of {}", step)
        return np.concatenate(parts)

    def _run(self, pixels: Pixels) -> Vectors:
        return np.asarray(self._session.run(["pooled"], {"pixels": pixels})[0], np.float32)

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
                    self._run(pixels[:size])
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


def _is_out_of_memory(error: Exception) -> bool:
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(
        sign in message for sign in ("out of memory", "failed to allocate", "bad_alloc", "bad allocation")
    )
