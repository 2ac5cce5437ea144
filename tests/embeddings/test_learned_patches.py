"""Patches of one brand are matched as stage 2 does it, and their differences are those of the raw patches."""

import numpy as np
from benchmarks.fit_patch_reduction import Logo, differences

from marklens.embeddings.pca_reducer import PcaReducer, to_unit


def test_matched_patches_are_set_against_each_other() -> None:
    rng = np.random.default_rng(0)
    patches = to_unit(rng.normal(size=(3, 16))).astype(np.float16)
    shaken = to_unit(patches.astype(np.float32) + 0.05 * rng.normal(size=(3, 16))).astype(np.float16)
    one, other = np.zeros(49, np.bool_), np.zeros(49, np.bool_)
    one[[8, 9, 10]] = True
    other[[15, 16, 17]] = True  # one row lower: all moved alike
    plain = PcaReducer(np.zeros(16, np.float32), np.eye(16, dtype=np.float32), np.ones(16, np.float32), 0.0)
    (found,) = differences([Logo(one, patches), Logo(other, shaken)], plain)
    expected = patches.astype(np.float32) - shaken.astype(np.float32)
    np.testing.assert_allclose(np.sort(found, axis=0), np.sort(expected, axis=0), atol=1e-6)
    empty = Logo(np.zeros(49, np.bool_), patches[:0])
    assert [pairs.shape for pairs in differences([empty, Logo(one, patches)], plain)] == [(0, 16)]
