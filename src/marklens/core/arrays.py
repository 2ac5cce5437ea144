"""Helpers for NumPy's arrays."""

import numpy as np

from marklens.core.types import Ids


def ranges(starts: Ids, lengths: Ids) -> Ids:
    """The places ``starts[i] .. starts[i] + lengths[i]`` of all i, one after the other, int64."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()), dtype=np.int64)
