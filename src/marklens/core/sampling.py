"""Samples without chance: some of many, evenly spread."""

import numpy as np

from marklens.core.types import Ids


def evenly(count: int, available: int) -> Ids:
    """Places spread over `available`, the first and the last among them; all, where there are no more.

    Returns:
        int64 (min(count, available),), rising from 0 to `available` - 1.
    """
    return np.linspace(0, available - 1, min(count, available)).round().astype(np.int64)
