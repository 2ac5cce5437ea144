"""Decode pictures and make their views, in worker processes that may die without taking the build along."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from time import perf_counter

from loguru import logger

from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.types import Fault, Mark
from marklens.core.worker import Worker, WorkerLost
from marklens.preprocessing.mask_store import encode_mask
from marklens.preprocessing.pipeline import ViewMaker
from marklens.preprocessing.prepared import Prepared, Preparer
from marklens.text.extractor import words_said

ViewMakerFactory = Callable[[], ViewMaker]
"""Makes a worker's own `ViewMaker`; must survive pickling, as a partial of a module's function does."""


def prepare_mark(mark: Mark, maker: ViewMaker) -> Prepared:
    """Make the views of one mark; whatever goes wrong becomes its fault."""
    started = perf_counter()
    try:
        picture = read_picture(mark.path)
        decoded = perf_counter()
        result = maker.prepare(picture, read=words_said(mark.text) is None)  # a lone dash says nothing
    except PictureError as error:
        return _failed(mark, error.kind, error.reason)
    except Exception as error:  # one picture never costs the build
        return _failed(mark, "failed", f"{type(error).__name__}: {error}")
    mask = None if result.mask is None else encode_mask(result.mask)
    return Prepared(mark, result, mask, None, decoded - started)


def make_preparer(factory: ViewMakerFactory, workers: int, timeout: float) -> Preparer:
    """What prepares in so many processes, see `PoolPreparer`; with 0 in this one."""
    return PoolPreparer(factory, workers, timeout) if workers else InProcessPreparer(factory)


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

    Each worker is handed one picture at a time by a thread of its own, so that when it dies or hangs the
    guilty picture is known. Only that worker is started anew. A picture whose worker died is tried once more,
    as the system may have killed the worker for another's memory; one that hung is not.

    Args:
        factory: makes each worker's `ViewMaker`.
        workers: how many processes.
        timeout: seconds a picture may take.
    """

    def __init__(self, factory: ViewMakerFactory, workers: int, timeout: float) -> None:
        self._workers = [Worker(factory, timeout) for _ in range(workers)]
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="preparing")

    def prepare(self, groups: Iterable[Sequence[Mark]]) -> Iterator[list[Prepared]]:
        """Yield the prepared groups in the order given.

        Raises:
            ModelError: a worker cannot be started, e.g. as its `factory` fails.
        """
        under_way: deque[Future[list[Prepared]]] = deque()
        try:
            for group in groups:
                under_way.append(self._threads.submit(self._prepare_group, group))
                if len(under_way) > 2 * len(self._workers):
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

    def close(self) -> None:
        """End the workers, also in the middle of their work."""
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def _prepare_group(self, group: Sequence[Mark]) -> list[Prepared]:
        worker = self._idle.get()
        try:
            return [_prepare_safely(mark, worker) for mark in group]
        finally:
            self._idle.put(worker)


def _prepare_safely(mark: Mark, worker: Worker) -> Prepared:
    lost = WorkerLost("died")
    for _ in range(2):
        try:
            prepared: Prepared = worker.run(prepare_mark, mark)
            return prepared
        except WorkerLost as error:
            lost = error
            logger.warning("{}: its worker {}", mark.file, error)
            if error.hung:
                break
    return _failed(mark, "worker-hung" if lost.hung else "worker-died", f"its worker {lost}")


def _failed(mark: Mark, kind: str, reason: str) -> Prepared:
    return Prepared(mark, None, None, Fault(mark.file, kind, reason))
