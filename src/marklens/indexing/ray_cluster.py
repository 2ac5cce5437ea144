"""A connection to a Ray cluster: checked before, quiet, given back."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loguru import logger

from marklens.core.errors import ClusterError, MarklensError, MissingExtraError, UsageError

ANSWER_SECONDS = 5.0
"""For a head that is there; Ray itself would wait a minute."""
HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""RFC 9113, 3.4: the preface and an empty frame of settings."""
HTTP2_SETTINGS = b"\x04"
LOG_LEVEL = "RAY_BACKEND_LOG_LEVEL"


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the work runs, and on how much of it.

    Attributes:
        address: ``host:port`` of the head; None takes the cluster this machine belongs to, else starts Ray on
            this machine alone.
        workers: processes that prepare pictures; None takes every core.
        actors: processes that run the network; None takes one for each GPU, or one for each machine.
        gpus: GPUs of each of these; None takes 1 where there are GPUs.
    """

    address: str | None = None
    workers: int | None = None
    actors: int | None = None
    gpus: float | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """How a cluster is shared out.

    Attributes:
        workers: processes that prepare pictures, a core each.
        actors: processes that run the network.
        gpus: of each of these.
    """

    workers: int
    actors: int
    gpus: float


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """The module `ray`, connected while the block runs; a connection that is there already is used and kept.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: the address is none.
        ClusterError: nothing answers there, or it refuses.
    """
    ray = _ray()
    if ray.is_initialized():
        yield ray
        return
    address = address or os.environ.get("RAY_ADDRESS")
    if address in (None, "", "auto"):
        _require_own_head()
    else:
        _require_head(address)
    _connect(ray, address)
    try:
        yield ray
    finally:
        ray.shutdown()


def shares(ray: Any, cluster: Cluster) -> Shares:
    """Share out what the cluster has now.

    Raises:
        UsageError: GPUs are asked for and there are too few.
    """
    held = ray.cluster_resources()
    cpus, gpus = int(held.get("CPU", 0)), float(held.get("GPU", 0))
    each = (1.0 if gpus else 0.0) if cluster.gpus is None else cluster.gpus
    if each > gpus:
        raise UsageError(f"setting cluster.gpus is {each:g}, the cluster has {gpus:g}")
    machines = sum(1 for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU"))
    actors = cluster.actors or max(1, int(gpus / each) if each else machines)
    found = Shares(cluster.workers or max(1, cpus), actors, each)
    logger.info("on {} machines with {} cores, {:g} GPUs: {}", machines, cpus, gpus, found)
    return found


def _ray() -> Any:
    # a thread of Ray's must not start another Ray when this one was shut down under it
    os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
    try:
        import pyarrow  # noqa: F401  # Ray alone comes without what its datasets need
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("building on Ray", "cluster") from error
    return ray


def _require_own_head() -> None:
    """What `ray start` wrote down outlives a head that was killed, and Ray would wait for that one."""
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    try:
        address = (Path(folder) / "ray" / "ray_current_cluster").read_text().strip()
    except OSError:
        return
    try:
        _require_head(address)
    except MarklensError:
        raise ClusterError(
            f"the Ray cluster this machine belonged to, {address}, does not answer: 'ray stop' forgets it"
        ) from None


def _require_head(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535 or "/" in host:
        raise UsageError(
            f"{address} is no address of a Ray cluster: give host:port as 'ray start' printed it, and "
            "run this on a machine that belongs to the cluster"
        )
    try:
        answers = _speaks_grpc(host.strip("[]"), int(port))
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error.strerror or error}): start one with "
            "'ray start --head', or correct the setting cluster.address"
        ) from None
    if not answers:
        raise ClusterError(f"what answers at {address} is no head of a Ray cluster: see cluster.address")


def _speaks_grpc(host: str, port: int) -> bool:
    """Whether something there begins to talk as a head does; Ray would ask anything else for ten minutes."""
    with socket.create_connection((host, port), ANSWER_SECONDS) as connection:
        if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
            return True
        connection.sendall(HTTP2_HELLO)
        with connection.makefile("rb") as answer:
            return answer.read(4)[3:] == HTTP2_SETTINGS


def _connect(ray: Any, address: str | None) -> None:
    """Connect without a word, and with our own handling of signals when it is done."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _quiet_core():
            ray.init(
                address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR
            )
    except Exception as error:  # Ray's have nothing in common
        unsaid = address and "RAY_AUTH_MODE" not in os.environ  # then Ray knocks without its token
        hint = ": where it was started with a token, set RAY_AUTH_MODE=token" if unsaid else ""
        raise ClusterError(f"Ray at {address or 'this machine'}: {last_line(error)}{hint}") from error
    finally:
        _restore(before)
    for handler in logging.getLogger("ray.data").handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.setLevel(logging.ERROR)


@contextmanager
def _quiet_core() -> Iterator[None]:
    """Ray's core writes to stderr past Python: its level is set, and the line that says so swallowed."""
    before, stderr = os.environ.get(LOG_LEVEL), os.dup(2)
    os.environ.setdefault(LOG_LEVEL, "fatal")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        if before is None:
            del os.environ[LOG_LEVEL]


def _restore(handlers: dict[signal.Signals, Any]) -> None:
    try:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    except ValueError:  # not the main thread: Ray has changed nothing either
        return


def last_line(error: Exception) -> str:
    """What Ray's long messages come to."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
