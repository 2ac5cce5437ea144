"""The order of an epoch: every mark once, and no more marks of one group in a batch than are wanted."""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np

from marklens.core.types import Ids

Waiting = dict[int, deque[list[int]]]


def epoch_order(groups: Ids, batch: int, random: np.random.Generator, members: int = 1) -> Ids:
    """Marks in batches; what fills none is left out.

    Marks whose group is in the batch already wait for the next one. When only such marks are left they fill
    the last batches all the same.

    Args:
        groups: int64 (marks,).
        batch: marks of a batch.
        random: decides.
        members: marks of one group that come together, where it has so many; losses on groups want several.

    Returns:
        int64 (steps, batch), numbers of marks.
    """
    names = groups.tolist()
    fresh = iter(_together(random.permutation(len(groups)).tolist(), names, members))
    waiting: Waiting = {}
    rows = [_one_batch(fresh, names, waiting, batch) for _ in range(len(groups) // batch)]
    return np.array(rows, np.int64).reshape(-1, batch)


def _together(order: Sequence[int], groups: Sequence[int], members: int) -> list[list[int]]:
    """Marks in their order, each followed by the next ones of its group."""
    begun: dict[int, list[int]] = {}
    units: list[list[int]] = []
    for mark in order:
        unit = begun.get(groups[mark])
        if unit is None or len(unit) == members:
            unit = begun[groups[mark]] = []
            units.append(unit)
        unit.append(mark)
    return units


def _one_batch(fresh: Iterator[list[int]], groups: Sequence[int], waiting: Waiting, batch: int) -> list[int]:
    chosen: list[int] = []
    held: set[int] = set()
    while len(chosen) < batch:
        unit = _taken(waiting, held) or next(fresh, None)
        if unit is None:
            held.clear()  # only marks of these groups are left
            continue
        group, room = groups[unit[0]], batch - len(chosen)
        if group in held:
            waiting.setdefault(group, deque()).append(unit)
            continue
        held.add(group)
        chosen += unit[:room]
        if unit[room:]:
            waiting.setdefault(group, deque()).appendleft(unit[room:])
    return chosen


def _taken(waiting: Waiting, held: set[int]) -> list[int] | None:
    """The next unit that waits and whose group is not held."""
    group = next((group for group in waiting if group not in held), None)
    if group is None:
        return None
    unit = waiting[group].popleft()
    if not waiting[group]:
        del waiting[group]
    return unit
