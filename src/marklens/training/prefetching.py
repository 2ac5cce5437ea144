"""Batches are made while the network learns."""

from collections.abc import Callable, Iterator
from queue import Queue
from threading import Event, Thread
from typing import TypeVar

B = TypeVar("B")


def prefetched(make: Callable[[], Iterator[B]], ahead: int = 3) -> Iterator[B]:
    """Make the next batches in a thread of their own; its errors are raised here, it ends when we do.

    Args:
        make: the batches.
        ahead: how many may lie ready.
    """
    made: Queue[B | Exception | None] = Queue(ahead)
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
