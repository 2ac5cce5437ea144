"""What the data side of training hands to the learning side."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from marklens.core.types import Ids, Pixels


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Pairs of pictures that ought to be alike.

    Attributes:
        first, second: uint8 (n, size, size, 3), RGB, augmented views.
        groups: int64 (n, 2), of both sides; marks of one group (same brand, near duplicates) are no negatives
            of each other, nor are those of a pair's two groups.
    """

    first: Pixels
    second: Pixels
    groups: Ids

    def __len__(self) -> int:
        return len(self.groups)


class PairSource(Protocol):
    """Makes batches; each picture depends on seed, epoch and place only, never on what was asked before."""

    size: int
    """Pixels of a side."""

    def steps(self, batch: int) -> int:
        """Batches of so many pairs in an epoch; what fills none is left for an epoch of another order."""
        ...

    def batches(
        self, epoch: int, batch: int, first: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[PairBatch]:
        """The batches of an epoch from step `first` on.

        Args:
            epoch: counts from 0.
            batch: pairs of the whole batch, over all processes.
            first: the step to begin with, so that a killed run goes on where it was.
            rank: which process asks; it gets pairs rank, rank + world, … of every batch.
            world: how many processes share a batch.
        """
        ...
