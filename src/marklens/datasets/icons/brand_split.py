"""Split brands, not pictures: a brand of the test set is never trained on."""

import hashlib
from typing import Literal, get_args

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

SPLIT_RATIO = (0.70, 0.15, 0.15)
SPLIT_SEED = "marklens-brands-1"
SPLIT_RULE = (
    "the first 8 bytes of sha256(seed + ':' + brand), big-endian, divided by 2**64, against the summed ratio"
)


def split_of(brand: str) -> Split:
    """The split that a brand belongs to, by a hash of its normalised name.

    The same brand falls into the same split whatever archive, pack list or machine it comes from.
    """
    digest = hashlib.sha256(f"{SPLIT_SEED}:{brand}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < SPLIT_RATIO[0]:
        return "train"
    return "val" if share < SPLIT_RATIO[0] + SPLIT_RATIO[1] else "test"
