"""The long stage of every build: marks become chunks on the disk, those that are there are not made again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np
from loguru import logger

from marklens.core.errors import ArtifactError, Interrupted, ModelError
from marklens.core.ports import Progress
from marklens.core.resources import StopFlag, sampled_resources
from marklens.core.types import Mark
from marklens.indexing.chunks import Chunk, Origins, fingerprint, found_chunk, joined, origins_of
from marklens.indexing.folder import IndexFolder
from marklens.indexing.reuse import EarlierChunks


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

    def describe(
        self,
        marks: Iterable[Mark],
        size: int,
        first: int = 0,
        beside: bool = False,
        before_writing: Callable[[], None] = lambda: None,
    ) -> Described:
        """Give all these marks chunks of `size` marks, from the chunk number `first` on.

        Chunks that take the place of others wait beside them for `IndexFolder.settle`.

        Args:
            marks: to describe; those that a chunk on the disk describes are passed over, wherever in it they
                are, and tried again where a temporary fault cost them.
            size: marks a chunk.
            first: number of the first chunk.
            beside: let all new chunks wait: a search may be using those that are there.
            before_writing: called once, before the first chunk is written.

        Raises:
            Interrupted: `stop` was set; every finished chunk is kept.
        """
        work = _Work(self, size, first, beside, before_writing)
        tasks = work.tasks(iter(marks))
        head = next(tasks, None)
        try:
            if head is not None:
                self._run(chain((head,), tasks), work)
        except ModelError:
            if not self.stop:  # what kept a worker from starting may be what stopped us
                raise
        if self.stop:
            raise Interrupted("stopped, and every finished chunk is kept: run the same command to resume")
        return work.done

    def _run(self, tasks: Iterable[Task], work: "_Work") -> None:
        writing, done = 0.0, work.done
        with self.runner() as runner, sampled_resources("build", lambda: done.marks):
            for task, chunk in runner.run(tasks):
                started = perf_counter()
                work.finish(task, chunk)
                writing += perf_counter() - started
                done.marks += len(task.marks)
                self.progress.advance(len(task.marks))
                for fault in chunk.faults:
                    logger.debug("{}: {}: {}", fault.item, fault.kind, fault.reason)
            done.seconds = {**runner.seconds, "write": writing}


class _Work:
    """The chunks of one call of `Describer.describe`: those found, those put together, those under way."""

    def __init__(
        self, describer: Describer, size: int, first: int, beside: bool, before_writing: Callable[[], None]
    ) -> None:
        self.done = Described()
        self._describer, self._folder, self._progress = describer, describer.folder, describer.progress
        self._size, self._first, self._beside = size, first, beside
        self._before_writing: Callable[[], None] | None = before_writing
        self._batches: dict[int, tuple[tuple[Mark, ...], Origins]] = {}

    @cached_property
    def _earlier(self) -> EarlierChunks:
        return EarlierChunks([*self._folder.chunks_from(0), *self._folder.next_chunks()])

    def tasks(self, marks: Iterator[Mark]) -> Iterator[Task]:
        """Yield what is left to describe, chunk by chunk; note the fingerprints of all."""
        while not self._describer.stop and (batch := tuple(islice(marks, self._size))):
            number, source = self._first + len(self.done.sources), fingerprint(batch)
            self.done.sources.append(source)
            new = () if self._is_there(number, source) else self._new(number, source, batch)
            self._progress.advance(len(batch) - len(new), skipped=True)
            if new:
                yield Task(number, source, new)

    def finish(self, task: Task, chunk: Chunk) -> None:
        """Write the chunk of a task, with the marks of its batch that were described before."""
        batch, origins = self._batches.pop(task.number)
        by_id = dict(zip((mark.id for mark in batch), origins.tolist(), strict=True))
        own = np.array([by_id[mark.id] for mark in chunk.marks], np.uint64)
        self._assemble(task.number, task.source, replace(chunk, origins=own), batch, origins)

    def _is_there(self, number: int, source: str) -> bool:
        """Whether a chunk of these marks has this number; one of another number is copied."""
        place, waiting = self._folder.chunk(number), self._folder.next_chunk(number)
        if stands(place, source):
            waiting.unlink(missing_ok=True)
            return True
        if stands(waiting, source):
            return True
        if (held := self._earlier.whole(source)) is not None:
            self._write(number, held)
        return held is not None

    def _new(self, number: int, source: str, batch: tuple[Mark, ...]) -> tuple[Mark, ...]:
        """The marks of a batch that no chunk describes; without any, its chunk is put together at once."""
        origins = origins_of(batch)
        known = set(self._earlier.origins(self._earlier.find(origins)).tolist())
        new = tuple(mark for mark, origin in zip(batch, origins.tolist(), strict=True) if origin not in known)
        if new:
            self._batches[number] = batch, origins
        else:
            self._assemble(number, source, None, batch, origins)
        return new

    def _assemble(
        self, number: int, source: str, new: Chunk | None, batch: tuple[Mark, ...], origins: Origins
    ) -> None:
        """Write the chunk of a batch out of what was described now and before, with the data of now."""
        known = self._earlier.take(self._earlier.find(origins))
        whole = joined([part for part in (new, known) if part is not None])
        positions = {origin: position for position, origin in enumerate(whole.origins.tolist())}
        kept = [row for row, origin in enumerate(origins.tolist()) if origin in positions]
        taken = whole.take(np.array([positions[int(origins[row])] for row in kept], np.int64))
        faults = () if new is None else new.faults
        if len(kept) + len(faults) < len(batch):
            raise ArtifactError(f"chunks of {self._folder.root} changed meanwhile: run the build again")
        marks = tuple(batch[row] for row in kept)
        self._write(number, replace(taken, source=source, marks=marks, faults=faults))

    def _write(self, number: int, chunk: Chunk) -> None:
        place = self._folder.chunk(number)
        held = found_chunk(place)
        if held is not None and (held.source, held.faults) == (chunk.source, chunk.faults):
            return  # what could not be described before cannot now
        if self._before_writing is not None:
            self._before_writing()
            self._before_writing = None
        chunk.save(self._folder.next_chunk(number) if self._beside or place.exists() else place)


def stands(path: Path, source: str) -> bool:
    """Whether this file holds the chunk of these marks and nothing of it is worth another try."""
    chunk = found_chunk(path)
    return chunk is not None and chunk.stands_for(source)
