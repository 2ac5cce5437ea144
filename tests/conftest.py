"""Marks drawn and indexed once a session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from tests.postgres_server import Running, running
from tests.small_index import build, draw_marks

from marklens.retrieval.milvus import Milvus

# examples differ in how long they take, and machines too: no test asserts wall time
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 30 drawn marks; tests must not change it."""
    return draw_marks(tmp_path_factory.mktemp("marks"), 30)


@pytest.fixture(scope="session")
def index(marks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of `marks`; tests must not change it."""
    folder = tmp_path_factory.mktemp("index")
    build(folder, marks)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[Running]:
    """A real server with pgvector."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Milvus:
    """A real Milvus Lite in a file of its own."""
    pytest.importorskip("pymilvus", reason="the extra 'cluster' is not installed")
    return Milvus(str(tmp_path_factory.mktemp("milvus") / "vectors.db"))


@pytest.fixture
def own_index(index: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes a copy of the index that a test may change."""
    import shutil

    def copy() -> Path:
        return Path(shutil.copytree(index, tmp_path / "own"))

    return copy
