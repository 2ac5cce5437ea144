"""How alike the colours of two views are, as an eye sees them.

The ink of a view becomes a histogram over 64 fixed colours of OKLab (Ottosson 2020), one byte each. Two
histograms are compared with the likeness of their colours in mind (a quadratic form, Hafner et al. 1995), so
that a red and a slightly darker red are nearly the same. A view in greys has no colour to compare: a black
twin of a coloured mark is neither like nor unlike it.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from marklens.core.types import PATCH_GRID, Bools, Colors, Pixels, Vectors

GREYS, HUES, LIGHTS = 4, 20, 3
COLORS = GREYS + HUES * LIGHTS
"""Colours of the palette: 4 greys, then 20 hues in 3 lightnesses."""
CHROMA = 0.16
"""Of the palette's colours; what lies nearer to a grey than to them counts as grey: below about 0.08."""
LIKENESS = 0.1
"""Distance at which two colours are alike by exp(-1/2); neighbouring hues of the palette lie 0.05 apart."""
LIGHTNESS = 0.35
"""Weight of lightness in that distance: a mark printed darker keeps its colour."""
GREY_BELOW = 0.1
"""Share of coloured ink below which a view counts as grey: less are fringes and compression noise."""
TOLERANCE = 24
"""Largest channel difference (0..255) from the ground that still counts as ground."""
STEP = 2
"""Every second pixel of every second row is looked at."""

_TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929],
     [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468],
     [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip


def color_histograms(views: Pixels, inks: Bools) -> Colors:
    """The colours of the ink of some views.

    Args:
        views: uint8 (n, size, size, 3), RGB.
        inks: bool (n, PATCH_GRID, PATCH_GRID).

    Returns:
        uint8 (n, COLORS), shares of the ink in 255ths; all zero where there is none.
    """
    return np.array([_histogram(view, ink) for view, ink in zip(views, inks, strict=True)], np.uint8).reshape(
        -1, COLORS
    )


def color_similarities(query: Colors, marks: Colors) -> Vectors:
    """Compare the colours of every view of a query with those of every view of some marks.

    Args:
        query: uint8 (q, COLORS).
        marks: uint8 (n, COLORS).

    Returns:
        float32 (q, n), 0..1, 1 for the same colours in the same shares; NaN where either view is grey.
    """
    found = _embedded(query) @ _embedded(marks).T
    found[is_grey(query)] = np.nan
    found[:, is_grey(marks)] = np.nan
    return np.asarray(np.clip(found, 0, 1), np.float32)


def is_grey(colors: Colors) -> Bools:
    """Bool (n,): which histograms (n, COLORS) hold next to no colour."""
    total = colors.sum(axis=1, dtype=np.int64)
    return np.asarray(colors[:, GREYS:].sum(axis=1, dtype=np.int64) <= GREY_BELOW * total)


def oklab(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Map sRGB colours (n, 3) to OKLab (n, 3): lightness 0..1, green to red, blue to yellow."""
    encoded = rgb / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T)


@cache
def palette() -> npt.NDArray[np.float64]:
    """The colours that are counted, OKLab (COLORS, 3)."""
    greys = [(lightness, 0.0, 0.0) for lightness in np.linspace(0, 1, GREYS)]
    angles = np.arange(HUES) * 2 * np.pi / HUES
    hues = [
        (lightness, CHROMA * np.cos(angle), CHROMA * np.sin(angle))
        for angle in angles
        for lightness in (0.4, 0.6, 0.8)
    ]
    return np.array(greys + hues)


def _embedded(colors: Colors) -> Vectors:
    """Unit vectors float32 (n, COLORS) whose products are the quadratic form of the histograms."""
    vectors = colors.astype(np.float32) @ _root()
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


@cache
def _root() -> Vectors:
    """A matrix whose product with its transpose is the likeness of every pair of the palette's colours."""
    colors = palette() * (LIGHTNESS, 1, 1)
    distances = np.linalg.norm(colors[:, None] - colors[None], axis=2)
    values, axes = np.linalg.eigh(np.exp(-((distances / LIKENESS) ** 2) / 2))
    return np.asarray(axes * np.sqrt(np.maximum(values, 0)), np.float32)


@cache
def _nearest() -> npt.NDArray[np.uint8]:
    """The palette's nearest colour for every RGB of 5 bits a channel, uint8 (32768,)."""
    levels = np.arange(32, dtype=np.uint8) * 8 + 4
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    lab, wanted = oklab(grid), palette()
    distances = (lab**2).sum(axis=1)[:, None] - 2 * lab @ wanted.T + (wanted**2).sum(axis=1)
    return np.asarray(distances.argmin(axis=1), np.uint8)


def _histogram(view: Pixels, ink: Bools) -> npt.NDArray[np.uint8]:
    looked_at = view[::STEP, ::STEP].astype(np.int16)
    apart = np.abs(looked_at - _ground(view, ink)).max(axis=2) > TOLERANCE
    red, green, blue = (looked_at[apart] >> 3).T
    counts = np.bincount(_nearest()[(red << 10) + (green << 5) + blue], minlength=COLORS)
    return np.asarray(np.rint(counts * (255 / max(1, counts.sum()))), np.uint8)


def _ground(view: Pixels, ink: Bools) -> npt.NDArray[np.int16]:
    """The colour the mark stands on: that of the patches without ink; of the border if all hold some."""
    side = -(-len(view) // PATCH_GRID)
    empty = np.kron(~ink, np.ones((side, side), np.bool_))[: len(view), : len(view)]
    border = np.concatenate([view[0], view[-1], view[:, 0], view[:, -1]])
    return np.asarray(np.median(view[empty][::7] if empty.any() else border, axis=0), np.int16)
