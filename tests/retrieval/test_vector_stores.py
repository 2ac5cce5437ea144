"""One contract for every store; ExactStore, checked by hand, is the oracle for the others."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import faiss
import numpy as np
import pytest
from loguru import logger

from marklens.core.errors import ArtifactError, UsageError
from marklens.core.ports import VectorStore
from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors
from marklens.retrieval.exact_store import ExactStore
from marklens.retrieval.faiss_forms import Plan
from marklens.retrieval.faiss_store import FaissStore
from marklens.retrieval.milvus import Layout, Milvus
from marklens.retrieval.milvus_store import MilvusStore
from marklens.retrieval.pgvector_store import PgVectorStore
from marklens.retrieval.postgres import Server
from marklens.retrieval.vector_store import create_store, discard_store, open_store

DIMS = 32


@pytest.mark.parametrize(("kind", "place"), [("pgvector", "PostgreSQL"), ("milvus", "Milvus")])
def test_what_cannot_be_discarded_elsewhere_is_told_and_forgotten(
    tmp_path: Path, kind: str, place: str
) -> None:
    (tmp_path / f"vectors.{kind}").write_text("{}")
    lines: list[str] = []
    sink = logger.add(lines.append, format="{level} {message}")
    try:
        discard_store(tmp_path / f"vectors.{kind}", server=None)
        discard_store(tmp_path / f"vectors.{kind}", server=None)  # nothing there any more, nothing said
    finally:
        logger.remove(sink)
    assert len(lines) == 1 and f"the vectors in {place} stay there" in lines[0]
    assert not list(tmp_path.iterdir())


def unit(vectors: Vectors) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def clustered(count: int, dims: int = DIMS, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(1, count // 30), dims))
    labels = rng.integers(len(centres), size=count)
    return unit(centres[labels] + 0.8 * rng.normal(size=(count, dims)))


def view_ids(count: int) -> Ids:
    """Two views for every even mark number, one for every odd one."""
    numbers = np.arange(count)
    return np.sort(np.concatenate([numbers << VIEW_BITS, (numbers[::2] << VIEW_BITS) + 1]))[:count]


def in_form(form: str, dims: int) -> FaissStore:
    """Keeps vectors in one of FAISS's forms, learnt from such as will come."""
    return FaissStore(dims, plan=Plan(form, 6000, lambda count: clustered(min(count, 6000), dims, seed=7)))


def eager_graph(dims: int) -> FaissStore:
    """Asks the graph even in a small store, where a scan would pay."""
    return FaissStore(dims, ef_search=20)


