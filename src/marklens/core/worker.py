"""One process that works for this one, may die or hang, and never outlives it."""

import atexit
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from marklens.core.errors import MarklensError, ModelError
from marklens.core.processes import leave_with_parent

START_SECONDS = 120.0
"""Loading libraries and a network takes 1 to 3 seconds, on a busy machine with cold disks much longer."""
START_ATTEMPTS = 3
END_SECONDS = 5.0
STOPS = (signal.SIGINT, signal.SIGTERM)
"""They reach the whole group of processes; the parent alone decides what they mean."""
PR_SET_PDEATHSIG = 1
"""Linux, prctl(2): the signal that this process gets when its parent ends."""


class WorkerLost(Exception):
    """The worker died or hung over a piece of work; the next call starts another.

    Args:
        what: how it ended, for a person.
        hung: whether it was this side that lost patience.
        killed: whether it got SIGKILL from elsewhere, as when memory runs out; it need not be to blame.
    """

    def __init__(self, what: str, hung: bool = False, killed: bool = False) -> None:
        super().__init__(what)
        self.hung, self.killed = hung, killed


class Worker:
    """A process with one tool of its own, started at the first call and again after it was lost.

    Spawned, not forked: ONNX Runtime's threads do not survive a fork.

    Args:
        make_tool: called once in the process; must survive pickling.
        timeout: seconds one call may take.
    """

    def __init__(self, make_tool: Callable[[], Any], timeout: float) -> None:
        self._make_tool, self._timeout = make_tool, timeout
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()  # starting and closing exclude each other
        self._closed = False
        atexit.register(self.kill)  # multiprocessing would ask politely, and wait for an answer

    def run(self, function: Callable[[Any, Any], Any], argument: Any) -> Any:
        """Call ``function(argument, tool)`` in the process and return its answer.

        Raises:
            WorkerLost: the process died or took too long; it is gone.
            ModelError: the process cannot be started.
        """
        connection = self._connection or self._start()
        try:
            connection.send((function, argument))
            if connection.poll(self._timeout):
                return connection.recv()
        except (EOFError, OSError):
            raise self._died() from None
        self._end()
        raise WorkerLost(f"hung for more than {self._timeout:g} seconds", hung=True)

    def kill(self) -> None:
        """End the process for good, also in the middle of another thread's call, which then raises."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """End the process and give back what it held; no thread may be in a call any more."""
        atexit.unregister(self.kill)
        self.kill()
        self._end()

    def _start(self) -> Connection:
        """Start the process; one that is killed while it starts, say for want of memory, is started again."""
        lost = WorkerLost("died")
        for _ in range(START_ATTEMPTS):
            try:
                return self._try_start()
            except WorkerLost as error:
                lost = error
        raise ModelError(f"a worker cannot start: it {lost}")

    def _try_start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        with self._lock:
            if self._closed:
                raise ModelError("the worker was closed")
            process = context.Process(
                target=_serve, args=(theirs, self._make_tool), name="marklens-worker", daemon=True
            )
            with _stops_blocked():
                process.start()
            self._process, self._connection = process, ours
        theirs.close()  # so that the end of the process is the end of the stream
        try:
            failure = (
                ours.recv() if ours.poll(START_SECONDS) else f"nothing heard for {START_SECONDS:g} seconds"
            )
        except (EOFError, OSError):
            raise self._died() from None
        if failure is None:
            return ours
        self._end()
        raise (
            failure if isinstance(failure, MarklensError) else ModelError(f"a worker cannot start: {failure}")
        )

    def _died(self) -> WorkerLost:
        """What became of a process that was found dead."""
        status = self._end()
        if status is None:
            return WorkerLost("died")
        if status >= 0:
            return WorkerLost(f"died with exit status {status}")
        return WorkerLost(f"died of signal {signal.Signals(-status).name}", killed=-status == signal.SIGKILL)

    def _end(self) -> int | None:
        """Kill what there is of the process; returns the exit status that it had before that, if any."""
        with self._lock:
            if self._process is None or self._connection is None:
                return None
            self._process.join(0.1)  # one that is dying by itself shall say why
            status = self._process.exitcode
            self._process.kill()
            self._process.join(END_SECONDS)
            self._connection.close()
            self._process = self._connection = None
        return status


@contextmanager
def _stops_blocked() -> Iterator[None]:
    """A process started in the block inherits the blocking, so that none stops it before it can say no."""
    resource_tracker.ensure_running()  # starting it would end the blocking
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, make_tool: Callable[[], Any]) -> None:
    """A worker's whole life."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    _die_with_parent()
    try:
        tool = make_tool()
    except MarklensError as error:
        connection.send(error)
        return
    except Exception as error:  # whatever it is, the parent must hear of it
        connection.send(f"{type(error).__name__}: {error}")
        return
    try:
        connection.send(None)
        while True:
            function, argument = connection.recv()
            connection.send(function(argument, tool))
    except (EOFError, OSError):
        return  # the parent is gone or has lost interest


def _die_with_parent() -> None:
    """See to it that a killed parent leaves no worker behind, whatever this one is doing."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if not parent.is_alive():  # it ended before the request
            os._exit(1)
    else:
        leave_with_parent()
