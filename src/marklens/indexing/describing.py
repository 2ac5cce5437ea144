"""The long stage of every build: marks become chunks on the disk, those that are there are not made again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice
from time import perf_counter
from typing import Protocol

import numpy as np
from loguru import logger

from marklens.core.errors import ArtifactError, Interrupted, ModelError
from marklens.core.ports import Progress
from marklens.core.resources import StopFlag, sampled_resources
from marklens.core.types import Ids, Mark
from marklens.indexing.chunks import UNKNOWN, Chunk, Origins, fingerprint, found_chunk, joined, origins_of
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
        self._under_way: dict[int, _Batch] = {}

    @cached_property
    def _earlier(self) -> EarlierChunks:
        return EarlierChunks([*self._folder.chunks_from(self._first), *self._folder.next_chunks()])

    def tasks(self, marks: Iterator[Mark]) -> Iterator[Task]:
        """Yield what is left to describe, chunk by chunk; note the fingerprints of all."""
        while not self._describer.stop and (batch := tuple(islice(marks, self._size))):
            number, source = self._first + len(self.done.sources), fingerprint(batch)
            self.done.sources.append(source)
            new = () if self._is_there(number, source) else self._new(number, source, batch)
            if known := len(batch) - len(new):
                self._progress.advance(known, skipped=True)
            if new:
                yield Task(number, source, new)

    def finish(self, task: Task, chunk: Chunk) -> None:
        """Write the chunk of a task, with the marks of its batch that were described before."""
        batch = self._under_way.pop(task.number)
        known = dict(zip((mark.id for mark in task.marks), batch.new.tolist(), strict=True))
        own = replace(chunk, origins=np.array([known[mark.id] for mark in chunk.marks], np.uint64))
        whole = own if batch.old is None else self._assembled(task.source, own, batch.old)
        self._write(task.number, whole)

    def _is_there(self, number: int, source: str) -> bool:
        """Whether the chunk of these marks is there; one of another number is copied."""
        for path in (self._folder.chunk(number), self._folder.next_chunk(source)):
            chunk = found_chunk(path)
            if chunk is not None and chunk.stands_for(source):
                if (chunk.origins == UNKNOWN).any():  # an older Marklens wrote it; these very marks made it
                    replace(chunk, origins=origins_of(chunk.marks)).save(path)
                return True
        if (held := self._earlier.whole(source)) is not None:
            self._write(number, held)
        return held is not None

    def _new(self, number: int, source: str, marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
        """The marks of a batch that no chunk describes; without any, its chunk is put together at once."""
        origins = origins_of(marks)
        rows = self._earlier.find(origins)
        old = _Old(marks, origins, rows) if len(rows) else None
        unknown = ~np.isin(origins, self._earlier.origins(rows))
        if not unknown.any():
            assert old is not None
            self._write(number, self._assembled(source, None, old))
            return ()
        self._under_way[number] = _Batch(origins[unknown], old)
        return tuple(mark for mark, is_new in zip(marks, unknown.tolist(), strict=True) if is_new)

    def _assembled(self, source: str, new: Chunk | None, old: "_Old") -> Chunk:
        """The chunk of a batch out of what was described now and before, with the marks' data of now."""
        whole = joined([part for part in (new, self._earlier.take(old.rows)) if part is not None])
        positions = {origin: position for position, origin in enumerate(whole.origins.tolist())}
        kept = [row for row, origin in enumerate(old.origins.tolist()) if origin in positions]
        taken = whole.take(np.array([positions[int(old.origins[row])] for row in kept], np.int64))
        marks, faults = tuple(old.marks[row] for row in kept), () if new is None else new.faults
        if len(marks) + len(faults) < len(old.marks):
            raise ArtifactError(f"chunks of {self._folder.root} changed meanwhile: run the build again")
        return replace(taken, source=source, marks=marks, faults=faults)

    def _write(self, number: int, chunk: Chunk) -> None:
        place = self._folder.chunk(number)
        held = found_chunk(place)
        if held is not None and (held.source, held.faults) == (chunk.source, chunk.faults):
            self._folder.next_chunk(chunk.source).unlink(missing_ok=True)  # an earlier try
            return  # what could not be described before cannot now
        if self._before_writing is not None:
            self._before_writing()
            self._before_writing = None
        waits = self._beside or place.exists()
        chunk.save(self._folder.next_chunk(chunk.source) if waits else place)


@dataclass(frozen=True, slots=True)
class _Old:
    """A batch of which chunks on the disk describe a part.

    Attributes:
        marks: all of them, new ones too.
        origins: uint64 (marks,).
        rows: what `EarlierChunks.find` found.
    """

    marks: tuple[Mark, ...]
    origins: Origins
    rows: Ids


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch under way: the origins of its new marks, uint64 (new,), and what is not new of it."""

    new: Origins
    old: _Old | None
