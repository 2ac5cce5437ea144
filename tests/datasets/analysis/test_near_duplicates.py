"""Grouping without comparing every pair finds what comparing every pair finds."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marklens.datasets.analysis.near_duplicates import MAX_DISTANCE, Hashes, Numbers, group_near


def naive(coarse: Hashes, fine: Hashes, distance: int, fine_distance: int) -> Numbers:
    """Every pair, and then every pair again until no label changes."""
    count = len(coarse)
    labels = list(range(count))
    changed = True
    while changed:
        changed = False
        for left in range(count):
            for right in range(left):
                apart = int(coarse[left] ^ coarse[right]).bit_count()
                fine_apart = sum(int(word).bit_count() for word in fine[left] ^ fine[right])
                low = min(labels[left], labels[right])
                if apart <= distance and fine_apart <= fine_distance and labels[left] != labels[right]:
                    labels[left] = labels[right] = low
                    changed = True
    return np.array(labels, np.int64)


def clusters(seed: int, count: int) -> tuple[Hashes, Hashes]:
    """Hashes around few centres, up to six bits away."""
    random = np.random.default_rng(seed)
    centres = random.integers(0, 1 << 63, (5, 5), dtype=np.uint64)
    values = centres[random.integers(0, 5, count)]
    for _ in range(6):
        bits = np.uint64(1) << random.integers(0, 63, values.shape, dtype=np.uint64)
        values ^= np.where(random.random(values.shape) < 0.4, bits, np.uint64(0))
    return np.ascontiguousarray(values[:, 0]), np.ascontiguousarray(values[:, 1:])


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 1 << 32), st.integers(0, 40), st.integers(0, MAX_DISTANCE), st.sampled_from([6, 12, 255])
)
def test_it_agrees_with_the_naive_twin(seed: int, count: int, distance: int, fine_distance: int) -> None:
    coarse, fine = clusters(seed, count)
    expected = naive(coarse, fine, distance, fine_distance)
    assert group_near(coarse, fine, distance, fine_distance).tolist() == expected.tolist()


@pytest.mark.parametrize("bits", [(0, 21, 42, 62), (60, 61, 62, 63), (0, 1, 2, 3), (10, 11, 31, 53)])
def test_four_bits_are_found_wherever_they_are(bits: tuple[int, ...]) -> None:
    coarse = np.array([0, sum(1 << bit for bit in bits)], np.uint64)
    fine = np.zeros((2, 4), np.uint64)
    assert group_near(coarse, fine, 4, 0).tolist() == [0, 0]
    assert group_near(coarse, fine, 3, 0).tolist() == [0, 1]


def test_a_chain_is_one_group() -> None:
    coarse = np.array([0b0, 0b1111, 0b1111_1111, 0xFF << 40], np.uint64)
    fine = np.zeros((4, 1), np.uint64)
    assert group_near(coarse, fine, 4, 0).tolist() == [0, 0, 0, 3]


def test_a_distance_beyond_the_complete_search_is_refused() -> None:
    none: npt.NDArray[np.uint64] = np.zeros(0, np.uint64)
    with pytest.raises(ValueError, match="0 to 4"):
        group_near(none, none.reshape(0, 4), 5, 0)