@dataclass(frozen=True)
class InPostgres:
    """Makes stores in PostgreSQL, perhaps such as ask the graph even where a scan would pay."""

    server: Server
    eager: bool = False

    def __call__(self, dims: int) -> VectorStore:
        return PgVectorStore.create(self.server, dims)

    def opened(self, store: VectorStore) -> VectorStore:
        """The same store saved with its graph and opened for reading."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "vectors.pgvector")
            store.save(path)
            again = PgVectorStore.load(path, self.server)
        again.eager = self.eager
        return again


@dataclass(frozen=True)
class InMilvus:
    """Makes stores in Milvus Lite, with an index of some type."""

    milvus: Milvus

    def __call__(self, dims: int) -> VectorStore:
        return MilvusStore.create(self.milvus, dims)


Maker = Callable[[int], VectorStore]
STORES = {"exact": ExactStore, "faiss": FaissStore, "faiss with a narrow graph search": eager_graph}
STORES |= {f"faiss {form}": partial(in_form, form) for form in ("fp16", "sq8", "rabitq")}
IN_MILVUS = {"milvus": "auto", "milvus with a graph": "HNSW"}
IN_POSTGRES = {"pgvector": False, "pgvector asking its graph": True}
KINDS = [
    "exact",
    "faiss",
    pytest.param("pgvector", marks=pytest.mark.postgres),
    pytest.param("milvus", marks=pytest.mark.milvus),
]


@pytest.fixture(
    params=[
        *STORES,
        *(pytest.param(name, marks=pytest.mark.postgres) for name in IN_POSTGRES),
        *(pytest.param(name, marks=pytest.mark.milvus) for name in IN_MILVUS),
    ]
)
def make(request: pytest.FixtureRequest) -> Maker:
    if request.param in IN_MILVUS:
        milvus: Milvus = request.getfixturevalue("milvus")
        return InMilvus(replace(milvus, layout=Layout(IN_MILVUS[request.param])))
    if request.param in IN_POSTGRES:
        return InPostgres(request.getfixturevalue("postgres").server, IN_POSTGRES[request.param])
    maker: Maker = STORES[request.param]
    return maker


def server_for(kind: str, request: pytest.FixtureRequest) -> Server | Milvus | None:
    """What a kind needs to be made and opened."""
    if kind == "milvus":
        return request.getfixturevalue("milvus")
    return request.getfixturevalue("postgres").server if kind == "pgvector" else None


def tolerance(store: VectorStore) -> float:
    """How far similarities may be off: pgvector and two forms of FAISS keep half precision, one 8 bits."""
    if isinstance(store, FaissStore):
        return {"fp32": 1e-5, "sq8": 2e-2}.get(store.form, 1e-3)
    return 1e-3 if isinstance(store, PgVectorStore) else 1e-5


def least_recall(store: VectorStore) -> float:
    """What a store must reach where it may leave out some."""
    if isinstance(store, FaissStore):
        if store.ef_search == 20:
            return 0.85
        return {"fp32": 0.999, "sq8": 0.9}.get(store.form, 0.99)
    return 0.99 if isinstance(store, (PgVectorStore, MilvusStore)) else 0.999


def filled(make: Maker, count: int = 3000) -> VectorStore:
    store = make(DIMS)
    ids, vectors = view_ids(count), clustered(count)
    store.add(ids[: count // 2], vectors[: count // 2])
    store.add(ids[count // 2 :], vectors[count // 2 :])
    return store


@cache
def searched(make: Maker, count: int = 3000) -> VectorStore:
    """A store that tests only read."""
    store = filled(make, count)
    return make.opened(store) if isinstance(make, InPostgres) else store


def recall(found: Ids, expected: Ids) -> float:
    pairs = zip(found, expected, strict=True)
    shares = [len(set(a) & set(b) - {-1}) / (b >= 0).sum() for a, b in pairs if b[0] >= 0]
    return float(np.mean(shares)) if shares else 1.0


def test_by_hand(make: Maker) -> None:
    store = make(2)
    store.add(np.array([8, 9, 16]), np.array([[1, 0], [0.6, 0.8], [0, -1]], np.float32))
    similarities, ids = store.search(np.array([[0, 1], [1, 0]], np.float32), 4)
    assert ids.tolist() == [[9, 8, 16, -1], [8, 9, 16, -1]]
    expected = [[0.8, 0, -1, -np.inf], [1, 0.6, 0, -np.inf]]
    np.testing.assert_allclose(similarities, np.array(expected), atol=tolerance(store))
    assert similarities.dtype == np.float32
    assert ids.dtype == np.int64
    similarities, ids = store.search(np.array([[0, 1]], np.float32), 2, np.array([True, False, True]))
    assert ids.tolist() == [[16, -1]]  # mark 1, with views 8 and 9, may not be returned
    np.testing.assert_allclose(similarities, [[-1, -np.inf]], atol=tolerance(store))


@pytest.mark.parametrize("k", [1, 10, 100])
@pytest.mark.parametrize("share", [None, 1.0, 0.9, 0.6, 0.2, 0.02, 0.0])
@pytest.mark.parametrize("queries", [1, 20])
def test_agrees_with_the_oracle(make: Maker, k: int, share: float | None, queries: int) -> None:
    store, oracle = searched(make), searched(ExactStore)
    allowed = None if share is None else np.random.default_rng(1).random(3000) < share
    asked = clustered(queries, seed=2)
    similarities, ids = store.search(asked, k, allowed)
    expected_similarities, expected = oracle.search(asked, k, allowed)
    assert recall(ids, expected) >= least_recall(store)
    assert ((ids >= 0) == (expected >= 0)).all(), "as many results as there can be"
    assert (np.diff(np.where(ids < 0, -9, similarities), axis=1) <= 0).all(), "best first"
    assert (np.isneginf(similarities) == (ids < 0)).all()
    if allowed is not None:
        assert allowed[ids[ids >= 0] >> VIEW_BITS].all()
    same = (ids == expected) & (ids >= 0)
    np.testing.assert_allclose(similarities[same], expected_similarities[same], atol=tolerance(store))
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in ids)


@pytest.mark.parametrize("beyond", [0, 7])
def test_the_whole_gallery_is_ranked_exactly(make: Maker, beyond: int) -> None:
    store, oracle = searched(make, 1000), searched(ExactStore, 1000)
    asked = clustered(20, seed=2)
    similarities, ids = store.search(asked, 1000 + beyond)
    expected, _ = oracle.search(asked, 1000 + beyond)
    assert (np.sort(ids[:, :1000], axis=1) == view_ids(1000)).all()
    assert (ids[:, 1000:] == -1).all()
    np.testing.assert_allclose(similarities[:, :1000], expected[:, :1000], atol=tolerance(store))


def test_exact_on_request() -> None:
    store, oracle = searched(eager_graph), searched(ExactStore)
    asked = clustered(30, seed=2)
    assert recall(store.search(asked, 50)[1], oracle.search(asked, 50)[1]) < 1
    assert isinstance(store, FaissStore)
    assert recall(store.search(asked, 50, exact=True)[1], oracle.search(asked, 50)[1]) == 1


def test_allowed_may_be_shorter_or_longer_than_the_numbers(make: Maker) -> None:
    store = searched(make, 300)
    asked = clustered(3, seed=2)
    _, ids = store.search(asked, 300, np.ones(10, np.bool_))
    assert {int(id) >> VIEW_BITS for id in ids[ids >= 0]} == set(range(10))
    _, ids = store.search(asked, 5, np.ones(10_000, np.bool_))
    assert (ids >= 0).all()
    _, ids = store.search(asked, 5, np.empty(0, np.bool_))
    assert (ids == -1).all()


def test_a_filter_that_the_graph_does_not_reach() -> None:
    """The allowed marks lie together, far from the query: too few come out of the graph."""
    near, far = np.zeros((900, 2), np.float32), np.zeros((1100, 2), np.float32)
    near[:] = np.stack([np.cos(np.linspace(0, 0.1, 900)), np.sin(np.linspace(0, 0.1, 900))], axis=1)
    far[:] = -np.stack([np.cos(np.linspace(0, 0.1, 1100)), np.sin(np.linspace(0, 0.1, 1100))], axis=1)
    store = FaissStore(2, ef_search=1)
    store.add(np.arange(2000) << VIEW_BITS, np.concatenate([near, far]))
    allowed: Bools = np.arange(2000) >= 900
    similarities, ids = store.search(near[:1], 10, allowed)
    assert ((ids >> VIEW_BITS) >= 900).all()
    assert (similarities < -0.99).all()


def test_nothing_asked_or_nothing_there(make: Maker) -> None:
    store = make(DIMS)
    asked = clustered(3)
    for k in (0, 4):
        similarities, ids = store.search(asked, k)
        assert similarities.shape == ids.shape == (3, k)
        assert (ids == -1).all()
    store.add(np.empty(0, np.int64), np.empty((0, DIMS), np.float32))
    assert len(store) == 0
    assert store.vectors(np.empty(0, np.int64)).shape == (0, DIMS)
    with pytest.raises(KeyError):
        store.vectors(np.array([1]))
    store = filled(make, 10)
    assert store.search(asked, 0)[1].shape == (3, 0)
    assert store.search(asked[:0], 5)[1].shape == (0, 5)


def test_vectors_come_back(make: Maker) -> None:
    store, ids, vectors = searched(make), view_ids(3000), clustered(3000)
    picked = np.array([2999, 0, 17, 17])
    off = 0 if tolerance(store) == 1e-5 else tolerance(store)
    np.testing.assert_allclose(store.vectors(ids[picked]), vectors[picked], rtol=0, atol=off)
    with pytest.raises(KeyError, match="80001"):
        store.vectors(np.array([ids[0], 80001]))


@pytest.mark.parametrize(
    ("ids", "vectors"),
    [
        ([8], [[np.nan] * DIMS]),
        ([8], [[np.inf] * DIMS]),
        ([8], [[1.0] * (DIMS + 1)]),
        ([8, 9], [[1.0] * DIMS]),
        ([8, 8], [[1.0] * DIMS] * 2),
        ([-1], [[1.0] * DIMS]),
        ([0], [[1.0] * DIMS]),  # taken
    ],
)
def test_bad_additions_are_refused_and_change_nothing(
    make: Maker, ids: list[int], vectors: list[list[float]]
) -> None:
    store = make(DIMS)
    store.add(np.array([0]), clustered(1))
    with pytest.raises(ValueError):
        store.add(np.array(ids), np.array(vectors, np.float32))
    assert len(store) == 1


@pytest.mark.parametrize("query", [[[np.nan] * DIMS], [[1.0] * (DIMS - 1)], [1.0] * DIMS])
def test_bad_queries_are_refused(make: Maker, query: list[float]) -> None:
    with pytest.raises(ValueError):
        searched(make, 10).search(np.array(query, np.float32), 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 3000])
@pytest.mark.parametrize("writable", [False, True])
def test_round_trip(
    kind: str, count: int, writable: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server, path = server_for(kind, request), tmp_path / f"vectors.{kind}"
    store = filled(lambda dims: create_store(kind, dims, server=server), count)
    store.save(path)
    again = open_store(path, writable=writable, server=server)
    asked = clustered(5, seed=2)
    assert len(again) == count
    for k in (3, count + 1):
        np.testing.assert_array_equal(again.search(asked, k)[1], store.search(asked, k)[1])
    np.testing.assert_array_equal(again.vectors(view_ids(count)), store.vectors(view_ids(count)))
    if writable:
        again.add(np.array([1 << 20]), asked[:1])
        assert again.search(asked[:1], 1)[1].tolist() == [[1 << 20]]
        again.save(path)  # over the file it came from
        assert len(open_store(path, server=server)) == count + 1


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_store_that_is_read_refuses_additions(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server, path = server_for(kind, request), tmp_path / f"vectors.{kind}"
    filled(lambda dims: create_store(kind, dims, server=server), 100).save(path)
    with pytest.raises(UsageError, match="writable"):
        open_store(path, server=server).add(np.array([1 << 20]), clustered(1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no"]
)
def test_damaged_files(
    kind: str, damage: Callable[[bytes], bytes], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server, path = server_for(kind, request), tmp_path / f"vectors.{kind}"
    filled(lambda dims: create_store(kind, dims, server=server), 100).save(path)
    path.write_bytes(damage(path.read_bytes()))
    for writable in (False, True):
        with pytest.raises(ArtifactError):
            open_store(path, writable=writable, server=server)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    for kind in ("exact", "faiss"):
        with pytest.raises(ArtifactError):
            open_store(tmp_path / f"none.{kind}")
    flat = faiss.IndexFlatIP(4)
    faiss.write_index(flat, str(tmp_path / "foreign.faiss"))
    with pytest.raises(ArtifactError, match="no vector store"):
        open_store(tmp_path / "foreign.faiss")


def test_unknown_kinds_list_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'annoy'.*faiss, exact"):
        create_store("annoy", 4)
    with pytest.raises(UsageError, match=r"'bin'.*faiss, exact"):
        open_store(tmp_path / "vectors.bin")


def test_one_thread_builds_the_same_file_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        filled(lambda dims: create_store("faiss", dims, threads=1), 2000).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.slow
def test_the_graph_is_good_enough() -> None:
    count = 20_000  # fewer would be scanned
    vectors, asked = clustered(count), clustered(50, seed=2)
    store, oracle = FaissStore(DIMS), ExactStore(DIMS)
    for each in (store, oracle):
        each.add(np.arange(count) << VIEW_BITS, vectors)
    for share in (None, 0.95):
        allowed = None if share is None else np.random.default_rng(3).random(count) < share
        assert recall(store.search(asked, 100, allowed)[1], oracle.search(asked, 100, allowed)[1]) >= 0.98
