"""Batches of pairs out of a packed cache: the same ones whoever makes them, however many at a time."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from marklens.core.types import Ids, Pixels
from marklens.training.batches import PairBatch
from marklens.training.pairs.epochs import epoch_order
from marklens.training.pairs.groups import LEFT_OUT
from marklens.training.pairs.look_pool import Copy, Drawn, LookPool, make_looks
from marklens.training.pairs.packed_views import PIXELS, PackedViews
from marklens.training.pairs.positives import Chosen, Positives, PositiveShares

HANDED = 32
"""Pairs handed to a worker at a time: ten to a hundred milliseconds of work."""


@dataclass(frozen=True, slots=True)
class LoaderOptions:
    """How batches are made; none of it changes a pixel.

    Attributes:
        workers: processes that make pictures; 0 makes them when they are asked for.
        ahead: batches under way at a time.
    """

    workers: int = 0
    ahead: int = 3


class PackedPairs:
    """A `PairSource` over a packed cache.

    An epoch goes through all marks to train on once, in an order of its own. What is drawn depends on seed,
    epoch, size of the batch, and place in the epoch.

    Args:
        views: the cache.
        copy: changes a view as copies of marks are changed, see `training.copying.copier`; must survive
            pickling where there are workers.
        shares: of the kinds of pairs.
        seed: of everything.
        loading: how.
        members: marks of one group that come together in a batch.
    """

    def __init__(
        self,
        views: PackedViews,
        copy: Copy,
        shares: PositiveShares | None = None,
        seed: int = 0,
        loading: LoaderOptions | None = None,
        members: int = 1,
    ) -> None:
        self.size = views.size
        self._views, self._copy, self._seed, self._members = views, copy, seed, members
        self._positives = Positives(views, shares or PositiveShares())
        self._loading = loading or LoaderOptions()
        self._pool = LookPool(views.root / PIXELS, copy, self._loading.workers)
        self._marks = np.flatnonzero(views.groups != LEFT_OUT)
        self._orders = lru_cache(maxsize=2)(self._order)

    def close(self) -> None:
        """End the workers."""
        self._pool.close()

    def __len__(self) -> int:
        return len(self._marks)

    def steps(self, batch: int) -> int:
        """Batches of so many pairs in an epoch."""
        return len(self._marks) // batch

    def batches(
        self, epoch: int, batch: int, first: int = 0, rank: int = 0, world: int = 1
    ) -> Iterator[PairBatch]:
        """The batches of an epoch from step `first` on, see `PairSource`."""
        under_way: deque[tuple[Chosen, list[Future[Pixels]]]] = deque()
        try:
            for step in range(first, self.steps(batch)):
                chosen = self.choose(epoch, batch, step)
                drawn = _share(chosen, self._seed, epoch, step * batch, rank, world)
                if not self._loading.workers:
                    yield _batch(chosen, [make_looks(self._views.pixels, drawn, self._copy)], rank, world)
                    continue
                parts = [drawn[start : start + HANDED] for start in range(0, len(drawn), HANDED)]
                under_way.append((chosen, [self._pool.submit(part) for part in parts]))
                if len(under_way) > self._loading.ahead:
                    yield self._finished(*under_way.popleft(), rank, world)
            while under_way:
                yield self._finished(*under_way.popleft(), rank, world)
        finally:
            for _, futures in under_way:
                for future in futures:
                    future.cancel()

    def choose(self, epoch: int, batch: int, step: int) -> Chosen:
        """The pairs of one batch, before any change."""
        marks = self._orders(epoch, batch)[step].tolist()
        return self._positives.choose(marks, np.random.default_rng([self._seed, epoch, step, 1]))

    def _order(self, epoch: int, batch: int) -> Ids:
        random = np.random.default_rng([self._seed, epoch, 0])
        return self._marks[epoch_order(self._views.groups[self._marks], batch, random, self._members)]

    def _finished(self, chosen: Chosen, futures: list[Future[Pixels]], rank: int, world: int) -> PairBatch:
        return _batch(chosen, [self._pool.result(future) for future in futures], rank, world)


def _share(chosen: Chosen, seed: int, epoch: int, place: int, rank: int, world: int) -> list[Drawn]:
    """The pairs of one process: views, and the seeds of their changes."""
    return [
        Drawn((int(chosen.first[row]), int(chosen.second[row])), (seed, epoch, place + row, 2))
        for row in range(rank, len(chosen.first), world)
    ]


def _batch(chosen: Chosen, parts: list[Pixels], rank: int, world: int) -> PairBatch:
    looks = parts[0] if len(parts) == 1 else np.concatenate(parts)
    return PairBatch(
        np.ascontiguousarray(looks[:, 0]), np.ascontiguousarray(looks[:, 1]), chosen.groups[rank::world]
    )
