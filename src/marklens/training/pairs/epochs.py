"""The order of an epoch: every mark once, and no batch with two marks of one group where that can be."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from marklens.core.types import Ids


def epoch_order(groups: Ids, batch: int, random: np.random.Generator) -> Ids:
    """Marks in batches; what fills none is left out.

    A mark whose group is in the batch already waits for the next one. When only such marks are left they fill
    the last batches all the same.

    Args:
        groups: int64 (marks,).
        batch: marks of a batch.
        random: decides.

    Returns:
        int64 (steps, batch), numbers of marks.
    """
    steps = len(groups) // batch
    fresh = iter(random.permutation(len(groups)).tolist())
    names = groups.tolist()
    waiting: dict[int, deque[int]] = {}
    rows = [_one_batch(fresh, names, waiting, batch) for _ in range(steps)]
    return np.array(rows, np.int64).reshape(steps, batch)


def _one_batch(
    fresh: Iterator[int], groups: list[int], waiting: dict[int, deque[int]], batch: int
) -> list[int]:
    chosen = _of_each_group(waiting, batch)
    held = {groups[mark] for mark in chosen}
    while len(chosen) < batch:
        mark = next(fresh, None)
        if mark is None:
            chosen += _of_each_group(waiting, batch - len(chosen))
        elif groups[mark] in held:
            waiting.setdefault(groups[mark], deque()).append(mark)
        else:
            held.add(groups[mark])
            chosen.append(mark)
    return chosen


def _of_each_group(waiting: dict[int, deque[int]], most: int) -> list[int]:
    """Take one waiting mark of every group, at most so many."""
    chosen = []
    for group in list(waiting)[:most]:
        chosen.append(waiting[group].popleft())
        if not waiting[group]:
            del waiting[group]
    return chosen
