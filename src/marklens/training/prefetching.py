"""Batches are made while the network learns."""

from collections.abc import Callable, Iterator
from queue import Queue
from threading import Event, Thread

from marklens.training.batches import PairBatch

AHEAD = 3
"""Batches that may lie ready."""


def prefetched(make: Callable[[], Iterator[PairBatch]]) -> Iterator[PairBatch]:
    """Make the next batches in a thread of their own; its errors are raised here, it ends when we do."""
    made: Queue[PairBatch | Exception | None] = Queue(AHEAD)
    over = Event()

    def fill() -> None:
        try:
            for batch in make():
                made.put(batch)
                if over.is_set():
                    return
            made.put(None)
        except Exception as error:
            made.put(error)

    thread = Thread(target=fill, daemon=True, name="pairs")
    thread.start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        over.set()
        while thread.is_alive():
            if not made.empty():
                made.get()
            thread.join(0.01)
