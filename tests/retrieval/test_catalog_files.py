"""The catalog's file: crashes, damage, other versions, odd names."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marklens.core.errors import ArtifactError
from marklens.core.types import Filter, Mark
from marklens.retrieval.catalog import Catalog, CatalogCounts, Entry
from marklens.retrieval.catalog_database import Database


def marks_to_entries(*marks: Mark) -> list[Entry]:
    return [Entry(number, each, (), None) for number, each in enumerate(marks)]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    marks = [Mark(f"m{n}", f"{n}.png", Path(f"/a/{n}.png"), text="words " * n) for n in range(60)]
    Catalog.create(tmp_path / "catalog.sqlite", marks_to_entries(*marks))
    return Catalog.open(tmp_path / "catalog.sqlite")


def test_what_a_killed_writer_left_is_rolled_back(catalog: Catalog, tmp_path: Path) -> None:
    before, path, crashed = catalog.content_digest(), tmp_path / "catalog.sqlite", tmp_path / "crashed.sqlite"
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA cache_spill = 1")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE marks SET text = hex(randomblob(20000))")  # more than the cache: spills into the file
    shutil.copy(path, crashed)
    shutil.copy(f"{path}-journal", f"{crashed}-journal")
    db.close()
    assert crashed.read_bytes() != path.read_bytes()
    with Catalog.open(crashed) as restored:
        assert restored.content_digest() == before


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[: len(b) // 2], lambda b: b"no database at all" * 99, lambda b: b"", lambda b: b[:100]],
)
def test_damaged_files(catalog: Catalog, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "catalog.sqlite"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ArtifactError, match="build the index again"):
        Catalog.open(path)


def test_a_damaged_page_is_an_error_that_says_so(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)  # all but the first page, which holds the schema
    path.write_bytes(content)
    with Catalog.open(path) as damaged, pytest.raises(ArtifactError, match="build the index again"):
        damaged.content_digest()


def test_missing_files_and_other_versions(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="missing"):
        Catalog.open(tmp_path / "none.sqlite")
    db = sqlite3.connect(tmp_path / "catalog.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ArtifactError, match=r"version 99.*build the index again"):
        Catalog.open(tmp_path / "catalog.sqlite")


def test_folders_with_odd_names(tmp_path: Path) -> None:
    folder = tmp_path / "100 % odd? #1 'ü'"
    folder.mkdir()
    Catalog.create(folder / "catalog.sqlite", marks_to_entries(Mark("a", "a.png", Path("/a/a.png"))))
    with Catalog.open(folder / "catalog.sqlite") as catalog:
        assert catalog.number("a") == 0


def test_file_names_that_are_no_utf8_and_text_that_is_no_unicode(tmp_path: Path) -> None:
    name = os.fsdecode(b"t\xfcr.png")
    odd = Mark(name, name, Path("/data", name), text="half \ud83d")
    Catalog.create(tmp_path / "c.sqlite", marks_to_entries(odd))
    with Catalog.open(tmp_path / "c.sqlite", writable=True) as catalog:
        assert catalog.marks([0])[0] == replace(odd, text="half ?")
        assert catalog.find(name) == 0
        assert catalog.find(name.upper()) == 0
        assert catalog.remove([name]) == []


def test_an_empty_catalog(tmp_path: Path) -> None:
    Catalog.create(tmp_path / "c.sqlite", [])
    with Catalog.open(tmp_path / "c.sqlite") as catalog:
        assert catalog.capacity == 0
        assert catalog.allowed(Filter()) is None
        np.testing.assert_array_equal(catalog.allowed(Filter(("26",))), np.empty(0, np.bool_))
        assert catalog.counts() == CatalogCounts(0, 0)


def test_a_file_that_took_the_place_of_the_opened_one_is_not_mixed_in(
    catalog: Catalog, tmp_path: Path
) -> None:
    path = tmp_path / "catalog.sqlite"
    database = Database.open(path, writable=False)
    with database.reading() as held:
        Catalog.create(path, marks_to_entries(Mark("new", "new.png", Path("/a/new.png"))))
        with pytest.raises(ArtifactError, match="open it again"):  # a second connection, as of another thread
            database.rows("SELECT id FROM marks")
        assert held.execute("SELECT COUNT(*) FROM marks").fetchone() == (60,)
    database.close()
