"""Worker processes that change views."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from marklens.core.errors import MarklensError
from marklens.core.processes import serve_parent
from marklens.core.types import Pixels

Copy = Callable[[Pixels, np.random.Generator], Pixels]
"""Changes a view, uint8 (size, size, 3), into another of the same size."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A pair to make.

    Attributes:
        views: places of both in the packed pixels.
        seed: of the changes.
    """

    views: tuple[int, int]
    seed: tuple[int, ...]


def make_looks(pixels: Pixels, drawn: Sequence[Drawn], copy: Copy) -> Pixels:
    """Make the pictures of some pairs, uint8 (n, 2, size, size, 3)."""
    made = np.empty((len(drawn), 2, *pixels.shape[1:]), np.uint8)
    for row, pair in enumerate(drawn):
        random = np.random.default_rng(pair.seed)
        for side, view in enumerate(pair.views):
            made[row, side] = copy(np.array(pixels[view]), random)
    return made


class LookPool:
    """Spawned workers, each with the packed pixels mapped; started when first needed.

    Args:
        pixels: the ``.npy`` file.
        copy: changes views; must survive pickling.
        workers: how many.
    """

    def __init__(self, pixels: Path, copy: Copy, workers: int) -> None:
        self._pixels, self._copy, self._workers = pixels, copy, workers
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, drawn: Sequence[Drawn]) -> Future[Pixels]:
        """Begin to make the pictures of some pairs."""
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._workers,
                multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(str(self._pixels), self._copy),
            )
        try:
            return self._executor.submit(_work, drawn)
        except BrokenProcessPool as error:
            raise _died() from error

    def result(self, future: Future[Pixels]) -> Pixels:
        """Wait for pictures.

        Raises:
            MarklensError: a worker died.
        """
        try:
            return future.result()
        except BrokenProcessPool as error:
            raise _died() from error

    def close(self) -> None:
        """End the workers."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None


def _died() -> MarklensError:
    return MarklensError(
        "a worker that makes training pictures died, perhaps for want of memory: resume with fewer workers"
    )


_tool: tuple[Pixels, Copy] | None = None


def _start(pixels: str, copy: Copy) -> None:
    """In each worker: map the pixels."""
    global _tool
    serve_parent()
    cv2.setNumThreads(1)  # the processes share the cores already
    _tool = np.load(pixels, mmap_mode="r", allow_pickle=False), copy


def _work(drawn: Sequence[Drawn]) -> Pixels:
    assert _tool is not None
    pixels, copy = _tool
    return make_looks(pixels, drawn, copy)
