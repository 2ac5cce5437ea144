"""How many cores there are, what threads share, and how many of them numpy multiplies with.

The products of one search are small: a second thread waits, spinning, about as long as it works. On two
cores a search took as long with one thread and half the processor time (docs/benchmarks.md, Speed).
"""

import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")
Value = TypeVar("Value")


def usable_cores() -> int:
    """Cores that this process may use: those of its affinity, fewer in a limited container (cgroup v2)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = CPU_LIMIT.read_text(encoding="ascii").split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # there is no limit
        return cores


def once(make: Callable[[], Value]) -> Callable[[], Value]:
    """The same value for every thread: the first that asks makes it, the others wait for it."""
    lock, made = threading.Lock(), cache(make)

    def get() -> Value:
        with lock:
            return made()

    return get


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy multiply with one thread while the block runs.

    The limit holds for the whole process, so only the main thread sets it: blocks of several threads would
    end in another order than they began. A process of ours with many threads calls `keep_one_blas_thread`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _pools().limit(limits=1, user_api="blas"):
        yield


def keep_one_blas_thread() -> None:
    """Let numpy multiply with one thread from now on; for a process that is all ours."""
    _pools().limit(limits=1, user_api="blas")


@cache
def _pools() -> Any:
    """The libraries of this process that multiply; looking for them takes milliseconds."""
    import numpy as np  # noqa: F401 - loads them
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
