"""What a watch remembers, in one SQLite file: filings looked at, conflicts found, reports written.

A filing and its conflicts are written in one transaction, so a killed run loses those in hand at most. A
conflict waits without a report; then it is bound to one report, which has a path of its own; then that report
is written, and last it is marked as written. Whatever is bound but not marked is written again, to the same
path and with the same content: so nothing is told twice, and nothing is lost.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marklens.core.types import Fault
from marklens.retrieval.catalog_database import bindable
from marklens.watching.conflicts import Conflict
from marklens.watching.filings import Key

_AFTER = "number > ? AND score >= ? ORDER BY number LIMIT ?"


@dataclass(frozen=True, slots=True)
class Known:
    """A filing that was looked at.

    Attributes:
        number: of the filing.
        recipe: number of the recipe under which that was last done.
    """

    number: int
    recipe: int


@dataclass(frozen=True, slots=True)
class Report:
    """A report that conflicts are bound to.

    Attributes:
        number: counts from 1.
        path: where its page goes.
        facts: name to value, as they shall be shown.
    """

    number: int
    path: Path
    facts: Mapping[str, str]


class WatchState:
    """An open state; one process has it at a time, see `state_file.open_state`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def recipe(self, document: Mapping[str, Any]) -> int:
        """The number of a recipe: how filings are looked at."""
        text = json.dumps(document, sort_keys=True)
        with self._writing():
            self._db.execute("INSERT OR IGNORE INTO recipes (document) VALUES (?)", [text])
        return int(self._db.execute("SELECT number FROM recipes WHERE document = ?", [text]).fetchone()[0])

    def differences(self, recipe: int, others: Sequence[int]) -> list[str]:
        """The names of what differs between a recipe and any of the others, sorted."""
        rows = dict(self._db.execute("SELECT number, document FROM recipes"))
        mine = json.loads(rows[recipe])
        theirs = [json.loads(rows[number]) for number in others]
        return sorted({name for one in theirs for name in {*mine, *one} if mine.get(name) != one.get(name)})

    def known(self, key: Key) -> Known | None:
        """What is remembered of a filing, or None."""
        row = self._db.execute(
            "SELECT number, recipe FROM filings WHERE digest = ?"
            " AND (id = CAST(? AS TEXT) OR file = CAST(? AS TEXT)) ORDER BY number LIMIT 1",
            [key.digest, bindable(key.id), None if key.file is None else bindable(key.file)],
        ).fetchone()
        return None if row is None else Known(*row)

    def told(self, known: Known) -> set[str]:
        """Ids of the marks whose conflicts with a filing are in a report."""
        sql = "SELECT mark FROM conflicts WHERE filing = ? AND report IS NOT NULL"
        return {mark for (mark,) in self._db.execute(sql, [known.number])}

    def remember(
        self, key: Key, known: Known | None, recipe: int, conflicts: Sequence[Conflict], picture: str | None
    ) -> None:
        """Note that a filing was looked at, with what was found, all at once.

        Conflicts that are in a report stay there as they are. Those that still wait are brought up to date
        under the numbers they have, and go only where they are found no more.

        Args:
            key: of the filing.
            known: what was remembered of it before.
            recipe: how it was looked at.
            conflicts: that were found.
            picture: of the filing, for the page.
        """
        with self._writing():
            number = self._noted(key, known, recipe, picture if conflicts else None)
            rows = [
                (
                    number, bindable(found.mark["id"]), found.score, json.dumps(found.document()),
                    json.dumps(found.shown),
                )
                for found in conflicts
            ]  # fmt: skip
            kept = {mark for _, mark, *_ in rows}
            waiting = self._db.execute(
                "SELECT number, mark FROM conflicts WHERE filing = ? AND report IS NULL", [number]
            ).fetchall()
            gone = [(waits,) for waits, mark in waiting if bindable(mark) not in kept]
            self._db.executemany("DELETE FROM conflicts WHERE number = ?", gone)
            self._db.executemany(
                "INSERT INTO conflicts (filing, mark, score, document, shown)"
                " VALUES (?, CAST(? AS TEXT), ?, ?, ?) ON CONFLICT (filing, mark) DO UPDATE"
                " SET score = excluded.score, document = excluded.document, shown = excluded.shown"
                " WHERE report IS NULL",
                rows,
            )

    def pass_over(self, key: Key, known: Known | None, recipe: int) -> None:
        """Note that a filing cannot be looked at in this way; what was found before stays."""
        with self._writing():
            if known is None:
                self._noted(key, None, recipe, None)
            else:
                self._db.execute("UPDATE filings SET recipe = ? WHERE number = ?", [recipe, known.number])

    def note(self, fault: Fault, digest: str = "") -> None:
        """Remember what could not be used, for the next report; what was told before is not told again.

        Args:
            fault: what happened.
            digest: of the filing, where it has one: another file of that name is told again.
        """
        with self._writing():
            self._db.execute(
                "INSERT OR IGNORE INTO faults (item, kind, reason, digest)"
                " VALUES (CAST(? AS TEXT), ?, CAST(? AS TEXT), ?)",
                [bindable(fault.item), fault.kind, bindable(fault.reason), digest],
            )

    def watched(self) -> str | None:
        """The folder of the index whose marks are watched; None in a new state."""
        return next((folder for (folder,) in self._db.execute("SELECT folder FROM watched")), None)

    def watch(self, folder: str) -> None:
        """Remember the folder of the index."""
        with self._writing():
            self._db.execute("DELETE FROM watched")
            self._db.execute("INSERT INTO watched VALUES (CAST(? AS TEXT))", [bindable(folder)])

    def waiting(self) -> int:
        """Conflicts that are in no report yet."""
        return int(self._db.execute("SELECT COUNT(*) FROM conflicts WHERE report IS NULL").fetchone()[0])

    def bind(self, path: Path, facts: Mapping[str, str], most: int) -> Report:
        """Open a report and bind waiting conflicts to it, the best first and those of one filing together.

        Args:
            path: where its page shall go.
            facts: for the page.
            most: conflicts, unless one filing alone has more.
        """
        with self._writing():
            cursor = self._db.execute(
                "INSERT INTO reports (path, facts) VALUES (CAST(? AS TEXT), ?)",
                [bindable(str(path)), json.dumps(facts)],
            )
            number = int(cursor.lastrowid or 0)
            self._db.executemany(
                "UPDATE conflicts SET report = ? WHERE filing = ? AND report IS NULL",
                [(number, filing) for filing in self._best_filings(most)],
            )
            self._db.execute("UPDATE faults SET report = ? WHERE report IS NULL", [number])
        return Report(number, path, facts)

    def unwritten(self) -> list[Report]:
        """Reports that were opened and not marked as written."""
        rows = self._db.execute("SELECT number, path, facts FROM reports WHERE written = 0 ORDER BY number")
        return [Report(number, Path(path), json.loads(facts)) for number, path, facts in rows]

    def conflicts_of(self, report: Report) -> list[tuple[str | None, list[Conflict]]]:
        """Picture and conflicts of every filing of a report that is not written, the best first."""
        return self._by_filing("report = ? ORDER BY score DESC, filing, mark", [report.number])

    def conflicts_after(
        self, number: int, limit: int, least: float = 0.0
    ) -> list[tuple[int, dict[str, Any]]]:
        """Number and document of conflicts in the order in which they were found, from behind a number on."""
        rows = self._db.execute(
            f"SELECT number, document FROM conflicts WHERE {_AFTER}", [number, least, limit]
        )
        return [(found, json.loads(document)) for found, document in rows]

    def shown_after(
        self, number: int, limit: int, least: float = 0.0
    ) -> list[tuple[str | None, list[Conflict]]]:
        """The same with their pictures, where no report has taken them; the best first, by filing."""
        chosen = f"conflicts.number IN (SELECT number FROM conflicts WHERE {_AFTER})"
        return self._by_filing(f"{chosen} ORDER BY score DESC, filing, mark", [number, least, limit])

    def documents_of(self, filing: int) -> list[dict[str, Any]]:
        """The conflicts of a filing as documents, the best first."""
        rows = self._db.execute(
            "SELECT document FROM conflicts WHERE filing = ? ORDER BY score DESC, mark", [filing]
        )
        return [json.loads(document) for (document,) in rows]

    def counts(self) -> tuple[int, int]:
        """How many filings were looked at, and how many conflicts found."""
        row = self._db.execute("SELECT (SELECT COUNT(*) FROM filings), (SELECT COUNT(*) FROM conflicts)")
        filings, conflicts = row.fetchone()
        return int(filings), int(conflicts)

    def faults_of(self, report: Report) -> list[Fault]:
        """What could not be used, told in this report."""
        sql = "SELECT item, kind, reason FROM faults WHERE report = ? ORDER BY item, kind, reason"
        return [Fault(*row) for row in self._db.execute(sql, [report.number])]

    def mark_written(self, report: Report) -> None:
        """Note that the page is on the disk; its pictures are forgotten."""
        with self._writing():
            self._db.execute(
                "UPDATE filings SET picture = NULL WHERE number IN"
                " (SELECT filing FROM conflicts WHERE report = ?)",
                [report.number],
            )
            self._db.execute("UPDATE conflicts SET shown = NULL WHERE report = ?", [report.number])
            self._db.execute("UPDATE reports SET written = 1 WHERE number = ?", [report.number])

    def unbind(self, report: Report) -> None:
        """Let what a report would have told wait for the next one: it cannot be written where it should."""
        with self._writing():
            for table in ("conflicts", "faults"):
                self._db.execute(f"UPDATE {table} SET report = NULL WHERE report = ?", [report.number])
            self._db.execute("DELETE FROM reports WHERE number = ?", [report.number])

    def is_empty_page(self, path: Path) -> bool:
        """Whether the last report at a path told of no conflict and no fault: it may be replaced."""
        row = self._db.execute(
            "SELECT (SELECT COUNT(*) FROM conflicts WHERE report = reports.number)"
            " + (SELECT COUNT(*) FROM faults WHERE report = reports.number) FROM reports"
            " WHERE path = CAST(? AS TEXT) ORDER BY number DESC LIMIT 1",
            [bindable(str(path))],
        ).fetchone()
        return row is not None and row[0] == 0

    def _by_filing(self, where: str, values: Sequence[Any]) -> list[tuple[str | None, list[Conflict]]]:
        """Picture and conflicts of filings, in the order of the rows."""
        rows = self._db.execute(
            "SELECT filing, picture, document, shown FROM conflicts JOIN filings ON filings.number = filing"
            f" WHERE {where}",
            values,
        )
        filings: dict[int, tuple[str | None, list[Conflict]]] = {}
        for filing, picture, document, shown in rows:
            found = filings.setdefault(filing, (picture, []))[1]
            found.append(Conflict.remembered(json.loads(document), json.loads(shown or "{}")))
        return list(filings.values())

    def _noted(self, key: Key, known: Known | None, recipe: int, picture: str | None) -> int:
        if known is None:
            sql = (
                "INSERT INTO filings (digest, id, file, recipe, picture)"
                " VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?)"
            )
            file = None if key.file is None else bindable(key.file)
            return int(
                self._db.execute(sql, [key.digest, bindable(key.id), file, recipe, picture]).lastrowid or 0
            )
        sql = "UPDATE filings SET recipe = ?, checked = CURRENT_TIMESTAMP, picture = ? WHERE number = ?"
        self._db.execute(sql, [recipe, picture, known.number])
        return known.number

    def _best_filings(self, most: int) -> list[int]:
        chosen: list[int] = []
        for filing, count in self._db.execute(
            "SELECT filing, COUNT(*) FROM conflicts WHERE report IS NULL"
            " GROUP BY filing ORDER BY MAX(score) DESC, filing"
        ).fetchall():
            if chosen and count > most:
                break
            most -= count
            chosen.append(filing)
        return chosen

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
