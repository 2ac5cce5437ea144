"""Masks come back as they were, in few bytes."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from marklens.core.errors import ArtifactError
from marklens.preprocessing.mask_store import decode_mask, encode_mask


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_round_trip(mask: npt.NDArray[np.bool_]) -> None:
    decoded = decode_mask(encode_mask(mask))
    assert decoded.dtype == np.bool_
    np.testing.assert_array_equal(decoded, mask)


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_pycocotools_reads_the_same(mask: npt.NDArray[np.bool_]) -> None:
    from pycocotools import mask as coco

    shape, counts = encode_mask(mask).split(b"\n", 1)
    runs = {"size": [int(length) for length in shape.split(b"x")], "counts": counts}
    assert int(coco.area(runs)) == np.count_nonzero(mask)
    assert coco.iou([runs], [coco.encode(np.asfortranarray(mask.astype(np.uint8)))], [0])[0, 0] in {
        1,
        0 if not mask.any() else 1,
    }


def test_a_line_of_text_takes_few_bytes() -> None:
    mask = np.zeros((160, 256), bool)
    mask[100:150, 20:236] = True
    assert len(encode_mask(mask)) < 500


@pytest.mark.parametrize(
    "damaged", [b"", b"12\n", b"axb\nq", b"4x4", b"-1x4\n00", b"4x4\n\xff\xff", b"4x4\n1", b"99999x99999\n00"]
)
def test_what_is_no_mask(damaged: bytes) -> None:
    with pytest.raises(ArtifactError, match="text mask"):
        decode_mask(damaged)
