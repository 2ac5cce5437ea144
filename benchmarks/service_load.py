"""How a service holds under load: rates, times and memory with more and more clients, then with too many.

    python -m benchmarks.service_load --index build/index --minutes 10 --json load.json --plot load.svg

Clients ask without pause. Queries are marks of the index, each changed a little, so that no cache answers.
"""

import asyncio
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import httpx2 as httpx
import numpy as np
import typer
from PIL import Image

from benchmarks.reporting import report
from benchmarks.served import Served, serving
from marklens.core.images import read_picture
from marklens.indexing.folder import IndexFolder
from marklens.retrieval.catalog import Catalog

QUERIES = 1000
"""Different ones, asked in turn: many times what the service remembers."""
ENVIRONMENT = {"MARKLENS_SERVE__RATE_ADDRESS": "10000000/minute"}
PLOT_SECONDS = 10.0
"""Whose requests make one point of the plot; in short runs it is a tenth of the time of a level."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One request.

    Attributes:
        at: seconds since the benchmark began, when it was answered.
        milliseconds: it took.
        status: of its answer; 0 where there was none.
    """

    at: float
    milliseconds: float
    status: int


def main(
    index: Annotated[Path, typer.Option(help="A finished index whose pictures are still there.")],
    minutes: Annotated[float, typer.Option(help="For each number of clients.")] = 10.0,
    clients: Annotated[list[int] | None, typer.Option(help="Numbers of clients; repeat.")] = None,
    overload: Annotated[int, typer.Option(help="Clients at the end; more than the queue holds.")] = 96,
    out: Annotated[Path | None, typer.Option("--json", help="Also write the rows as JSON.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw times and memory.")] = None,
) -> None:
    """Drive a service, and tell how it held."""
    queries = changed_marks(index, QUERIES)
    rows, answers, levels = [], [], []
    with serving(index, ENVIRONMENT) as served:
        started = perf_counter()
        with served.watched():
            for number in [*(clients or (1, 4, 16)), overload]:
                began = perf_counter() - started
                found = asyncio.run(drive(served.port, number, minutes * 60, queries, started))
                rows.append(told(number, found, served, began))
                answers += found
                levels.append((began, number))
        alive = served.alive
    report(f"A service under load, {minutes:g} minutes for each number of clients", rows, out)
    if plot is not None:
        draw(plot, answers, served, levels)
    if not alive or any(row["other"] for row in rows):
        raise typer.Exit(1)


def changed_marks(index: Path, wanted: int) -> list[bytes]:
    """PNG files of marks of an index, moved and brightened a little, every one different."""
    with Catalog.open(IndexFolder(index).catalog) as catalog:
        numbers, random = sorted(catalog.files()), np.random.default_rng(0)
        chosen = random.choice(numbers, wanted).tolist()
        paths = [mark.path for mark in (catalog.marks([number])[number] for number in chosen)]
    return [_changed(path, random) for path in paths]


def _changed(path: Path, random: np.random.Generator) -> bytes:
    picture = read_picture(path)
    edges = random.integers(0, 12, 4).tolist()
    framed = np.pad(picture, ((edges[0], edges[1]), (edges[2], edges[3]), (0, 0)), constant_values=255)
    light = np.clip(framed * random.uniform(0.9, 1.0) + random.uniform(0, 12), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(light).save(file, "PNG", compress_level=1)
    return file.getvalue()


async def drive(
    port: int, clients: int, seconds: float, queries: Sequence[bytes], started: float
) -> list[Answered]:
    """So many clients for so many seconds, each asking again as soon as it is answered.

    Args:
        port: of the service.
        clients: at once.
        seconds: in which requests are begun.
        queries: pictures to search for, in turn.
        started: when the benchmark began, as `perf_counter` says.
    """
    answers: list[Answered] = []
    turn, until = count(), perf_counter() + seconds
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)

    async def ask(client: httpx.AsyncClient) -> None:
        while perf_counter() < until:
            files = {"image": ("query.png", queries[next(turn) % len(queries)], "image/png")}
            began = perf_counter()
            try:
                status = (await client.post("/search", files=files)).status_code
            except httpx.HTTPError:
                status = 0
            now = perf_counter()
            answers.append(Answered(now - started, (now - began) * 1e3, status))

    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, timeout=120, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(ask(client) for _ in range(clients)))
    return answers


def told(clients: int, found: Sequence[Answered], served: Served, began: float) -> dict[str, Any]:
    """One row: rates and times of the accepted, how many were refused, memory meanwhile."""
    statuses = Counter(each.status for each in found)
    times = [each.milliseconds for each in found if each.status == 200] or [float("nan")]
    seconds = max(each.at for each in found) - began
    memory = [own for at, own, _ in served.memory if at >= began] or [served.bytes()[0]]
    return {
        "clients": clients,
        "a second": statuses[200] / seconds,
        **{f"p{q}, ms": float(np.percentile(times, q)) for q in (50, 95, 99)},
        "200": statuses[200],
        "503": statuses[503],
        "other": len(found) - statuses[200] - statuses[503],
        "MB, first": memory[0] / 1e6,
        "MB, most": max(memory) / 1e6,
        "MB, last": memory[-1] / 1e6,
    }


def draw(
    path: Path, answers: Sequence[Answered], served: Served, levels: Sequence[tuple[float, int]]
) -> None:
    """Times of accepted requests and memory over time, as SVG or PNG by the ending."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    accepted = [each for each in answers if each.status == 200]
    last = max(each.at for each in answers)
    step = min(PLOT_SECONDS, last / (10 * len(levels)))
    slots: dict[int, list[float]] = {}
    for each in accepted:
        slots.setdefault(int(each.at / step), []).append(each.milliseconds)
    figure, (times, memory) = pyplot.subplots(2, 1, sharex=True, figsize=(8, 5), layout="constrained")
    at = [(slot + 0.5) * step for slot in sorted(slots)]
    for q, color in ((50, "#2563eb"), (99, "#dc2626")):
        times.plot(at, [np.percentile(slots[slot], q) for slot in sorted(slots)], color=color, label=f"p{q}")
    times.set(ylabel="ms, accepted searches", yscale="log")
    times.legend(frameon=False)
    seconds = [each for each, *_ in served.memory]
    memory.plot(seconds, [own / 1e6 for _, own, _ in served.memory], color="#2563eb", label="service")
    memory.plot(seconds, [all_ / 1e6 for *_, all_ in served.memory], color="#999", label="with its workers")
    memory.set(ylabel="MB", xlabel="seconds", ylim=(0, None))
    memory.legend(frameon=False)
    for began, clients in levels:
        times.axvline(began, color="#ddd")
        memory.axvline(began, color="#ddd")
        times.annotate(f"{clients} clients", (began, 1), xycoords=("data", "axes fraction"), fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)


if __name__ == "__main__":
    typer.run(main)
