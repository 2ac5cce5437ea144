"""Text masks as a few hundred bytes: COCO run-length encoding by pycocotools."""

import numpy as np

from marklens.core.types import Bools


def encode_mask(mask: Bools) -> bytes:
    """Encode a bool (height, width) mask; the first line holds the shape, the rest COCO's compressed runs."""
    from pycocotools import mask as coco

    runs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return b"%dx%d\n" % mask.shape + bytes(runs["counts"])


def decode_mask(encoded: bytes) -> Bools:
    """Decode what `encode_mask` wrote."""
    from pycocotools import mask as coco

    shape, counts = encoded.split(b"\n", 1)
    size = [int(length) for length in shape.split(b"x")]
    return np.asarray(coco.decode({"size": size, "counts": counts}), np.bool_)
