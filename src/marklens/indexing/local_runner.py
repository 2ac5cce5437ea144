"""Describes marks on this machine: worker processes make views, this process runs the network."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from time import perf_counter
from typing import Protocol, Self

import numpy as np

from marklens.core.types import PATCH_GRID, Mark
from marklens.embeddings.view_describer import ViewDescriber
from marklens.indexing.chunks import Chunk
from marklens.indexing.describing import Task
from marklens.indexing.preparing import Prepared

GROUP = 16
"""Marks a worker takes at a time: enough to forget the cost of handing them over, few enough to share out."""


class Preparer(Protocol):
    """Makes views of groups of marks, in order."""

    def prepare(self, groups: Iterable[Sequence[Mark]]) -> Iterator[list[Prepared]]:
        """Yield each group's outcome."""
        ...

    def close(self) -> None:
        """End the workers."""
        ...


class LocalRunner:
    """Turns tasks into chunks.

    Args:
        preparer: makes the views, ahead of the network.
        describer: runs the network.
    """

    def __init__(self, preparer: Preparer, describer: ViewDescriber) -> None:
        self._preparer, self._describer = preparer, describer
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Time by stage: of all workers for decode, detect, mask and normalize; of this process for embed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._preparer.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Chunk]]:
        """Yield the chunk of every task, in order; tasks are taken a little ahead."""
        open_tasks: deque[Task] = deque()

        def groups() -> Iterator[Sequence[Mark]]:
            for task in tasks:
                open_tasks.append(task)
                for start in range(0, len(task.marks), GROUP):
                    yield task.marks[start : start + GROUP]

        held: list[Prepared] = []
        for group in self._preparer.prepare(groups()):
            held += group
            if len(held) == len(open_tasks[0].marks):
                task = open_tasks.popleft()
                yield task, self._describe(task, held)
                held = []

    def _describe(self, task: Task, prepared: Sequence[Prepared]) -> Chunk:
        good = [item for item in prepared if item.result is not None]
        views = [view for item in good if item.result for view in item.result.views]
        counts = [len(item.result.views) for item in good if item.result]
        for item in good:
            self.seconds["decode"] += item.decode_seconds
            for stage, spent in item.result.seconds.items() if item.result else ():
                self.seconds[stage] += spent
        started = perf_counter()
        side = self._describer.size
        pixels = np.array([view.pixels for view in views], np.uint8).reshape(-1, side, side, 3)
        inks = np.array([view.ink for view in views], np.bool_).reshape(-1, PATCH_GRID, PATCH_GRID)
        vectors, local = self._describer.describe(pixels, inks)
        self.seconds["embed"] += perf_counter() - started
        return Chunk(
            source=task.source,
            marks=tuple(item.mark for item in good),
            faults=tuple(item.fault for item in prepared if item.fault is not None),
            owners=np.repeat(np.arange(len(good), dtype=np.int32), counts),
            kinds=np.array([view.kind for view in views], np.uint8),
            inks=inks,
            vectors=vectors.astype(np.float16),
            patches=local.patches,
            colors=local.colors,
            masks=tuple(item.mask for item in good),
            readings=tuple(item.result.text for item in good if item.result),
        )
