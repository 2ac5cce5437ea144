"""A picture's look in bits, so that near copies differ in few of them: coarse to find, fine to make sure."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.types import Pixels

SIDE = 64
"""Pixels the picture is brought to."""
COARSE, FINE = 8, 16
"""Lowest frequencies along each side: 8 × 8 give 64 bits to search by, 16 × 16 give 256 that decide."""
SURE = 16.0
"""Distance of a coefficient from the median, in grey levels of an orthonormal DCT, from which its bit is no
accident: JPEG's noise moves a coefficient by less than 4."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture looks like.

    Attributes:
        coarse: 0..2^63-1; the highest bit, of the constant term, is always 0.
        fine: four numbers of 64 bits; the first bit is always 0.
        sure: how many coarse bits are no accident, 0..63: a flat picture has none, one that is its own mirror
            image up and down and left and right at most about 16.
    """

    coarse: int
    fine: tuple[int, ...]
    sure: int


def look_at(picture: Pixels) -> Look:
    """The DCT hash of a picture, twice.

    The grey picture is brought to 64×64; each low frequency gives one bit, set where its coefficient is above
    the median of them all. Source: C. Zauner, Implementation and Benchmarking of Perceptual Image Hash
    Functions, 2010, section 3.2.1, which has the 64 bits; 256 are the same with twice the frequencies.

    Args:
        picture: uint8 (height, width, 3), RGB.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = np.asarray(cv2.dct(small), np.float32)
    coarse, fine = _above_median(waves[:COARSE, :COARSE]), _above_median(waves[:FINE, :FINE])
    return Look(
        int.from_bytes(np.packbits(coarse > 0).tobytes()),
        tuple(np.packbits(fine > 0).view(">u8").tolist()),
        int(np.count_nonzero(np.abs(coarse) >= SURE)),
    )


def _above_median(waves: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Each coefficient's height above their median; 0 for the constant term, which is just brightness."""
    flat = waves.ravel()
    others = flat[1:]
    above = np.asarray(flat - np.partition(others, others.size // 2)[others.size // 2], np.float32)
    above[0] = 0
    return above
