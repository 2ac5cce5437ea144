"""Vectors in a real PostgreSQL: as good as FAISS, whole whatever is killed, patient with restarts."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.postgres_server import Running
from tests.retrieval.test_vector_stores import clustered, recall

from marklens.core.errors import ArtifactError, DatabaseError, MissingExtraError, UsageError
from marklens.core.types import VIEW_BITS, Ids, Vectors
from marklens.retrieval import pgvector_store, postgres_schema
from marklens.retrieval.exact_store import ExactStore
from marklens.retrieval.faiss_store import FaissStore
from marklens.retrieval.pgvector_queries import Statement, exact_search, graph_search
from marklens.retrieval.pgvector_rows import HEADER, TRAILER, decode, encode
from marklens.retrieval.pgvector_store import PgVectorStore, prune
from marklens.retrieval.pgvector_table import configure
from marklens.retrieval.postgres import Server
from marklens.retrieval.vector_store import check_store, open_store

psycopg = pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
pytestmark = pytest.mark.postgres
DIMS = 64
COUNT = 4000


def vectors_and_ids(count: int = COUNT) -> tuple[Vectors, Ids]:
    return clustered(count, DIMS), np.arange(count, dtype=np.int64) << VIEW_BITS


def saved(server: Server, path: Path, count: int = COUNT) -> PgVectorStore:
    vectors, ids = vectors_and_ids(count)
    store = PgVectorStore.create(server, DIMS)
    store.add(ids, vectors)
    store.save(path)
    return PgVectorStore.load(path, server)


@pytest.fixture(scope="module")
def store(postgres: Running, tmp_path_factory: pytest.TempPathFactory) -> PgVectorStore:
    """One that tests only read."""
    return saved(postgres.server, tmp_path_factory.mktemp("store") / "vectors.pgvector")


@pytest.fixture
def eager(store: PgVectorStore) -> PgVectorStore:
    return PgVectorStore(store._server, store.table, eager=True)


def tables(server: Server) -> set[str]:
    with server.connect() as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'marklens'::regnamespace AND relkind = 'r'"
        ).fetchall()
    return {row[0] for row in rows if row[0].startswith("vectors_")}


def stored(store: PgVectorStore) -> int:
    """How many rows everybody sees."""
    with store._server.connect() as connection:
        row = connection.execute(f"SELECT count(*) FROM marklens.{store.table.name}").fetchone()
    return row[0]


def plan(store: PgVectorStore, asked: Statement) -> str:
    with store._server.connect() as connection:
        configure(connection, asked.settings)
        query = {**asked.parameters, "query": clustered(1, DIMS)[0].tolist()}
        text = psycopg.ClientCursor(connection).mogrify(
            asked.statement.as_string(connection).replace(")b", ")s"), query
        )
        return "\n".join(row[0] for row in connection.execute("EXPLAIN " + text).fetchall())


@pytest.mark.parametrize("k", [100, 1500])
@pytest.mark.parametrize("share", [None, 0.7, 0.1])
def test_the_graph_agrees_with_faiss(eager: PgVectorStore, k: int, share: float | None) -> None:
    vectors, ids = vectors_and_ids()
    graph, oracle = FaissStore(DIMS), ExactStore(DIMS)
    for other in (graph, oracle):
        other.add(ids, vectors)
    allowed = None if share is None else np.random.default_rng(1).random(COUNT) < share
    asked = clustered(20, DIMS, seed=2)
    found = eager.search(asked, k, allowed)[1]
    assert recall(found, graph.search(asked, k, allowed)[1]) >= 0.98
    assert recall(found, oracle.search(asked, k, allowed)[1]) >= 0.98


def test_the_graph_is_asked_and_left_out_as_wanted(store: PgVectorStore) -> None:
    some = np.random.default_rng(1).random(COUNT) < 0.6
    assert "vector_idx" in plan(store, graph_search(store.table, 100, None, 1.0, 400))
    assert "vector_idx" in plan(store, graph_search(store.table, 1500, some, 0.6, 400))
    assert "vector_idx" not in plan(store, exact_search(store.table, 100, None, listed=False))
    assert "vector_idx" not in plan(store, exact_search(store.table, 100, some, listed=False))
    assert "mark_idx" in plan(store, exact_search(store.table, 100, np.arange(COUNT) < 20, listed=True))


def test_many_queries_are_answered_alike(store: PgVectorStore) -> None:
    asked = clustered(pgvector_store.MANY_QUERIES, DIMS, seed=3)
    allowed = np.random.default_rng(1).random(COUNT) < 0.3
    for passing in (None, allowed):
        together = store.search(asked, 1200, passing, exact=True)
        alone = store.search(asked[:1], 1200, passing, exact=True)
        np.testing.assert_allclose(together[0][:1], alone[0], atol=1e-3)
        assert recall(together[1][:1], alone[1]) >= 0.99


def test_rows_survive_any_cut_of_the_stream() -> None:
    vectors, ids = vectors_and_ids(50)
    stream = HEADER + encode(ids, vectors) + TRAILER
    for piece, block in ((1, 7), (13, 50), (len(stream), 3), (100, 1000)):
        parts = list(decode([stream[at : at + piece] for at in range(0, len(stream), piece)], DIMS, block))
        np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), ids)
        np.testing.assert_allclose(np.concatenate([part[1] for part in parts]), vectors, atol=1e-3)
    assert list(decode([HEADER + TRAILER], DIMS, 5)) == []


def test_reads_come_back_after_a_restart(postgres: Running, store: PgVectorStore) -> None:
    asked = clustered(2, DIMS, seed=4)
    before = store.search(asked, 10)[1]
    postgres.restart()
    np.testing.assert_array_equal(store.search(asked, 10)[1], before)
    assert store.vectors(np.array([0])).shape == (1, DIMS)
    postgres.kill()
    starting = threading.Timer(1.0, postgres.start)
    starting.start()
    np.testing.assert_array_equal(store.search(asked, 10)[1], before)
    starting.join()


def test_searches_of_many_threads_outlive_a_restart(postgres: Running, store: PgVectorStore) -> None:
    asked = clustered(1, DIMS, seed=5)
    expected = store.search(asked, 10)[1].tolist()
    until = time.monotonic() + 4

    def ask(_: int) -> int:
        count = 0
        while time.monotonic() < until:
            assert store.search(asked, 10)[1].tolist() == expected
            count += 1
        return count

    with ThreadPoolExecutor(8) as threads:
        counts = threads.map(ask, range(8))
        time.sleep(0.5)
        postgres.restart()
        assert all(count > 1 for count in counts)


def test_a_server_that_stays_away_is_named_in_one_line(postgres: Running, store: PgVectorStore) -> None:
    hurried = PgVectorStore(replace(postgres.server, patience=1.0), store.table)
    hurried.search(clustered(1, DIMS), 3)
    postgres.kill()
    try:
        started = time.monotonic()
        with pytest.raises(DatabaseError, match="does not answer") as raised:
            hurried.search(clustered(1, DIMS), 3)
        assert time.monotonic() - started < 5
        assert "\n" not in str(raised.value)
        with pytest.raises(DatabaseError, match="does not answer"):
            check_store("pgvector", server=postgres.server)
    finally:
        postgres.start()


def test_a_load_whose_server_dies_leaves_the_old_table_whole(postgres: Running, tmp_path: Path) -> None:
    path = tmp_path / "vectors.pgvector"
    old = saved(postgres.server, path, 500)
    before = tables(postgres.server)
    new = PgVectorStore.create(postgres.server, DIMS)
    vectors, ids = vectors_and_ids()
    new.add(ids[:1000], vectors[:1000])
    postgres.restart()
    with pytest.raises(DatabaseError):
        new.add(ids[1000:], vectors[1000:])
    with pytest.raises(DatabaseError):
        new.save(path)
    assert tables(postgres.server) == before
    for whole in (old, PgVectorStore.load(path, postgres.server)):
        assert len(whole) == 500
        assert (np.sort(whole.search(vectors[:1], 500)[1][0]) == ids[:500]).all()


LOADER = """
import sys
from pathlib import Path
from marklens.retrieval.pgvector_store import PgVectorStore
from marklens.retrieval.pgvector_table import configure
from marklens.retrieval.postgres import Server
from tests.retrieval.test_pgvector_store import vectors_and_ids
store = PgVectorStore.create(Server(sys.argv[1]), 64)
vectors, ids = vectors_and_ids()
store.add(ids, vectors)
print("loading", flush=True)
sys.stdin.read()
"""


def test_a_killed_loader_leaves_nothing(postgres: Running, tmp_path: Path) -> None:
    old, before = saved(postgres.server, tmp_path / "vectors.pgvector", 500), tables(postgres.server)
    command = [sys.executable, "-c", LOADER, postgres.server.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as loader:
        assert loader.stdout is not None
        assert loader.stdout.readline() == "loading\n"
        loader.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while tables(postgres.server) != before and time.monotonic() < until:
        time.sleep(0.05)
    assert tables(postgres.server) == before
    assert len(old.vectors(np.arange(500) << VIEW_BITS)) == 500


def test_the_table_of_before_stays_until_it_is_pruned_and_its_readers_are_told(
    postgres: Running, tmp_path: Path
) -> None:
    path = tmp_path / "vectors.pgvector"
    old, before = saved(postgres.server, path, 100), tables(postgres.server)
    new = saved(postgres.server, path, 200)
    assert tables(postgres.server) == before | {new.table.name}
    assert old.search(clustered(1, DIMS), 3)[1].shape == (1, 3)
    prune(path, postgres.server)
    assert tables(postgres.server) == before - {old.table.name} | {new.table.name}
    with pytest.raises(ArtifactError, match="open the index again"):
        old.search(clustered(1, DIMS), 3)
    assert len(new) == 200


def test_a_reader_does_not_see_what_is_added_later(postgres: Running, tmp_path: Path) -> None:
    path = tmp_path / "vectors.pgvector"
    reader = saved(postgres.server, path, 300)
    writer = open_store(path, writable=True, server=postgres.server)
    vectors, _ = vectors_and_ids(310)
    writer.add(np.arange(300, 310) << VIEW_BITS, vectors[300:])
    assert stored(reader) == len(open_store(path, server=postgres.server)) == 300  # until it is saved
    assert writer.search(vectors[305:306], 1)[1].tolist() == [[305 << VIEW_BITS]]
    writer.save(path)
    for exact in (True, False):
        for store in (reader, PgVectorStore(postgres.server, reader.table, eager=True)):
            assert store.search(vectors[305:306], 300, exact=exact)[1].max() == 299 << VIEW_BITS
    with pytest.raises(KeyError):
        reader.vectors(np.array([305 << VIEW_BITS]))
    again = open_store(path, server=postgres.server)
    assert again.search(vectors[305:306], 1)[1].tolist() == [[305 << VIEW_BITS]]
    writer.add(np.array([400 << VIEW_BITS]), vectors[:1])
    assert stored(reader) == 310
    with pytest.raises(ValueError, match="already"):
        writer.add(np.array([400 << VIEW_BITS]), vectors[:1])
    writer.save(path)
    assert stored(reader) == len(open_store(path, server=postgres.server)) == 311


def test_a_table_that_is_not_what_the_file_says(postgres: Running, tmp_path: Path) -> None:
    path = tmp_path / "vectors.pgvector"
    name = saved(postgres.server, path, 100).table.name
    text = path.read_text()
    path.write_text(text.replace('"rows": 100', '"rows": 99'))
    with pytest.raises(ArtifactError, match="100 vectors, 99 expected"):
        open_store(path, server=postgres.server)
    path.write_text(text)
    with postgres.server.connect() as connection:
        connection.execute(f"DROP TABLE marklens.{name}")
    with pytest.raises(ArtifactError, match="is not in the database"):
        open_store(path, server=postgres.server)


def test_no_server_was_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MARKLENS_POSTGRES__URL"):
        open_store(tmp_path / "vectors.pgvector")


@pytest.mark.parametrize("url", ["postgresql://me:hush@host:port/db", "me:hush", "postgresql://%hush"])
def test_a_bad_url_is_not_repeated(url: str) -> None:
    with pytest.raises((UsageError, DatabaseError)) as raised:
        check_store("pgvector", server=Server(url))
    assert "hush" not in str(raised.value)
    assert "hush" not in repr(Server(url))


def test_an_older_pgvector_is_refused(postgres: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_schema, "LEAST_PGVECTOR", (9, 0, 0))
    with pytest.raises(DatabaseError, match=r"needs 9\.0\.0 or newer.*ALTER EXTENSION"):
        check_store("pgvector", server=postgres.server)
    assert postgres_schema.version_of("0.8.10") > postgres_schema.version_of("0.8.4") > (0, 8, 3)


def database(postgres: Running, name: str) -> Server:
    """An empty database beside that of the other tests."""
    with psycopg.connect(postgres.server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return replace(postgres.server, url=postgres.server.url.replace("/postgres?", f"/{name}?"))


def test_migrations_are_applied_in_order_once_and_whole(
    postgres: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = database(postgres, "migrated")
    pointer = tmp_path / "vectors.pgvector"
    saved(postgres.server, pointer, 10)
    with pytest.raises(DatabaseError, match="no pgvector"):
        open_store(pointer, server=server)
    check_store("pgvector", server=server)
    first = postgres_schema.MIGRATIONS
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", (*first, "CREATE TABLE marklens.b ()", "wrong"))
    with pytest.raises(DatabaseError, match="refuses"):
        check_store("pgvector", server=server)
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", (*first, "CREATE TABLE marklens.b ()"))
    with pytest.raises(ArtifactError, match="no vectors of this version"):
        open_store(pointer, server=server)
    for _ in range(2):
        check_store("pgvector", server=server)
    with server.connect() as connection:
        applied = connection.execute("SELECT version FROM marklens.migrations ORDER BY 1").fetchall()
    assert applied == [(1,), (2,)]
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", first)
    with pytest.raises(ArtifactError, match="newer Marklens"):
        check_store("pgvector", server=server)


def test_an_account_without_rights_is_told(postgres: Running) -> None:
    server = database(postgres, "guarded")
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
    guest = replace(server, url=server.url.replace("postgres@", "guest@"))
    with pytest.raises(DatabaseError, match="CREATE EXTENSION vector"):
        check_store("pgvector", server=guest)


def test_too_many_dims() -> None:
    with pytest.raises(UsageError, match="4000"):
        PgVectorStore.create(Server("postgresql://nowhere"), 4001)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg_pool", None)
    with pytest.raises(MissingExtraError, match="postgres"):
        check_store("pgvector", server=Server("postgresql://nowhere"))
