"""Single moves even out what iterative stratification leaves uneven."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from marklens.datasets.refinement import STEADY_FROM, refine
from marklens.datasets.splits import code_shares, label_matrix, split_labels
from marklens.datasets.stratification import stratify

SHARES = (0.70, 0.15, 0.15)


def measure(counts: sparse.csr_array, sizes: npt.NDArray[np.int64], parts: npt.NDArray[np.int8]) -> float:
    """The slow, obvious twin of what a refinement lowers."""
    held = np.column_stack([counts.toarray(), sizes])
    total = 0.0
    for label in held.T:
        for part, share in enumerate(SHARES):
            surplus = label[parts == part].sum() - share * label.sum()
            total += surplus**2 / max(label.sum(), STEADY_FROM)
    return total


def shuffled(counts: sparse.csr_array, random: np.random.Generator) -> sparse.csr_array:
    """The same counts, the labels of every item in any order, as sums over clusters leave them."""
    order = np.lexsort(
        (random.random(counts.nnz), np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr)))
    )
    return sparse.csr_array((counts.data[order], counts.indices[order], counts.indptr), counts.shape)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**16))
def test_no_single_move_is_left_that_would_help(items: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    counts = shuffled(sparse.csr_array(random.integers(0, 3, (items, 5))), random)
    sizes = random.integers(1, 6, items)
    before = random.integers(0, 3, items).astype(np.int8)
    kept = before.copy()
    after = refine(counts, sizes, SHARES, before)
    assert np.array_equal(before, kept)
    assert np.array_equal(after, refine(counts, sizes, SHARES, before))
    assert measure(counts, sizes, after) <= measure(counts, sizes, before) + 1e-9
    for item in range(items):
        for part in range(3):
            other = after.copy()
            other[item] = part
            assert measure(counts, sizes, other) >= measure(counts, sizes, after) - 1e-8


def test_frequent_codes_that_always_come_together_are_shared_out_too() -> None:
    """Without refinement the last codes are off by a point or two, as far as by chance."""
    random = np.random.default_rng(0)
    every = [f"{category:02d}.01.01" for category in range(1, 30)]
    labels, names = label_matrix([random.choice(every, 3, replace=False).tolist() for _ in range(20_000)])
    alone, sizes = np.arange(20_000), np.ones(20_000, np.int64)

    def worst(parts: npt.NDArray[np.int8]) -> float:
        return max(share.deviation for share in code_shares(labels, names, parts, SHARES))

    for seed in range(3):
        assert worst(stratify(labels, sizes, SHARES, seed)) > 0.5
        parts = split_labels(labels, alone, SHARES, seed)
        assert worst(parts) < 0.1
        assert np.bincount(parts) / 20_000 == pytest.approx(SHARES, abs=0.001)


def test_codes_borne_once_do_not_empty_a_part() -> None:
    labels, _ = label_matrix([[f"{n % 29 + 1:02d}.{n // 29 + 1:02d}.01"] for n in range(1000)])
    parts = split_labels(labels, np.arange(1000), SHARES, 0)
    assert np.bincount(parts, minlength=3) / 1000 == pytest.approx(SHARES, abs=0.01)
