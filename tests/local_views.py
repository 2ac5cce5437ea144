"""Made-up local views for tests."""

import numpy as np

from marklens.core.types import LocalViews

COLORS = 64


def draw_views(seed: int, views: int, dims: int = 6, empty: bool = True) -> LocalViews:
    """Views with random patches, inks and colours; some without ink if `empty`."""
    random = np.random.default_rng(seed)
    inks = random.random((views, 49)) < random.uniform(0.05, 1, (views, 1))
    if empty:
        inks[random.random(views) < 0.2] = False
    else:
        inks[:, 24] = True
    patches = random.integers(-127, 128, (int(np.count_nonzero(inks)), dims)).astype(np.int8)
    return LocalViews(patches, inks, random.integers(0, 20, (views, COLORS)).astype(np.uint8))
