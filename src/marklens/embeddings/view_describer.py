"""All that is kept of a view: its global vector, its patches, its colours. Indexes and queries share this."""

from collections.abc import Callable

import numpy as np

from marklens.core.ports import Describer
from marklens.core.types import PATCH_GRID, Bools, Colors, LocalViews, Pixels, Vectors
from marklens.embeddings.patch_reducer import PatchReducer

AT_A_TIME = 128
"""Views whose 7×7 maps are in memory at once: 250 kB each before the reduction."""


class ViewDescriber:
    """Describes views.

    Args:
        embedder: the network.
        patches: its patch reduction; None keeps neither patches nor colours.
        histograms: the colours of views, uint8 (n, size, size, 3), by their inks, bool (n, 7, 7).
    """

    def __init__(
        self,
        embedder: Describer,
        patches: PatchReducer | None,
        histograms: Callable[[Pixels, Bools], Colors],
    ) -> None:
        self._embedder, self._patches, self._histograms = embedder, patches, histograms
        self.size = embedder.size

    def describe(self, pixels: Pixels, inks: Bools) -> tuple[Vectors, LocalViews]:
        """Describe some views.

        Args:
            pixels: uint8 (n, size, size, 3).
            inks: bool (n, PATCH_GRID, PATCH_GRID).

        Returns:
            pooled float32 (n, dims), not reduced, and the local views; these have vectors and histograms of
            length 0 where there is no patch reduction.

        Raises:
            ModelError: as the network's.
        """
        flat = inks.reshape(len(pixels), PATCH_GRID**2)
        if self._patches is None:
            empty = np.empty((np.count_nonzero(flat), 0), np.int8)
            return self._embedder.embed(pixels), LocalViews(empty, flat, np.empty((len(flat), 0), np.uint8))
        pooled, packed = [], []
        for start in range(0, max(1, len(pixels)), AT_A_TIME):
            some = slice(start, start + AT_A_TIME)
            vectors, patches = self._embedder.describe(pixels[some])
            pooled.append(vectors)
            packed.append(self._patches.pack(patches, inks[some]))
        colors = self._histograms(pixels, inks)
        return np.concatenate(pooled), LocalViews(np.concatenate(packed), flat, colors)
