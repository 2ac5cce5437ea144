"""Vectors in a real Milvus Lite: what a crash leaves, what an error says, what is dropped and when."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr
from tests.retrieval.test_vector_stores import DIMS, clustered, recall
from tests.small_index import Silent, draw_marks, quick_settings

from marklens import assembly, build_assembly
from marklens.core.errors import ArtifactError, DatabaseError, MissingExtraError, UsageError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.types import VIEW_BITS
from marklens.datasets.opening import open_dataset
from marklens.indexing.maintenance import compact, remove_marks
from marklens.retrieval import milvus as milvus_module
from marklens.retrieval.exact_store import ExactStore
from marklens.retrieval.milvus import Layout, Milvus
from marklens.retrieval.milvus_store import MilvusStore, discard, prune
from marklens.retrieval.vector_store import check_store, open_store
from marklens.settings import Settings

pytest.importorskip("pymilvus", reason="the extra 'cluster' is not installed")
pytestmark = pytest.mark.milvus
COUNT = 300


def saved(milvus: Milvus, path: Path, count: int = COUNT) -> MilvusStore:
    store = MilvusStore.create(milvus, DIMS)
    store.add(np.arange(count) << VIEW_BITS, clustered(count))
    store.save(path)
    return store


def collections(milvus: Milvus, owner: str) -> list[str]:
    return [name for name in milvus.client().list_collections() if f"_{owner}_" in name]


def test_the_collection_of_before_stays_until_it_is_pruned(milvus: Milvus, tmp_path: Path) -> None:
    path = tmp_path / "vectors.milvus"
    saved(milvus, path)
    opened, asked = MilvusStore.load(path, milvus), clustered(2, seed=4)
    before = opened.search(asked, 10)[1]
    new = saved(milvus, path, 40)
    assert len(collections(milvus, new.collection.owner)) == 2
    np.testing.assert_array_equal(opened.search(asked, 10)[1], before)
    prune(path, milvus)
    assert collections(milvus, new.collection.owner) == [new.collection.name]
    with pytest.raises(ArtifactError, match="open the index again"):
        opened.search(asked, 10)
    discard(path, milvus)
    assert not collections(milvus, new.collection.owner)
    with pytest.raises(ArtifactError, match="is not in Milvus"):
        MilvusStore.load(path, milvus)


def test_what_a_killed_addition_left_is_not_seen_and_then_deleted(milvus: Milvus, tmp_path: Path) -> None:
    path, vectors = tmp_path / "vectors.milvus", clustered(COUNT + 2)
    saved(milvus, path)
    killed = MilvusStore.load(path, milvus, writable=True)
    killed.add(np.array([COUNT, COUNT + 1]) << VIEW_BITS, vectors[COUNT:])
    for allowed in (None, np.ones(COUNT + 2, np.bool_)):
        found = MilvusStore.load(path, milvus).search(vectors[COUNT:], COUNT, allowed)[1]
        assert (np.sort(found, axis=1) == np.arange(COUNT) << VIEW_BITS).all()
    again = MilvusStore.load(path, milvus, writable=True)
    again.add(np.array([COUNT]) << VIEW_BITS, vectors[COUNT + 1 :])
    again.save(path)
    reopened = open_store(path, server=milvus)
    assert len(reopened) == COUNT + 1
    np.testing.assert_allclose(reopened.vectors(np.array([COUNT << VIEW_BITS])), vectors[COUNT + 1 :])


def test_long_filters_ask_for_more_and_leave_out_here(
    milvus: Milvus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marklens.retrieval.milvus_store.MOST_LISTED", 10)
    store, oracle = saved(milvus, tmp_path / "vectors.milvus"), ExactStore(DIMS)
    oracle.add(np.arange(COUNT) << VIEW_BITS, clustered(COUNT))
    asked = clustered(3, seed=5)
    for share in (0.99, 0.5, 0.1):
        allowed = np.random.default_rng(1).random(COUNT) < share
        found = store.search(asked, 20, allowed)[1]
        assert recall(found, oracle.search(asked, 20, allowed)[1]) == 1
        assert allowed[found >> VIEW_BITS].all()


def test_exact_where_a_graph_would_answer(milvus: Milvus, tmp_path: Path) -> None:
    graph = saved(replace(milvus, layout=Layout("HNSW")), tmp_path / "vectors.milvus")
    oracle = ExactStore(DIMS)
    oracle.add(np.arange(COUNT) << VIEW_BITS, clustered(COUNT))
    asked = clustered(3, seed=5)
    np.testing.assert_array_equal(graph.search(asked, 50, exact=True)[1], oracle.search(asked, 50)[1])


def test_errors_are_one_line_without_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Milvus("http://me:hush@127.0.0.1:1", token="me:hush", timeout=1.0)
    with pytest.raises(DatabaseError, match=r"127\.0\.0\.1:1 does not answer.*milvus\.uri") as raised:
        check_store("milvus", server=away)
    assert "\n" not in str(raised.value)
    assert "hush" not in str(raised.value) + repr(away)
    with pytest.raises(UsageError, match=r"milvus\.uri.*\.db"):
        check_store("milvus", server=Milvus(str(tmp_path / "vectors.sqlite")))
    with pytest.raises(UsageError, match="no DISKANN"):
        check_store("milvus", server=Milvus(str(tmp_path / "a.db"), layout=Layout("DISKANN")))
    with pytest.raises(UsageError, match="MARKLENS_MILVUS__URI"):
        check_store("milvus")
    monkeypatch.setattr(milvus_module, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'marklens\[cluster\]'"):
        check_store("milvus", server=away)


def test_a_file_that_another_process_has_open(tmp_path: Path) -> None:
    file = tmp_path / "held.db"
    holding = "import sys; from pymilvus import MilvusClient; MilvusClient(sys.argv[1]); print(1, flush=True)"
    command = [sys.executable, "-c", f"{holding}; sys.stdin.read()", str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline()
        with pytest.raises(DatabaseError, match="another process has it open"):
            check_store("milvus", server=Milvus(str(file)))
        other.communicate(b"")


@pytest.fixture
def settings(milvus: Milvus) -> Iterator[Settings]:
    quick = quick_settings()
    yield quick.model_copy(
        update={
            "milvus": quick.milvus.model_copy(
                update={"uri": milvus.uri, "token": SecretStr("me:hush123"), "timeout": milvus.timeout}
            )
        }
    )


def test_the_life_of_an_index(marks: Path, index: Path, settings: Settings, tmp_path: Path) -> None:
    def found(folder: Path, picture: Path) -> list[str]:
        engine = assembly.open_engine(folder, settings)
        return [hit.mark.id for hit in engine.search(read_picture(picture), top=50).hits]

    own = tmp_path / "own"
    report = build_assembly.build(own, open_dataset(marks), settings, None, Silent(), StopFlag(), "milvus")
    assert (report.manifest.store, report.manifest.counts["marks"]) == ("milvus", 30)
    assert not (own / "vectors.faiss").exists()
    assert found(own, marks / "mark0007.png")[:10] == found(index, marks / "mark0007.png")[:10]
    new = draw_marks(tmp_path / "new", 4, first=40)
    build_assembly.add(own, open_dataset(new), settings, Silent(), StopFlag())
    assert found(own, new / "mark0041.png")[0] == "mark0041"
    assert all(check.passed for check in build_assembly.check(own, settings, 4, Silent()))
    folder = assembly.index_folder(own, settings)
    assert remove_marks(folder, ["mark0004"]) == (1, [])
    assert "mark0004" not in found(own, marks / "mark0004.png")
    compact(folder, 1, Silent())
    pointer = json.loads((own / "vectors.milvus").read_text())
    assert folder.milvus is not None
    assert collections(folder.milvus, pointer["owner"]) == [pointer["name"]]
    files = [path for path in own.rglob("*") if path.is_file()]
    assert all(b"hush123" not in path.read_bytes() for path in files)
    assert "hush123" not in repr(settings) + repr(folder)


def test_what_others_add_makes_no_search_fetch_everything(
    milvus: Milvus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, vectors = tmp_path / "vectors.milvus", clustered(COUNT + 20)
    saved(milvus, path)
    opened, adding = MilvusStore.load(path, milvus), MilvusStore.load(path, milvus, writable=True)
    before = opened.search(vectors[COUNT:], 5)[1]
    adding.add(np.arange(COUNT, COUNT + 20) << VIEW_BITS, vectors[COUNT:])
    monkeypatch.setattr(MilvusStore, "_scan", None)
    np.testing.assert_array_equal(opened.search(vectors[COUNT:], 5)[1], before)
