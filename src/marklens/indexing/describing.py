"""The long stage of every build: marks become chunks on the disk, those that are there are not made again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import chain, islice
from time import perf_counter
from typing import Protocol

from loguru import logger

from marklens.core.errors import Interrupted, ModelError
from marklens.core.ports import Progress
from marklens.core.resources import StopFlag, sampled_resources
from marklens.core.types import Mark
from marklens.indexing.chunks import Chunk, fingerprint, found_chunk
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
        """Yield every task with its chunk, in whatever order they are finished."""
        ...


RunnerFactory = Callable[[], AbstractContextManager[Runner]]
"""Makes a runner that gives its workers back when the block ends."""


@dataclass(slots=True)
class Described:
    """What the stage did.

    Attributes:
        sources: fingerprint of every chunk, new or not.
        marks: how many marks were described now.
        changed: whether a chunk was written.
        seconds: time by stage.
    """

    sources: list[str] = field(default_factory=list)
    marks: int = 0
    changed: bool = False
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

    def describe(
        self,
        marks: Iterable[Mark],
        size: int,
        first: int = 0,
        before_change: Callable[[], None] = lambda: None,
    ) -> Described:
        """Give all these marks chunks of `size` marks, from the chunk number `first` on.

        Args:
            marks: to describe; those of an intact chunk are passed over, unless a temporary fault is in it.
            size: marks a chunk.
            first: number of the first chunk.
            before_change: called once, before the first chunk is written.

        Raises:
            Interrupted: `stop` was set; every finished chunk is kept.
        """
        done = Described()
        tasks = self._tasks(iter(marks), size, first, done.sources)
        head = next(tasks, None)
        try:
            if head is not None:
                self._run(chain((head,), tasks), done, before_change)
        except ModelError:
            if not self.stop:  # what kept a worker from starting may be what stopped us
                raise
        if self.stop:
            raise Interrupted("stopped, and every finished chunk is kept: run the same command to resume")
        return done

    def _tasks(self, marks: Iterator[Mark], size: int, first: int, sources: list[str]) -> Iterator[Task]:
        """Yield what has no intact chunk yet; note the fingerprints of all."""
        while not self.stop and (batch := tuple(islice(marks, size))):
            number, source = first + len(sources), fingerprint(batch)
            sources.append(source)
            held = found_chunk(self.folder.chunk(number))
            if held is not None and held.source == source and not held.worth_another_try:
                self.progress.advance(len(batch), skipped=True)
            else:
                yield Task(number, source, batch)

    def _run(self, tasks: Iterable[Task], done: Described, before_change: Callable[[], None]) -> None:
        writing = 0.0
        with self.runner() as runner, sampled_resources("build", lambda: done.marks):
            for task, chunk in runner.run(tasks):
                started, path = perf_counter(), self.folder.chunk(task.number)
                held = found_chunk(path)
                if held is None or (held.source, held.faults) != (chunk.source, chunk.faults):
                    if not done.changed:
                        before_change()
                    done.changed = True
                    chunk.save(path)
                writing += perf_counter() - started
                done.marks += len(task.marks)
                self.progress.advance(len(task.marks))
                for fault in chunk.faults:
                    logger.debug("{}: {}: {}", fault.item, fault.kind, fault.reason)
            done.seconds = {**runner.seconds, "write": writing}
