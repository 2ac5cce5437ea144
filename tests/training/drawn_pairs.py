"""Pairs of drawn shapes in memory, for tests: a group is a shape, its pairs differ in place and ink."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from marklens.core.types import Pixels
from marklens.evaluation.protocols import Query
from marklens.training.batches import PairBatch
from marklens.training.validation import Gallery

SIZE = 32


@dataclass(frozen=True)
class DrawnPairs:
    """Satisfies `PairSource`."""

    count: int = 24
    size: int = SIZE
    seed: int = 0

    def steps(self, batch: int) -> int:
        return self.count // batch

    def batches(
        self, epoch: int, batch: int, first: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[PairBatch]:
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        for step in range(first, self.steps(batch)):
            places = np.arange(step * batch, (step + 1) * batch)[rank::world]
            groups = order[places] // 2
            sides = [
                np.stack(
                    [
                        drawn(int(g), (self.seed, epoch, int(p), side))
                        for g, p in zip(groups, places, strict=True)
                    ]
                )
                for side in (0, 1)
            ]
            yield PairBatch(sides[0], sides[1], np.repeat(groups[:, None], 2, 1).astype(np.int64))


def drawn(group: int, seed: tuple[int, ...]) -> Pixels:
    """A rectangle that belongs to the group, moved and inked at random."""
    shape, random = np.random.default_rng(group), np.random.default_rng(seed)
    picture = np.full((SIZE, SIZE, 3), 255, np.uint8)
    height, width = shape.integers(4, 22, 2)
    top, left = random.integers(0, 10, 2)
    picture[top : top + height, left : left + width] = random.integers(0, 150, 3)
    return picture


def gallery() -> Gallery:
    """Ten shapes drawn twice each."""
    pixels = np.stack([drawn(100 + mark // 2, (9, mark)) for mark in range(20)])
    queries = [Query(str(mark), frozenset({mark ^ 1}), mark) for mark in range(20)]
    return Gallery(pixels, np.arange(20, dtype=np.int64), queries)
