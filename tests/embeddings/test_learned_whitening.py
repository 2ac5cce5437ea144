"""The reduction learned from pairs, against linear discriminant analysis and by hand."""

import numpy as np
from benchmarks.fit_reduction import differences, fit_whitening
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis


def test_pairs_of_two_give_the_directions_of_a_discriminant_analysis() -> None:
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(12, 12))
    centers = np.repeat(rng.normal(size=(400, 12)), 2, axis=0) @ mixed
    views = (centers + rng.normal(size=(800, 12)) * np.linspace(0.1, 3, 12)).astype(np.float32)
    ours = fit_whitening(views, views[::2] - views[1::2], 5, shrinkage=0).components
    names = np.repeat(np.arange(400), 2)
    theirs = LinearDiscriminantAnalysis(solver="eigen").fit(views, names).scalings_[:, :5].T
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-3)


def test_pairs_differ_alike_in_all_directions() -> None:
    rng = np.random.default_rng(1)
    apart = (rng.normal(size=(5000, 8)) * np.linspace(0.5, 4, 8)).astype(np.float32)
    reducer = fit_whitening(rng.normal(size=(600, 8)).astype(np.float32), apart, 8, shrinkage=0)
    mapped = apart @ reducer.components.T / 2**0.5
    np.testing.assert_allclose(mapped.T @ mapped / len(apart), np.eye(8), atol=1e-3)
    # shrunk wholly, nothing is whitened: the axes stay at right angles and of one length
    plain = fit_whitening(rng.normal(size=(600, 8)).astype(np.float32), apart, 8, shrinkage=1).components
    products = plain @ plain.T
    np.testing.assert_allclose(products, np.eye(8) * products[0, 0], atol=1e-5)


def test_a_small_network_has_no_more_dimensions_than_its_own() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(300, 6)).astype(np.float32)
    reducer = fit_whitening(vectors, vectors[::2] - vectors[1::2], 512, shrinkage=0.02)
    assert reducer.dims == len(reducer.deviations) == 6
    assert reducer.reduce(vectors).shape == (300, 6)


def test_a_view_is_set_against_the_likest_of_another_mark_of_its_brand() -> None:
    vectors = np.array([[1, 0], [0.9, 0.1], [0.8, 0.2], [0, 1], [1, 0]], np.float32)
    owners, brands = np.array([0, 0, 1, 2, 3]), np.array([7, 7, 7, 7, -1])
    (pairs,) = differences(vectors, owners, brands)
    likest = vectors[[2, 2, 0, 2]]
    np.testing.assert_allclose(pairs, vectors[:4] - likest, atol=1e-6)
    (none,) = differences(vectors[:2], owners[:2], brands[:2])
    assert none.shape == (0, 2)  # one mark has nobody to be alike to
