"""Searches in worker threads behind a short queue: what does not fit is refused at once, never piled up.

There is no batching across requests: the network takes as long for each of 8 pictures together as for one
alone on a CPU (docs/benchmarks.md), so waiting for company would only add the wait.
"""

import asyncio
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import Any, TypeVar

from starlette.requests import Request

from marklens.api.problems import GONE, ProblemError
from marklens.core.resources import StopFlag

Value = TypeVar("Value")
LOOK_SECONDS = 0.1
"""Between two looks whether the client is still there."""
SMOOTHING = 0.1
"""Share of the newest job in the mean time of a job."""


class Inference:
    """A bounded queue before a pool of threads.

    Args:
        workers: jobs that run at once.
        queue: jobs that may wait.
        timeout: seconds after which a job is given up, waiting included.
        name: of the threads.
    """

    def __init__(self, workers: int, queue: int, timeout: float, name: str = "search") -> None:
        self.workers, self._queue, self._timeout = workers, queue, timeout
        self._pool = ThreadPoolExecutor(workers, name)
        self._lock = threading.Lock()
        self._admitted, self._mean = 0, 0.1

    @property
    def depth(self) -> int:
        """How many jobs wait."""
        return max(0, self._admitted - self.workers)

    @property
    def running(self) -> int:
        """How many jobs run."""
        return min(self._admitted, self.workers)

    @property
    def full(self) -> bool:
        """Whether the next job would be refused."""
        return self._admitted >= self.workers + self._queue

    def refusal(self) -> ProblemError:
        """What a job gets that does not fit: the seconds after which half of the queue is done."""
        seconds = max(1, math.ceil(self._mean * (self.depth + 1) / self.workers / 2))
        return ProblemError(
            503, "over-capacity", "too many searches are waiting", {"Retry-After": str(seconds)}
        )

    async def run(self, work: Callable[[StopFlag], Value], request: Request | None = None) -> Value:
        """Do one job; it is dropped, or told to stop, when its time is up or its client gone.

        Args:
            work: what to do, in a thread; the flag that it gets is set when nobody waits for it any more.
            request: whose client is watched; None watches nobody.

        Raises:
            ProblemError: the queue is full, the time is up, the client has gone.
        """
        stop = StopFlag()
        job = self._submit(lambda: work(stop))
        done = asyncio.wrap_future(job)
        watch = None if request is None else asyncio.ensure_future(_gone(request))
        try:
            waiting: list[asyncio.Future[Any]] = [done] if watch is None else [done, watch]
            await asyncio.wait(waiting, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                return done.result()
            if watch is not None and watch.done():
                raise ProblemError(GONE, "client-gone", "the client has gone")
            raise ProblemError(
                503, "timeout", f"it took more than {self._timeout:g} seconds", {"Retry-After": "5"}
            )
        finally:
            stop.set()
            job.cancel()
            done.cancel()
            if watch is not None:
                watch.cancel()

    def close(self) -> None:
        """Finish what runs, drop what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, work: Callable[[], Value]) -> "Future[Value]":
        with self._lock:
            if self.full:
                raise self.refusal()
            self._admitted += 1
        try:
            job = self._pool.submit(self._timed, work)
        except RuntimeError:
            self._free(None)
            raise ProblemError(503, "stopping", "the service is stopping", {"Retry-After": "5"}) from None
        job.add_done_callback(self._free)
        return job

    def _timed(self, work: Callable[[], Value]) -> Value:
        started = perf_counter()
        try:
            return work()
        finally:
            self._mean += SMOOTHING * (perf_counter() - started - self._mean)

    def _free(self, _job: object) -> None:
        with self._lock:
            self._admitted -= 1


async def _gone(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(LOOK_SECONDS)
