"""Measure groups of pictures in worker processes, in order; one that kills its worker costs itself only."""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Self

import numpy as np
from loguru import logger

from marklens.core.errors import MarklensError
from marklens.core.processes import serve_parent
from marklens.datasets.analysis.measuring import ROW, Failure, Inspect, Measured, measure_group

Paths = Sequence[str]

AHEAD = 3
"""Groups under way for each worker: none waits for the other, and memory stays small."""
DEATHS_IN_A_ROW = 5
"""No run of pictures kills every worker; that many deaths mean that workers cannot work here at all."""


class MeasuringPool:
    """Worker processes that measure pictures.

    Spawned, not forked: the libraries' threads do not survive a fork.

    Args:
        inspect: finds ground and ink; a function of a module, as it goes to the workers by name.
        workers: how many processes; 0 measures in this one.
    """

    def __init__(self, inspect: Inspect, workers: int) -> None:
        self._inspect, self._workers = inspect, workers
        self._executor: ProcessPoolExecutor | None = None
        self._deaths = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def measure(self, groups: Iterable[Paths]) -> Iterator[Measured]:
        """Yield every group's measurements, in order; groups are taken a little ahead.

        Raises:
            MarklensError: worker processes die whatever they are given.
        """
        if self._workers == 0:
            for group in groups:
                yield measure_group(group, self._inspect)
            return
        under_way: deque[tuple[Paths, Future[Measured]]] = deque()
        for group in groups:
            under_way.append((group, self._submit(group)))
            if len(under_way) > AHEAD * self._workers:
                yield self._result(*under_way.popleft())
        while under_way:
            yield self._result(*under_way.popleft())

    def _submit(self, group: Paths) -> Future[Measured]:
        try:
            return self._running().submit(measure_group, group, self._inspect)
        except BrokenProcessPool:  # the next one starts anew; groups that were under way are done again
            self._close()
            return self._running().submit(measure_group, group, self._inspect)

    def _result(self, group: Paths, future: Future[Measured]) -> Measured:
        try:
            measured = future.result()
        except BrokenProcessPool:
            logger.warning("a worker died; its pictures are tried one at a time")
            return self._one_by_one(group)
        self._deaths = 0
        return measured

    def _one_by_one(self, group: Paths) -> Measured:
        """Every picture of a group by itself, so that the guilty one is known."""
        rows, failures = [], []
        for place, path in enumerate(group):
            try:
                alone = self._submit([path]).result()
                self._deaths = 0
                failures += [Failure(place, failure.kind, failure.reason) for failure in alone.failures]
            except BrokenProcessPool:
                self._close()
                self._deaths += 1
                if self._deaths == DEATHS_IN_A_ROW:
                    raise MarklensError(
                        "worker processes die at every picture, perhaps for want of memory: "
                        "free some and run again to go on, or use --workers 0"
                    ) from None
                alone = Measured(np.zeros(1, ROW), ())
                failures.append(Failure(place, "worker-died", "its worker died"))
            rows.append(alone.rows)
        return Measured(np.concatenate(rows), tuple(failures))

    def _running(self) -> ProcessPoolExecutor:
        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self._workers, context, initializer=serve_parent)
        return self._executor

    def _close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None
