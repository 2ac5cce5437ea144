"""The catalog of an index: every mark with its codes, views and text mask, in one SQLite file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from marklens.core.artifacts import atomic
from marklens.core.errors import ArtifactError
from marklens.core.file_names import fold
from marklens.core.types import Bools, Filter, Mark, ReadText, ViewKind
from marklens.retrieval.catalog_codes import Codes, count_codes
from marklens.retrieval.catalog_database import Database, bindable, new_database, unique_rows
from marklens.retrieval.catalog_filters import (
    ATTRIBUTE_NAMES,
    CAPACITY,
    LIVING,
    REMOVED,
    Condition,
    Facets,
    conditions,
    count_facets,
    marked,
)
from marklens.retrieval.catalog_schema import (
    INDEXES,
    SCHEMA_VERSION,
    TABLES,
    Entry,
    digest,
    insert,
    select_marks,
    select_readings,
    select_views,
)  # fmt: skip

__all__ = ["Catalog", "CatalogCounts", "Entry"]

CACHED_FILTERS = 16
"""A mask of allowed marks costs one byte a mark."""


@dataclass(frozen=True, slots=True)
class CatalogCounts:
    """How much a catalog holds.

    Attributes:
        marks: living marks.
        removed: marks that were removed; they keep their numbers.
    """

    marks: int
    removed: int


class Catalog:
    """An open catalog; any number of threads may read it at once.

    Removed marks keep their rows and their numbers, since their vectors stay in the store: `allowed` leaves
    them out. A call sees what other processes have committed before it began.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cached_allowed = lru_cache(CACHED_FILTERS)(self._find_allowed)
        self._cached_figured = lru_cache(1)(self._find_figured)
        self._cached_facets = lru_cache(CACHED_FILTERS)(self._find_facets)
        self._cached_codes = lru_cache(3)(self._find_codes)

    @staticmethod
    def create(path: Path, entries: Iterable[Entry]) -> None:
        """Write a complete catalog, atomically.

        Raises:
            ValueError: two entries share a number or an id.
        """
        with atomic(path) as temporary:
            temporary.unlink(missing_ok=True)  # SQLite would go on with what a crash left there
            with new_database(temporary) as db, unique_rows():
                db.executescript(f"PRAGMA user_version = {SCHEMA_VERSION}; {TABLES}")
                db.execute("BEGIN")
                insert(db, entries)
                db.execute("COMMIT")
                db.executescript(INDEXES)
            # of a killed writer: it would be rolled back into the new file
            path.with_name(f"{path.name}-journal").unlink(missing_ok=True)

    @staticmethod
    def open(path: Path, writable: bool = False) -> "Catalog":
        """Open a catalog that `create` wrote.

        Raises:
            ArtifactError: the file is missing, damaged or of another schema version.
        """
        database = Database.open(path, writable)
        version = database.value("PRAGMA user_version")
        if version != SCHEMA_VERSION:
            database.close()
            raise ArtifactError(
                f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}: "
                "build the index again"
            )
        return Catalog(database)

    def connect(self, count: int) -> None:
        """Open so many connections now: those that are open outlive a catalog put in this one's place."""
        self._database.connect(count)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> "Catalog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, entries: Iterable[Entry]) -> None:
        """Add marks, all or none.

        Raises:
            ValueError: a number that was ever used, or the id of a living mark.
        """
        with self._database.writing() as db, unique_rows():
            insert(db, entries)

    def remove(self, ids: Sequence[str]) -> list[str]:
        """Mark marks as removed, all in one transaction.

        Returns:
            the ids that were not there, or were removed before, in the order given.
        """
        with self._database.writing() as db:
            return [
                id
                for id in dict.fromkeys(ids)
                if not db.execute(
                    "UPDATE marks SET removed = 1 WHERE id = CAST(? AS TEXT) AND removed = 0", [bindable(id)]
                ).rowcount
            ]

    def removed(self) -> dict[str, str]:
        """Id and file name of every mark that was removed and has not returned, sorted by id."""
        sql = (
            "SELECT id, file FROM marks WHERE removed = 1"
            " AND NOT EXISTS (SELECT 1 FROM marks AS other WHERE other.id = marks.id AND other.removed = 0)"
            " ORDER BY id, number"
        )
        return dict(self._database.rows(sql))

    def marks(self, numbers: Iterable[int]) -> dict[int, Mark]:
        """The marks under these numbers, removed ones too; unknown numbers are left out."""
        with self._database.reading() as db:
            return select_marks(db, numbers)

    def number(self, id: str) -> int | None:
        """The number of a living mark."""
        sql = "SELECT number FROM marks WHERE id = CAST(? AS TEXT) AND removed = 0"
        number: int | None = self._database.value(sql, bindable(id))
        return number

    def find(self, file_or_id: str) -> int | None:
        """The number of a living mark by its id, else by its file name whatever its case."""
        by_id = self.number(file_or_id)
        if by_id is not None:
            return by_id
        sql = (
            "SELECT number FROM marks WHERE folded = CAST(? AS TEXT) AND removed = 0"
            " ORDER BY file <> CAST(? AS TEXT), number LIMIT 1"
        )
        number: int | None = self._database.value(sql, bindable(fold(file_or_id)), bindable(file_or_id))
        return number

    def files(self) -> dict[int, str]:
        """The file name of every living mark."""
        return dict(self._database.rows("SELECT number, file FROM marks WHERE removed = 0 ORDER BY number"))

    def view_kinds(self, numbers: Iterable[int]) -> dict[int, tuple[ViewKind, ...]]:
        """The kinds of view of each mark that has any."""
        found = self.views(numbers)
        return {number: tuple(kind for kind, _ in views) for number, views in found.items()}

    def views(self, numbers: Iterable[int]) -> dict[int, tuple[tuple[ViewKind, Bools], ...]]:
        """The views of each mark that has any: their kind and their ink, bool (PATCH_GRID, PATCH_GRID)."""
        with self._database.reading() as db:
            return select_views(db, numbers)

    def mask(self, number: int) -> bytes | None:
        """The run-length encoded text mask of a mark."""
        mask: bytes | None = self._database.value("SELECT rle FROM masks WHERE number = ?", int(number))
        return mask

    def readings(self, numbers: Iterable[int]) -> dict[int, ReadText]:
        """Words that were read off the pictures of these marks; marks without any are left out."""
        with self._database.reading() as db:
            return select_readings(db, numbers)

    def allowed(self, filter: Filter) -> Bools | None:
        """Which marks are alive and satisfy the filter.

        Returns:
            bool (capacity,), read-only, True at the number of each such mark; None when all marks pass.

        Raises:
            UsageError: the filter makes no sense.
        """
        changes = self._database.value("SELECT changes FROM state")
        if not filter and self._database.value(f"{REMOVED.sql} LIMIT 1") is None:
            return None
        return self._cached_allowed(changes, filter)

    def figured(self) -> Bools:
        """Bool (capacity,), read-only: True at the number of each mark that has a view without its text."""
        return self._cached_figured(self._database.value("SELECT changes FROM state"))

    def facets(self, filter: Filter) -> Facets:
        """Count the living marks that satisfy the filter by Vienna division, year and attribute."""
        changes = self._database.value("SELECT changes FROM state")
        return self._cached_facets(changes, filter)

    def codes(self, parts: int) -> Codes:
        """Which living marks bear Vienna codes of so many parts (1..3), and how many bear each code."""
        return self._cached_codes(self._database.value("SELECT changes FROM state"), parts)

    def counts(self) -> CatalogCounts:
        """How many marks there are."""
        with self._database.reading() as db:
            (total,) = db.execute("SELECT COUNT(*) FROM marks").fetchone()
            (removed,) = db.execute("SELECT COUNT(*) FROM marks WHERE removed = 1").fetchone()
        return CatalogCounts(total - removed, removed)

    def view_counts(self) -> Mapping[ViewKind, int]:
        """How many views the living marks have, by kind; reads all of them."""
        living = f"number NOT IN ({REMOVED.sql})"
        sql = f"SELECT kind, COUNT(*) FROM views WHERE {living} GROUP BY kind ORDER BY kind"
        return {ViewKind(kind): count for kind, count in self._database.rows(sql)}

    def attribute_names(self) -> list[str]:
        """The names of all attributes, sorted; jumps from name to name instead of reading all values."""
        return [name for (name,) in self._database.rows(ATTRIBUTE_NAMES)]

    @property
    def capacity(self) -> int:
        """The largest number that was ever used, plus one."""
        return int(self._database.value(CAPACITY))

    def content_digest(self) -> str:
        """SHA-256 over all rows in the order of their keys, in hexadecimal.

        Where the picture folders lie is left out, so that a moved dataset keeps its digest.
        """
        with self._database.reading() as db:
            return digest(db)

    def _find_figured(self, changes: int) -> Bools:
        figured = Condition("SELECT number FROM views WHERE kind = ?", (int(ViewKind.FIGURATIVE),))
        with self._database.reading() as db:
            found = marked(db, figured)
        found.flags.writeable = False
        return found

    def _find_allowed(self, changes: int, filter: Filter) -> Bools:
        asked = conditions(filter) or [LIVING]  # a wrong one must not cost a connection
        with self._database.reading() as db:
            found = ~marked(db, REMOVED)
            for condition in asked:
                found &= marked(db, condition)
        found.flags.writeable = False
        return found

    def _find_facets(self, changes: int, filter: Filter) -> Facets:
        needed = conditions(filter)  # a wrong one must not cost a connection
        with self._database.reading() as db:
            return count_facets(db, needed)

    def _find_codes(self, changes: int, parts: int) -> Codes:
        with self._database.reading() as db:
            return count_codes(db, parts)
