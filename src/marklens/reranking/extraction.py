"""Patches on the fly: for an index that keeps none, those of the few marks that are looked at."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from loguru import logger

from marklens.core.byte_cache import ByteCache
from marklens.core.errors import PictureError
from marklens.core.types import PATCH_GRID, VIEW_BITS, Bools, Colors, Ids, LocalViews, Pixels, Vectors, View

Part = tuple[Ids, LocalViews]
"""View ids int64 (views,) and what is known of these views."""


class ExtractedPatches:
    """A `LocalStore` that looks at the pictures themselves; it remembers what it saw last.

    Args:
        views: makes the views of a mark again, by its number; raises PictureError where its picture is gone.
        describe: pixels uint8 (n, size, size, 3) and inks bool (n, 7, 7) to vectors and local views.
        cache_bytes: for what was described lately.
    """

    def __init__(
        self,
        views: Callable[[int], Sequence[View]],
        describe: Callable[[Pixels, Bools], tuple[Vectors, LocalViews]],
        cache_bytes: int,
    ) -> None:
        self._views, self._describe = views, describe
        self._seen = ByteCache[Part](cache_bytes, lambda part: part[0].nbytes + part[1].bytes)

    def of_marks(self, numbers: Ids) -> Part:
        """All views of some marks, in the order of `numbers`; those whose pictures are gone are left out."""
        known: list[Part] = []
        for number in numbers.tolist():
            try:
                known.append(self._seen.get(number, partial(self._look, number)))
            except PictureError as error:  # not remembered: the picture may come back
                logger.warning("mark {} is compared as a whole only: {}", number, error)
        if not known:
            return NOTHING
        return np.concatenate([ids for ids, _ in known]), LocalViews.joined([views for _, views in known])

    def _look(self, number: int) -> Part:
        views = self._views(number)
        pixels, inks = np.stack([view.pixels for view in views]), np.stack([view.ink for view in views])
        ids = np.array([number << VIEW_BITS | view.kind for view in views], np.int64)
        return ids, self._describe(pixels, inks)[1]


def _nothing() -> Part:
    no_colors: Colors = np.empty((0, 0), np.uint8)
    views = LocalViews(np.empty((0, 0), np.int8), np.empty((0, PATCH_GRID**2), np.bool_), no_colors)
    return np.empty(0, np.int64), views


NOTHING = _nothing()
