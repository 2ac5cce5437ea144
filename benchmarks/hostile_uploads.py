"""Thousands of hostile uploads to a running service: it must answer each, stay alive, and keep its memory.

    python -m benchmarks.hostile_uploads --index build/index --pictures logos --count 5000

Good searches in between must find what they always find. `--kind` repeats one kind alone.
"""

import re
import socket
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from benchmarks.hostile_bodies import Request, hostile_requests, request_of, search
from benchmarks.reporting import report
from benchmarks.served import Served, serving
from marklens.core.images import PICTURE_ENDINGS, read_picture

CLIENTS = 4
CONTROLS_EVERY = 20
"""Hostile requests between two good searches."""
WAIT_SECONDS = 60.0
SLOW_PIECES = 20
ENVIRONMENT = {
    "MARKLENS_SERVE__RATE_ADDRESS": "10000000/minute",
    "MARKLENS_SERVE__BODY_TIMEOUT": "5",
    "MARKLENS_SEARCH__CACHE_MB": "0",
}
"""Of the service: limits of rate would answer in the place of what is to be tried."""


@dataclass
class Outcome:
    """What came of it all.

    Attributes:
        statuses: how many requests of each kind got which status; 0 is an end without an answer.
        wrong: kind, seed and answer of requests that the service did not answer as it should.
        controls: good searches that found their mark.
        seconds: how long it took.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    wrong: list[tuple[str, int, str]] = field(default_factory=list)
    controls: int = 0
    seconds: float = 0.0

    def note(self, kind: str, seed: int, status: int, answer: bytes) -> None:
        """Count one answer."""
        self.statuses.setdefault(kind, Counter())[status] += 1
        unanswered = status == 0 and kind not in {"HTTP that is broken", "a slow body"}
        failed = status >= 500 and status != 503
        failed = failed or bool(re.search(rb'"status": ?500', answer))
        if failed or unanswered:
            self.wrong.append((kind, seed, f"{status} {answer[-300:]!r}"))


def main(
    index: Annotated[Path, typer.Option(help="A finished index.")],
    pictures: Annotated[Path, typer.Option(help="Folder of its pictures, of which some are enough.")],
    count: Annotated[int, typer.Option(help="Hostile requests.")] = 5000,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    out: Annotated[Path | None, typer.Option("--json", help="Also write the rows as JSON.")] = None,
) -> None:
    """Attack a service, and account for every request."""
    good = sorted(path for path in pictures.rglob("*") if path.suffix.lower() in PICTURE_ENDINGS)[:40]
    with serving(index, ENVIRONMENT) as served:
        outcome = attack(served, good, count, seed, kind)
        alive = served.alive
    memory = memory_of(served)
    rows = [
        {"kind": name, "requests": found.total(), "answers": _told(found)}
        for name, found in sorted(outcome.statuses.items())
    ]
    facts = {
        "requests": sum(found.total() for found in outcome.statuses.values()),
        "good searches": outcome.controls,
        "wrong": len(outcome.wrong),
        "seconds": outcome.seconds,
        **{f"MB, {name}": size / 1e6 for name, size in memory.items()},
    }
    report("Hostile uploads, by kind", rows)
    report("Hostile uploads", [facts], out)
    for each in outcome.wrong[:20]:
        typer.echo(each, err=True)
    if outcome.wrong or not alive:
        raise typer.Exit(1)


def attack(
    served: Served, good: Sequence[Path], count: int, seed: int = 0, only: str | None = None
) -> Outcome:
    """Send `count` hostile requests by several clients, good searches in between; memory is sampled.

    Args:
        served: the service.
        good: pictures of marks of its index.
        count: hostile requests.
        seed: of everything random.
        only: a kind of `hostile_bodies.KINDS_OF_REQUEST` alone.
    """
    images, outcome = [Image.fromarray(read_picture(path)) for path in good], Outcome()
    asked = hostile_requests(count, seed)
    if only is not None:
        asked = [(only, number) for _, number in asked]

    def one(place: int) -> None:
        kind, number = asked[place]
        random = np.random.default_rng(number)
        request = request_of(kind, images[number % len(images)], random)
        outcome.note(kind, number, *send(served.port, request))
        if place % CONTROLS_EVERY == 0:
            _control(served.port, good[place % len(good)], outcome)

    for path in good[:8]:  # what a service holds after some searches is where it starts from
        _control(served.port, path, outcome)
    served.memory.append((0.0, *served.bytes()))
    started = perf_counter()
    with served.watched(), ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(one, range(len(asked))))
    outcome.seconds = perf_counter() - started
    for path in good[:8]:
        _control(served.port, path, outcome)
    served.memory.append((outcome.seconds, *served.bytes()))
    return outcome


def send(port: int, request: Request) -> tuple[int, bytes]:
    """Status and whole answer of a request; status 0 where the connection ends without one."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS) as connection:
        try:
            connection.sendall(request.head)
            _send_body(connection, request)
        except OSError:
            pass  # it was refused before it was all there; the answer may still come
        try:
            while piece := connection.recv(1 << 16):
                answer += piece
        except OSError:  # broken off, or silent for too long
            pass
    found = re.search(rb"^HTTP/1\.1 ([2-5]\d\d)", answer, re.MULTILINE)  # after "100 Continue", if any
    return (int(found[1]) if found else 0), answer


def _send_body(connection: socket.socket, request: Request) -> None:
    if not request.pause:
        connection.sendall(request.body)
        return
    step = len(request.body) // SLOW_PIECES + 1
    for start in range(0, len(request.body), step):
        connection.sendall(request.body[start : start + step])
        time.sleep(request.pause)


def _control(port: int, path: Path, outcome: Outcome) -> None:
    """A good search, which must find its own mark among the first three: some logos are the same."""
    status, answer = send(port, search(path.read_bytes(), name=path.name.encode()))
    if status == 200 and path.name.encode() in answer.split(b'"rank": 4')[0].partition(b'"hits"')[2]:
        outcome.controls += 1
    else:
        outcome.wrong.append(("a good search", 0, f"{path.name}: {status} {answer[-300:]!r}"))


def _told(found: Counter[int]) -> str:
    return ", ".join(f"{status or 'none'}: {count:,}" for status, count in sorted(found.items()))


def memory_of(served: Served) -> dict[str, int]:
    """Bytes of the service itself at the start, at most and at the end, and the most with its workers."""
    own, whole = [each for _, each, _ in served.memory], [each for *_, each in served.memory]
    return {"start": own[0], "peak": max(own), "end": own[-1], "peak with workers": max(whole)}


if __name__ == "__main__":
    typer.run(main)
