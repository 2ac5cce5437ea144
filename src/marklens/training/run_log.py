"""What a run writes down as it goes: JSON lines, TensorBoard where it is installed, lines in the log."""

import json
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil
from loguru import logger

from marklens.core.artifacts import write_text
from marklens.core.resources import tree_memory


class RunLog:
    """Appends rows of numbers to `metrics.jsonl`; silent where `path` is None (not the leading process).

    Args:
        path: the file; rows of steps after `step` are removed, they will be made again.
        step: the step at which the run goes on.
        tensorboard: folder of TensorBoard's files, or None.
    """

    def __init__(self, path: Path | None, step: int, tensorboard: Path | None = None) -> None:
        self.path = path
        self._writer = _writer(tensorboard) if path and tensorboard else None
        self._since, self._seen = perf_counter(), 0
        if path and path.exists():
            rows = [row for row in map(_parsed, path.read_text(encoding="utf-8").splitlines()) if row]
            kept = [row for row in rows if row["step"] <= step]
            write_text(path, "".join(json.dumps(row) + "\n" for row in kept))

    def count(self, pictures: int) -> None:
        """So many pictures more went through the network."""
        self._seen += pictures

    def row(self, kind: str, step: int, numbers: Mapping[str, Any]) -> None:
        """Write numbers down, with the speed since the last row and the memory now.

        Args:
            kind: ``step`` or ``epoch``.
            step: made since the beginning of the run.
            numbers: plain data.
        """
        if self.path is None:
            return
        now = perf_counter()
        speed, self._since, self._seen = self._seen / (now - self._since), now, 0
        load = {"img_per_s": round(speed, 1), "ram_mb": tree_memory(psutil.Process()) >> 20, **_vram()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, "step": step, **numbers, **load}) + "\n")
        told = ", ".join(f"{key} {_short(value)}" for key, value in {**numbers, **load}.items())
        logger.info("step {}: {}", step, told)
        if self._writer:
            for key, value in {**numbers, **load}.items():
                self._writer.add_scalar(f"{kind}/{key}", value, step)

    def close(self) -> None:
        """Let TensorBoard write what it holds."""
        if self._writer:
            self._writer.close()


def _parsed(line: str) -> dict[str, Any] | None:
    """A row, or None for what a crash left of one."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return None


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _vram() -> dict[str, int]:
    import torch

    return {"vram_mb": torch.cuda.max_memory_allocated() >> 20} if torch.cuda.is_available() else {}


def _writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.info("no TensorBoard here: pip install tensorboard draws the curves of metrics.jsonl")
        return None
    return SummaryWriter(str(folder))
