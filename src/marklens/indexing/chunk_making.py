"""The last step of describing, wherever it runs: prepared marks go through the network, into a chunk."""

from collections import defaultdict
from collections.abc import Sequence
from time import perf_counter

import numpy as np

from marklens.core.types import PATCH_GRID
from marklens.embeddings.view_describer import ViewDescriber
from marklens.indexing.chunks import UNKNOWN, Chunk
from marklens.preprocessing.prepared import Prepared


def make_chunk(
    source: str, prepared: Sequence[Prepared], describer: ViewDescriber, seconds: defaultdict[str, float]
) -> Chunk:
    """Describe the views of prepared marks.

    Args:
        source: fingerprint of the marks.
        prepared: what became of each mark, in order.
        describer: runs the network.
        seconds: time by stage, added to: decode, detect, mask, read and normalize of the marks, and embed.
    """
    good = [item for item in prepared if item.result is not None]
    views = [view for item in good if item.result for view in item.result.views]
    counts = [len(item.result.views) for item in good if item.result]
    for item in good:
        seconds["decode"] += item.decode_seconds
        for stage, spent in item.result.seconds.items() if item.result else ():
            seconds[stage] += spent
    started, side = perf_counter(), describer.size
    pixels = np.array([view.pixels for view in views], np.uint8).reshape(-1, side, side, 3)
    inks = np.array([view.ink for view in views], np.bool_).reshape(-1, PATCH_GRID, PATCH_GRID)
    vectors, local = describer.describe(pixels, inks)
    seconds["embed"] += perf_counter() - started
    return Chunk(
        source=source,
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
        origins=np.full(len(good), UNKNOWN),
    )
