"""Decode pictures and make their views, in worker processes that may die without taking the build along."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from time import perf_counter

from loguru import logger

from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.types import Fault, Mark
from marklens.preprocessing.mask_store import encode_mask
from marklens.preprocessing.pipeline import PreparedMark, ViewMaker

ViewMakerFactory = Callable[[], ViewMaker]
"""Makes a worker's own `ViewMaker`; must survive pickling, as a partial of a module's function does."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of one mark: either views (with the encoded text mask, if any) or a fault."""

    mark: Mark
    result: PreparedMark | None
    mask: bytes | None
    fault: Fault | None
    decode_seconds: float = 0.0


def prepare_mark(mark: Mark, maker: ViewMaker) -> Prepared:
    """Make the views of one mark; whatever goes wrong becomes its fault."""
    started = perf_counter()
    try:
        picture = read_picture(mark.path)
        decoded = perf_counter()
        result = maker.prepare(picture)
    except PictureError as error:
        return Prepared(mark, None, None, Fault(mark.file, error.kind, error.reason))
    except Exception as error:  # one picture never costs the build
        return Prepared(mark, None, None, Fault(mark.file, "failed", f"{type(error).__name__}: {error}"))
    mask = None if result.mask is None else encode_mask(result.mask)
    return Prepared(mark, result, mask, None, decoded - started)


class InProcessPreparer:
    """Prepares in this very process: for tests, single pictures and small jobs."""

    def __init__(self, factory: ViewMakerFactory) -> None:
        self._maker = factory()

    def prepare(self, groups: Iterable[Sequence[Mark]]) -> Iterator[list[Prepared]]:
        """Prepare one group after the other."""
        for group in groups:
            yield [prepare_mark(mark, self._maker) for mark in group]

    def close(self) -> None:
        """Nothing to give back."""


class PoolPreparer:
    """Prepares in worker processes, in order, with a bounded number of groups under way.

    A worker that dies or hangs takes only its pool along: the pool is made anew, and the groups that were
    under way are tried again picture by picture, so that the guilty one is found and becomes a fault.

    Args:
        factory: makes each worker's `ViewMaker`.
        workers: how many processes.
        timeout: seconds a group may take.
    """

    def __init__(self, factory: ViewMakerFactory, workers: int, timeout: float) -> None:
        self._factory, self._workers, self._timeout = factory, workers, timeout
        self._pool = self._new_pool()

    def prepare(self, groups: Iterable[Sequence[Mark]]) -> Iterator[list[Prepared]]:
        """Yield the prepared groups in the order given."""
        under_way: deque[tuple[Sequence[Mark], Future[list[Prepared]]]] = deque()
        for group in groups:
            under_way.append((group, self._submit(group)))
            if len(under_way) > 2 * self._workers:
                yield self._collect(under_way)
        while under_way:
            yield self._collect(under_way)

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, group: Sequence[Mark]) -> "Future[list[Prepared]]":
        try:
            return self._pool.submit(_prepare_group, group)
        except BrokenProcessPool as error:
            failed: Future[list[Prepared]] = Future()
            failed.set_exception(error)
            return failed

    def _collect(self, under_way: "deque[tuple[Sequence[Mark], Future[list[Prepared]]]]") -> list[Prepared]:
        group, future = under_way.popleft()
        try:
            return future.result(self._timeout)
        except (BrokenProcessPool, TimeoutError) as error:
            logger.warning("a worker {}: trying its pictures one by one", _word(error))
        self._restart()
        result = [self._alone(mark) for mark in group]
        for index, (other, waiting) in enumerate(under_way):
            if not waiting.done() or waiting.exception() is not None:
                under_way[index] = (other, self._submit(other))
        return result

    def _alone(self, mark: Mark) -> Prepared:
        try:
            return self._submit([mark]).result(self._timeout)[0]
        except (BrokenProcessPool, TimeoutError) as error:
            self._restart()
            return Prepared(mark, None, None, Fault(mark.file, "worker-died", f"its worker {_word(error)}"))

    def _restart(self) -> None:
        for process in list(getattr(self._pool, "_processes", {}).values()):
            process.kill()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._new_pool()

    def _new_pool(self) -> ProcessPoolExecutor:
        # spawned, not forked: ONNX Runtime's threads do not survive a fork
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, context, _start_worker, (self._factory,))


_maker: ViewMaker | None = None  # each worker process has its own


def _start_worker(factory: ViewMakerFactory) -> None:
    """Ready one worker: signals are the parent's affair, and OpenCV must not start threads of its own."""
    import signal

    import cv2

    global _maker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(1)
    _maker = factory()


def _prepare_group(group: Sequence[Mark]) -> list[Prepared]:
    assert _maker is not None
    return [prepare_mark(mark, _maker) for mark in group]


def _word(error: BaseException) -> str:
    return "hung" if isinstance(error, TimeoutError) else "died"
