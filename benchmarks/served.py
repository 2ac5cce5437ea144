"""A real `marklens serve` in a process of its own, and what it takes."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil

START_SECONDS = 120.0


@dataclass
class Served:
    """A service that runs.

    Attributes:
        process: its process.
        port: on the loopback address.
        memory: (seconds since the start of sampling, bytes of the service, bytes with its workers).
    """

    process: psutil.Popen
    port: int
    memory: list[tuple[float, int, int]] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Whether the process that was started still runs."""
        return self.process.poll() is None

    def bytes(self) -> tuple[int, int]:
        """Resident bytes of the service alone, and with its workers; zeros when it is gone."""
        try:
            own = self.process.memory_info().rss
            whole = own
            for child in self.process.children(recursive=True):
                whole += _resident(child)
            return own, whole
        except psutil.Error:
            return 0, 0

    @contextmanager
    def watched(self, every: float = 0.5) -> Iterator[None]:
        """Sample the memory while the block runs."""
        over, started = threading.Event(), perf_counter()

        def watch() -> None:
            while not over.wait(every):
                self.memory.append((perf_counter() - started, *self.bytes()))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()


@contextmanager
def serving(index: Path, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Start `marklens serve` on a free port, wait until it is ready, and end it after the block.

    Args:
        index: what to serve.
        environment: settings, e.g. ``{"MARKLENS_SERVE__WORKERS": "2"}``.

    Raises:
        RuntimeError: it does not start; with what it said.
    """
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        process = psutil.Popen(
            [sys.executable, "-m", "marklens", "serve", "--index", str(index), "--port", "0"],
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            served = Served(process, _port(process, Path(log.name)))
            _wait_until_ready(served)
            yield served
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(10)


def ask(port: int, path: str) -> tuple[int, Any]:
    """Status and JSON of a GET request."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    finally:
        connection.close()


def _port(process: psutil.Popen, log: Path) -> int:
    until = perf_counter() + START_SECONDS
    while perf_counter() < until and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text(encoding="utf-8"))
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"the service does not start: {log.read_text(encoding='utf-8')}")


def _wait_until_ready(served: Served) -> None:
    until = perf_counter() + START_SECONDS
    while perf_counter() < until and served.alive:
        try:
            if ask(served.port, "/ready")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("the service is not ready")


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it ended meanwhile
        return 0
