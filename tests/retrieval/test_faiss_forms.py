"""FAISS's forms: which is chosen, that files of before open, that what was learnt is kept."""

from pathlib import Path

import faiss
import numpy as np
import pytest
from tests.retrieval.test_vector_stores import DIMS, clustered, recall

from marklens.core.errors import ArtifactError
from marklens.core.types import VIEW_BITS, Vectors
from marklens.retrieval.exact_store import ExactStore
from marklens.retrieval.faiss_files import CODED_TRAILER, TRAILER
from marklens.retrieval.faiss_forms import (
    FORMS,
    FP16_FROM,
    LEAST_LISTED,
    RABITQ_FROM,
    Plan,
    choose_form,
    lists_for,
    refined,
)
from marklens.retrieval.faiss_store import FaissStore
from marklens.retrieval.vector_store import open_store

COUNT = 6000
SOME = 1000


def draw(count: int) -> Vectors:
    return clustered(COUNT)[:: max(1, COUNT // count)]


def filled(form: str, count: int = COUNT) -> FaissStore:
    store = FaissStore(DIMS, plan=Plan(form, COUNT, draw))
    store.add(np.arange(count) << VIEW_BITS, clustered(COUNT)[:count])
    return store


@pytest.mark.parametrize(
    ("plan", "form"),
    [
        (Plan(), "fp32"),
        (Plan(views=FP16_FROM - 1), "fp32"),
        (Plan(views=FP16_FROM), "fp16"),
        (Plan(views=RABITQ_FROM, draw=draw), "rabitq"),
        (Plan(views=RABITQ_FROM), "fp16"),
        (Plan("sq8", 3), "sq8"),
        (Plan("fp32", RABITQ_FROM), "fp32"),
        (Plan("rabitq", LEAST_LISTED, draw), "rabitq"),
        (Plan("rabitq", LEAST_LISTED - 1, draw), "fp16"),
        (Plan("rabitq", LEAST_LISTED), "fp16"),
    ],
)
def test_the_form_goes_by_what_is_named_else_by_the_number_of_views(plan: Plan, form: str) -> None:
    assert choose_form(plan) == form


def test_lists_grow_with_the_root_of_the_views() -> None:
    assert lists_for(1_000_000) == 2000
    assert lists_for(4_000_000) == 4000
    assert (lists_for(1), lists_for(10**9)) == (16, 8192)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("writable", [False, True])
def test_a_form_is_what_its_file_says(form: str, writable: bool, tmp_path: Path) -> None:
    path, store, asked = tmp_path / "vectors.faiss", filled(form, SOME), clustered(5, seed=2)
    store.save(path)
    assert path.read_bytes().endswith(TRAILER if form == "fp32" else CODED_TRAILER)
    again = open_store(path, writable=writable)
    assert isinstance(again, FaissStore)
    assert again.form == form
    ids = np.array([17, 0, SOME - 1]) << VIEW_BITS
    np.testing.assert_array_equal(again.vectors(ids), store.vectors(ids))
    for allowed in (None, np.arange(SOME) % 50 == 0):
        np.testing.assert_array_equal(
            again.search(asked, 20, allowed)[1], store.search(asked, 20, allowed)[1]
        )
    if writable:
        again.add(np.array([COUNT << VIEW_BITS]), asked[:1])
        assert again.search(asked[:1], 1)[1].tolist() == [[COUNT << VIEW_BITS]]
        again.save(path)
        assert len(open_store(path)) == SOME + 1


def test_lists_are_asked_and_refined() -> None:
    store, oracle, asked = filled("rabitq"), ExactStore(DIMS), clustered(20, seed=2)
    oracle.add(np.arange(COUNT) << VIEW_BITS, clustered(COUNT))
    assert refined(10) < COUNT
    for allowed in (None, np.random.default_rng(1).random(COUNT) < 0.95):
        share = 1.0 if allowed is None else 0.95
        assert store._graph_pays(10, share)
        found = store.search(asked, 10, allowed)[1]
        assert recall(found, oracle.search(asked, 10, allowed)[1]) >= 0.95
        assert allowed is None or allowed[found >> VIEW_BITS].all()
    assert not store._graph_pays(10, 0.5), "filters that let less pass are answered by comparing all"


def test_a_file_of_the_first_version_opens(tmp_path: Path) -> None:
    """As FaissStore wrote it when it knew only float32."""
    graph = faiss.IndexHNSWFlat(DIMS, 32, faiss.METRIC_INNER_PRODUCT)
    index, vectors, path = faiss.IndexIDMap(graph), clustered(200), tmp_path / "vectors.faiss"
    index.add_with_ids(vectors, np.arange(200) << VIEW_BITS)
    faiss.write_index(index, str(path))
    with path.open("ab") as file:
        file.write(b"\nMARKLENS-HNSW-1")
    store = open_store(path)
    assert isinstance(store, FaissStore)
    assert store.form == "fp32"
    np.testing.assert_array_equal(store.vectors(np.arange(200) << VIEW_BITS), vectors)


def test_an_index_of_another_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    faiss.write_index(faiss.IndexIDMap(faiss.IndexFlatIP(4)), str(path))
    with path.open("ab") as file:
        file.write(CODED_TRAILER)
    with pytest.raises(ArtifactError, match="IndexFlatIP"):
        open_store(path)


def test_eight_bits_learn_their_range_from_what_is_drawn() -> None:
    learnt, blind = filled("sq8", 500), FaissStore(DIMS, plan=Plan("sq8", 500))
    ids, vectors = np.arange(500) << VIEW_BITS, clustered(COUNT)[:500]
    blind.add(ids, vectors)
    off = [float(np.abs(store.vectors(ids) - vectors).max()) for store in (learnt, blind)]
    assert off[0] < off[1] <= 1.01 / 255
