"""The two stages of a build as Ray's actors: a row is a chunk's marks, then their views, then the chunk.

An error is a row too: Ray would wrap it in pages of traces, and begin the row again.
"""

import pickle
import socket
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marklens.embeddings.view_describer import ViewDescriber
from marklens.indexing.chunk_making import make_chunk
from marklens.indexing.chunks import Chunk
from marklens.indexing.describing import Task
from marklens.preprocessing.prepared import Prepared, Preparer

if TYPE_CHECKING:
    import pyarrow

CELL = "cell"


@dataclass(frozen=True, slots=True)
class Views:
    """A task after the first stage."""

    task: Task
    prepared: list[Prepared]


@dataclass(frozen=True, slots=True)
class Described:
    """A task after the second stage, with the time that both took."""

    task: Task
    chunk: Chunk
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Failed:
    """A machine of the cluster cannot do its work."""

    reason: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A task that no actor had in hand when the build was stopped."""


class Flag:
    """An actor that says whether the build was stopped."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        """Stop it."""
        self._set = True

    def is_set(self) -> bool:
        """Whether it was."""
        return self._set


class PreparingActor:
    """Makes views, in a process of its own below this one, which a picture may kill.

    Args:
        make: makes the preparer, at the first row.
        flag: handle of the actor `Flag`; None never stops.
    """

    def __init__(self, make: Callable[[], Preparer], flag: Any = None) -> None:
        self._make, self._flag = make, flag
        self._preparer: Preparer | None = None

    def __call__(self, rows: "pyarrow.Table") -> "pyarrow.Table":
        """Map tasks to views."""
        return _each(rows, self._prepare)

    def _prepare(self, task: Task) -> Views | GivenUp:
        if _is_set(self._flag):
            return GivenUp()
        self._preparer = self._preparer or self._make()
        return Views(task, next(iter(self._preparer.prepare([task.marks]))))


class DescribingActor:
    """Runs the network.

    Args:
        make: makes the describer, at the first row.
        flag: as of `PreparingActor`.
    """

    def __init__(self, make: Callable[[], ViewDescriber], flag: Any = None) -> None:
        self._make, self._flag = make, flag
        self._describer: ViewDescriber | None = None

    def __call__(self, rows: "pyarrow.Table") -> "pyarrow.Table":
        """Map views to chunks."""
        return _each(rows, self._describe)

    def _describe(self, views: Views) -> Described | GivenUp:
        if _is_set(self._flag):
            return GivenUp()
        self._describer = self._describer or self._make()
        seconds: defaultdict[str, float] = defaultdict(float)
        chunk = make_chunk(views.task.source, views.prepared, self._describer, seconds)
        return Described(views.task, chunk, dict(seconds))


def packed(contents: Iterable[Any]) -> "pyarrow.Table":
    """A row for each."""
    import pyarrow

    cells = [pickle.dumps(content, protocol=5) for content in contents]
    return pyarrow.table({CELL: pyarrow.array(cells, pyarrow.large_binary())})  # may pass 2 GB


def unpacked(rows: "pyarrow.Table") -> list[Any]:
    """What `packed` packed."""
    return [pickle.loads(cell.as_buffer()) for cell in rows[CELL]]


def _is_set(flag: Any) -> bool:
    if flag is None:
        return False
    import ray

    try:
        return bool(ray.get(flag.is_set.remote()))
    except ray.exceptions.RayError:  # its machine is lost
        return False


def _each(rows: "pyarrow.Table", step: Callable[[Any], Any]) -> "pyarrow.Table":
    return packed(
        content if isinstance(content, Failed | GivenUp) else _safely(step, content)
        for content in unpacked(rows)
    )


def _safely(step: Callable[[Any], Any], content: Any) -> Any:
    try:
        return step(content)
    except Exception as error:  # whatever it is, who started the build must hear of it
        return Failed(f"{socket.gethostname()}: {error or type(error).__name__}")
