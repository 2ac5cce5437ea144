"""Run marklens as its users do, watch what it takes, and kill it without warning."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter

import psutil

from marklens.core.resources import tree_memory

Process = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command took.

    Attributes:
        wall, cpu: seconds; the latter of all its processes.
        peak: resident bytes of all its processes together, sampled ten times a second.
    """

    wall: float
    cpu: float
    peak: int


def start(*arguments: str, environment: Mapping[str, str] | None = None) -> Process:
    """Start one marklens command."""
    return subprocess.Popen(
        [sys.executable, "-m", "marklens", *arguments],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: Process) -> Usage:
    """Wait for a command that must succeed."""
    before, started, peak, ended = getrusage(RUSAGE_CHILDREN), perf_counter(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            try:
                peak = max(peak, tree_memory(psutil.Process(process.pid)))
            except psutil.Error:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, errors = process.communicate()
    ended.set()
    watcher.join()
    if process.returncode:
        raise RuntimeError(errors.decode())
    after = getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Usage(perf_counter() - started, cpu, peak)


def kill(process: Process) -> None:
    """SIGKILL to the command alone; its workers must notice by themselves and go."""
    workers = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, alive = psutil.wait_procs(workers, timeout=30)
    if alive:
        raise RuntimeError(f"workers outlived their command: {alive}")
