"""Samples without chance: some of many, evenly spread."""

import numpy as np

from marklens.core.types import Ids


def evenly(count: int, available: int) -> Ids:
    """Places spread over `available` from the first to the last; all, where there are no more.

    Returns:
        int64 (min(count, available),), rising.
    """
    return np.linspace(0, available - 1, min(count, available)).round().astype(np.int64)
