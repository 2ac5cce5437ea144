"""Describes marks on this machine: worker processes make views, this process runs the network."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

from marklens.core.types import Mark
from marklens.embeddings.view_describer import ViewDescriber
from marklens.indexing.chunk_making import make_chunk
from marklens.indexing.chunks import Chunk
from marklens.indexing.describing import Task
from marklens.preprocessing.prepared import Prepared, Preparer

GROUP = 16
"""Marks a worker takes at a time: enough to forget the cost of handing them over, few enough to share out."""


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
                yield task, make_chunk(task.source, held, self._describer, self.seconds)
                held = []
