"""Progress on stderr: a bar with speed and ETA on a terminal, a log line now and then elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

from loguru import logger
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LOG_SECONDS = 15.0


class _Speed(ProgressColumn):
    """Steps per second, those that were there already left out."""

    def render(self, task: Task) -> Text:
        done = task.completed - task.fields["skipped"]
        speed = done / task.elapsed if task.elapsed and done > 0 else 0.0
        return Text(f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s" if speed else "", style="cyan")


class TerminalProgress:
    """Satisfies `core.ports.Progress` with a bar a stage."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("starting", total=None, skipped=0)

    def start(self, stage: str, total: int | None) -> None:
        """Put a new bar under the one before, which is full now."""
        self._finish()
        self._task = self._bars.add_task(stage, total=total, skipped=0)

    def advance(self, steps: int, skipped: bool = False) -> None:
        """Move the bar."""
        before = self._bars.tasks[-1].fields["skipped"]
        self._bars.update(self._task, advance=steps, skipped=before + steps * skipped)

    def _finish(self) -> None:
        task = self._bars.tasks[-1]
        if task.description == "starting":
            self._bars.remove_task(self._task)
        else:
            self._bars.update(self._task, total=task.completed)


class LogProgress:
    """Satisfies `core.ports.Progress` with log lines, `LOG_SECONDS` apart."""

    def __init__(self) -> None:
        self._total: int | None = None
        self.start("", None)

    def start(self, stage: str, total: int | None) -> None:
        """Begin to count anew."""
        self._stage, self._total, self._done, self._skipped = stage, total, 0, 0
        self._started = self._said = monotonic()
        if stage and total is None:
            logger.info("{}: how long it takes is not known", stage)

    def advance(self, steps: int, skipped: bool = False) -> None:
        """Count, and log where the last line is old enough."""
        self._done += steps
        self._skipped += steps * skipped
        now = monotonic()
        if now - self._said < LOG_SECONDS:
            return
        self._said = now
        speed = (self._done - self._skipped) / (now - self._started)
        seconds = round((self._total - self._done) / speed) if self._total and speed else None
        left = "" if seconds is None else f", about {timedelta(seconds=max(0, seconds))} left"
        logger.info("{}: {} of {}, {:.1f}/s{}", self._stage, self._done, self._total or "?", speed, left)


@contextmanager
def shown_progress() -> Iterator[TerminalProgress | LogProgress]:
    """Show progress while the block runs."""
    if not sys.stderr.isatty():
        yield LogProgress()
        return
    columns = (
        TextColumn("{task.description:>9}"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeElapsedColumn(),
        TextColumn("ETA"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield TerminalProgress(bars)
