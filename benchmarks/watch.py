"""Watch a delivery of filings twice, kill a watch of it in the middle, and compare what was told.

    python -m benchmarks.watch --dataset icons --portfolio 50000 --filings 10000 --work build/watch
    python -m benchmarks.watch --portfolio 1000 --filings 200

Without --dataset the marks are those of simple-icons-pack, some 3,000. One filing in twenty is a mark of the
portfolio, made smaller and recoloured. With --work the index is kept and used again.
"""

import csv
import json as jsonlib
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from time import sleep
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks.processes import Usage, finish, kill, start
from benchmarks.reporting import report
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.types import Mark, Pixels
from marklens.datasets.opening import open_dataset
from marklens.datasets.pypi_logos import write_simple_icons

EVERY = 20
"""One filing in so many is planted."""
POLL_SECONDS = 0.02
Told = Counter[tuple[str, str]]


def main(
    dataset: Annotated[Path | None, typer.Option(help="Where the marks come from.")] = None,
    portfolio: Annotated[int, typer.Option(help="Marks that are watched.")] = 1000,
    filings: Annotated[int, typer.Option(help="New filings.")] = 200,
    threshold: Annotated[float, typer.Option(help="Least score of a conflict.")] = 0.6,
    work: Annotated[
        Path | None, typer.Option(help="Folder for everything; none takes a temporary one.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Measure a watch, a second one, and one that is killed twice."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = (work or Path(temporary)).absolute()
        source = dataset or write_simple_icons(folder / "icons")
        planted = _prepare(source, folder, portfolio, filings)
        finish(start("index", "build", str(folder / "portfolio.jsonl"), "--index", str(folder / "index")))
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            rows = _measure(folder, Path(fresh), threshold, planted, filings)
    report(f"{filings:,} filings against {portfolio:,} marks, threshold {threshold:g}", rows, json)
    if any(row["lost"] or row["twice"] for row in rows):
        raise typer.Exit(1)


def _prepare(source: Path, folder: Path, portfolio: int, filings: int) -> dict[str, str]:
    """Write the portfolio's manifest and the delivery; the mark that each planted filing imitates."""
    marks = list(islice(open_dataset(source).marks(lambda _: None), portfolio + filings))
    if len(marks) < portfolio + filings:
        raise typer.BadParameter(f"{source} has {len(marks):,} marks: give another --dataset, or fewer marks")
    order = np.random.default_rng(0).permutation(len(marks))
    watched = [marks[place] for place in order[:portfolio]]
    delivered = [marks[place] for place in order[portfolio:]]
    planted: dict[str, str] = {}
    (folder / "new").mkdir(parents=True, exist_ok=True)
    for number in range(0, filings, EVERY):
        if (picture := _imitation(watched[number % portfolio])) is not None:
            path = folder / "new" / f"{number}.png"
            cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            delivered[number] = Mark(f"planted{number}", path.name, path)
            planted[f"planted{number}"] = watched[number % portfolio].id
    _manifest(folder / "portfolio.jsonl", watched)
    _manifest(folder / "filings.jsonl", delivered)
    return planted


def _imitation(mark: Mark) -> Pixels | None:
    """A mark in other colours, at two thirds of its size, on a wider ground; None if it has no picture."""
    try:
        picture = read_picture(mark.path)
    except PictureError:
        return None
    small = cv2.resize(np.roll(picture, 1, axis=2), None, fx=2 / 3, fy=2 / 3, interpolation=cv2.INTER_AREA)
    edge = [int(value) for value in small[0, 0]]
    return np.asarray(cv2.copyMakeBorder(small, 40, 10, 20, 60, cv2.BORDER_CONSTANT, value=edge), np.uint8)


def _manifest(path: Path, marks: list[Mark]) -> None:
    rows = [{"path": str(mark.path), "file": mark.file, "id": mark.id, "text": mark.text} for mark in marks]
    path.write_text("".join(jsonlib.dumps(row) + "\n" for row in rows))


def _measure(
    folder: Path, fresh: Path, threshold: float, planted: dict[str, str], filings: int
) -> list[dict[str, Any]]:
    """One row a watch; their reports and states go below the fresh folder."""

    def begin(out: str) -> Any:
        command = ["watch", str(folder / "filings.jsonl"), "--index", str(folder / "index")]
        return start(*command, "--out", str(fresh / out / "report.html"), "--threshold", str(threshold))

    def row(name: str, usage: Usage, now: Told) -> dict[str, Any]:
        return {
            "watch": name,
            "seconds": usage.wall,
            "filings/s": filings / usage.wall,
            "peak MB": usage.peak / 1e6,
            "told in all": now.total(),
            "planted found": sum(pair in now for pair in planted.items()),
            "planted": len(planted),
            "lost": len((expected or now) - now),
            "twice": sum(count > 1 for count in now.values()),
        }

    expected: Told = Counter()
    first = finish(begin("whole"))
    expected = _told(fresh / "whole")
    rows = [row("first", first, expected)]
    rows.append(row("second", finish(begin("whole")), _told(fresh / "whole")))
    for name, reached in {
        "half": lambda: _checked(fresh / "killed") >= filings // 2,
        "reporting": lambda: any((fresh / "killed").glob("*.csv")),
    }.items():
        _kill_when(begin("killed"), reached, name)
    rows.append(
        row(
            "killed at half and while reporting, the last leg",
            finish(begin("killed")),
            _told(fresh / "killed"),
        )
    )
    return rows


def _kill_when(process: Any, reached: Callable[[], bool], name: str) -> None:
    while not reached():
        if process.poll() is not None:
            raise RuntimeError(f"the watch ended before it could be killed ({name})")
        sleep(POLL_SECONDS)
    kill(process)


def _checked(folder: Path) -> int:
    """Filings that are remembered; none while there is no state yet."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(f"{(folder / 'watch.sqlite').as_uri()}?mode=ro", uri=True)) as db,
    ):
        return int(db.execute("SELECT COUNT(*) FROM filings").fetchone()[0])
    return 0


def _told(folder: Path) -> Told:
    """Filing and mark of every conflict in the tables of a folder, and how often it is told."""
    rows = [row for table in folder.glob("*.csv") for row in csv.DictReader(table.read_text().splitlines())]
    return Counter((row["filing number"], row["mark number"]) for row in rows)


if __name__ == "__main__":
    typer.run(main)
