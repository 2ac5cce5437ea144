"""Text masks as a few hundred bytes: COCO run-length encoding by pycocotools."""

import numpy as np

from marklens.core.errors import ArtifactError
from marklens.core.types import Bools

MAX_SIDE = 4096
"""Pixels; a longer side is damage, and decoding it would take the memory that it claims."""


def encode_mask(mask: Bools) -> bytes:
    """Encode a bool (height, width) mask; the first line holds the shape, the rest COCO's compressed runs."""
    from pycocotools import mask as coco

    runs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return b"%dx%d\n" % mask.shape + bytes(runs["counts"])


def decode_mask(encoded: bytes) -> Bools:
    """Decode what `encode_mask` wrote.

    Raises:
        ArtifactError: the bytes are no mask.
    """
    try:
        shape, counts = encoded.split(b"\n", 1)
        height, width = (int(length) for length in shape.split(b"x"))
        if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
            raise ValueError(f"shape {height}×{width}")
        runs = _runs(counts)
        if sum(runs) != height * width:
            raise ValueError("the runs do not fill the shape")
    except ValueError as error:
        raise ArtifactError(f"a text mask is damaged ({error}): build the index again") from error
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)  # column by column, outside first
    return np.ascontiguousarray(inside.reshape(width, height).T)


def _runs(counts: bytes) -> list[int]:
    """Lengths of COCO's compressed runs: 5 bits a byte, each run after the third relative to two before.

    Read here and not by pycocotools, which trusts the bytes and would write past the end of a damaged mask.
    """
    runs: list[int] = []
    value = shift = 0
    for byte in counts:
        bits = byte - 48
        if not 0 <= bits < 64:
            raise ValueError("a byte that is no run")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        run = value + (runs[-2] if len(runs) > 2 else 0)
        if not 0 <= run <= MAX_SIDE**2:
            raise ValueError("a run of impossible length")
        runs.append(run)
        value = shift = 0
    if shift:
        raise ValueError("the last run is cut off")
    return runs
