"""Remember what was made lately, within so many bytes."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from cachetools import LRUCache

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Keeps the values used last, as many as fit into the budget; safe to share between threads.

    Args:
        budget: bytes in all; 0 remembers nothing.
        size: bytes of one value; a value larger than the budget is not kept.
    """

    def __init__(self, budget: int, size: Callable[[Value], int]) -> None:
        self._kept: LRUCache[Hashable, Value] = LRUCache(budget, size)
        self._size, self._lock = size, threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value under this key, made now if it is not there; two threads may make the same one twice."""
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        value = make()
        with self._lock:
            if self._size(value) <= self._kept.maxsize:
                self._kept[key] = value
        return value

    @property
    def bytes(self) -> int:
        """How many are in use."""
        return int(self._kept.currsize)
