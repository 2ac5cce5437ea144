"""The long stage of every build: marks become chunks on the disk, those that are there are not made again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain, islice
from time import perf_counter
from typing import Protocol

from loguru import logger

from marklens.core.errors import Interrupted
from marklens.core.ports import Progress
from marklens.core.resources import StopFlag, sampled_resources
from marklens.core.types import Mark
from marklens.indexing.chunks import Chunk, fingerprint, source_of
from marklens.indexing.folder import IndexFolder


@dataclass(frozen=True, slots=True)
class Task:
    """Marks that shall become one chunk.

    Attributes:
        number: of the chunk.
        source: fingerprint of the marks.
        marks: at least one.
    """

    number: int
    source: str
    marks: tuple[Mark, ...]


class Runner(Protocol):
    """Turns tasks into chunks: on this machine, on a cluster."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Time by stage so far."""
        ...

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Chunk]]:
        """Yield every task with its chunk, in order."""
        ...


RunnerFactory = Callable[[], AbstractContextManager[Runner]]
"""Makes a runner that gives its workers back when the block ends."""


@dataclass(slots=True)
class Described:
    """What the stage did.

    Attributes:
        sources: fingerprint of every chunk, new or not.
        marks: how many marks were described now.
        seconds: time by stage.
    """

    sources: list[str] = field(default_factory=list)
    marks: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Describer:
    """Describes marks into an index folder.

    Attributes:
        folder: where the chunks go.
        runner: makes what describes marks; called only if something is left to describe.
        progress: hears how far it is.
        stop: looked at between two chunks.
    """

    folder: IndexFolder
    runner: RunnerFactory
    progress: Progress
    stop: StopFlag

    def describe(self, marks: Iterable[Mark], size: int, first: int = 0) -> Described:
        """Give all these marks chunks of `size` marks, from the chunk number `first` on.

        Raises:
            Interrupted: `stop` was set; every finished chunk is kept.
        """
        done = Described()
        tasks = self._tasks(iter(marks), size, first, done.sources)
        head = next(tasks, None)
        if head is not None:
            self._run(chain((head,), tasks), done)
        if self.stop:
            raise Interrupted("stopped, and every finished chunk is kept: run the same command to resume")
        return done

    def _tasks(self, marks: Iterator[Mark], size: int, first: int, sources: list[str]) -> Iterator[Task]:
        """Yield what has no intact chunk yet; note the fingerprints of all."""
        while not self.stop and (batch := tuple(islice(marks, size))):
            number, source = first + len(sources), fingerprint(batch)
            sources.append(source)
            if source_of(self.folder.chunk(number)) == source:
                self.progress.advance(len(batch), skipped=True)
            else:
                yield Task(number, source, batch)

    def _run(self, tasks: Iterable[Task], done: Described) -> None:
        writing = 0.0
        with self.runner() as runner, sampled_resources("build", lambda: done.marks):
            for task, chunk in runner.run(tasks):
                started = perf_counter()
                chunk.save(self.folder.chunk(task.number))
                writing += perf_counter() - started
                done.marks += len(task.marks)
                self.progress.advance(len(task.marks))
                for fault in chunk.faults:
                    logger.debug("{}: {}: {}", fault.item, fault.kind, fault.reason)
            done.seconds = {**runner.seconds, "write": writing}
