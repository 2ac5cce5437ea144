"""How many threads numpy multiplies with.

The products of one search are small: a second thread waits, spinning, about as long as it works. On two
cores a search took as long with one thread and half the processor time (docs/benchmarks.md, Speed).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


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
