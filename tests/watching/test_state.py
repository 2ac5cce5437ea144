"""Numbers of conflicts, files of an earlier version, and what a table may hold."""

import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from marklens.core.types import Fault, Hit, Mark, Scores
from marklens.risk import Risk
from marklens.watching.conflicts import Conflict, Criteria, make_conflict
from marklens.watching.filings import Key
from marklens.watching.reporting import conflicts_table
from marklens.watching.state import WatchState
from marklens.watching.state_file import open_state

KEY = Key("A", None, "digest")
FIRST = """
CREATE TABLE recipes (number INTEGER PRIMARY KEY, document TEXT NOT NULL UNIQUE);
CREATE TABLE filings (
    number INTEGER PRIMARY KEY, digest TEXT NOT NULL, id TEXT NOT NULL, file TEXT,
    recipe INTEGER NOT NULL REFERENCES recipes (number), checked TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    picture TEXT, UNIQUE (digest, id)
);
CREATE TABLE conflicts (
    filing INTEGER NOT NULL REFERENCES filings (number), mark TEXT NOT NULL, score REAL NOT NULL,
    document TEXT NOT NULL, shown TEXT, report INTEGER REFERENCES reports (number), UNIQUE (filing, mark)
);
CREATE INDEX conflicts_report ON conflicts (report);
CREATE TABLE faults (
    item TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, report INTEGER REFERENCES reports (number),
    UNIQUE (item, kind, reason)
);
CREATE TABLE reports (
    number INTEGER PRIMARY KEY, path TEXT NOT NULL, facts TEXT NOT NULL, written INTEGER NOT NULL DEFAULT 0
);
INSERT INTO recipes VALUES (1, '{}');
INSERT INTO filings (number, digest, id, recipe) VALUES (1, 'digest', 'A', 1);
INSERT INTO conflicts (rowid, filing, mark, score, document) VALUES (4, 1, 'M1', 0.5, '{"n": 4}');
INSERT INTO conflicts (rowid, filing, mark, score, document) VALUES (9, 1, 'M2', 0.5, '{"n": 9}');
INSERT INTO faults VALUES ('x.png', 'empty', 'the file has 0 bytes', NULL);
PRAGMA application_id = 0x4D6B5761;
PRAGMA user_version = 1;
"""


def conflict(mark: str, score: float = 0.9, owner: str = "") -> Conflict:
    sides = {
        "file": "x.png", "text": None, "words": None, "vienna_codes": [], "year": None,
        "attributes": {"owner": owner},
    }  # fmt: skip
    scores = {"global": score, "spatial": None, "text": None, "color": None}
    risk = Risk("low", (f"same owner: {owner}",))
    return Conflict({"id": "A", **sides}, {"id": mark, **sides}, score, scores, ("full", "full"), risk)


def look(state: WatchState, *conflicts: Conflict) -> None:
    state.remember(KEY, state.known(KEY), state.recipe({}), conflicts, "data:,")


def numbered(state: WatchState, after: int = 0) -> dict[int, str]:
    return {number: each["mark"]["id"] for number, each in state.conflicts_after(after, 100)}


def test_a_number_is_kept_by_its_conflict_and_given_to_no_other(tmp_path: Path) -> None:
    with open_state(tmp_path / "s.sqlite") as state:
        look(state, conflict("M1"), conflict("M2"), conflict("M3"))
        assert numbered(state) == {1: "M1", 2: "M2", 3: "M3"}
        look(state, conflict("M4"), conflict("M2", 0.7))
        found = numbered(state)
        assert found.pop(2) == "M2"
        assert list(found.values()) == ["M4"]
        assert numbered(state, after=3) == found, "who has read up to 3 hears of it"
        assert [each["score"] for each in state.documents_of(1)] == [0.9, 0.7]


def test_what_is_told_stays_as_it_is(tmp_path: Path) -> None:
    with open_state(tmp_path / "s.sqlite") as state:
        look(state, conflict("M1"))
        state.bind(tmp_path / "r.html", {}, 10)
        look(state, conflict("M1", 0.5), conflict("caf\udce9"))
        look(state, conflict("caf\udce9"))
        assert [(each["mark"]["id"], each["score"]) for each in state.documents_of(1)] == [
            ("M1", 0.9), ("caf\udce9", 0.9),
        ]  # fmt: skip


def test_a_filing_that_cannot_be_looked_at_again_keeps_its_conflicts(tmp_path: Path) -> None:
    with open_state(tmp_path / "s.sqlite") as state:
        look(state, conflict("M1"))
        other = state.recipe({"threshold": 0.3})
        state.pass_over(KEY, state.known(KEY), other)
        known = state.known(KEY)
        assert known is not None and known.recipe == other
        assert state.waiting() == 1
        ((picture, _),) = state.shown_after(0, 10)
        assert picture == "data:,"


def test_a_fault_is_told_once_of_one_content(tmp_path: Path) -> None:
    fault = Fault("0001.jpg", "truncated", "it ends early")
    with open_state(tmp_path / "s.sqlite") as state:
        for digest in ("monday", "monday", "tuesday"):
            state.note(fault, digest)
            report = state.bind(tmp_path / f"{digest}.html", {}, 10)
            told = len(state.faults_of(report))
            state.mark_written(report)
        assert told == 1
        state.note(fault, "tuesday")
        assert state.faults_of(state.bind(tmp_path / "none.html", {}, 10)) == []


def test_a_state_of_the_first_version_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(FIRST)
    for _ in range(2):
        with open_state(path) as state:
            assert [number for number, _ in state.conflicts_after(0, 10)] == [4, 9]
            assert state.watched() is None
    with open_state(path) as state:
        look(state, conflict("M2"), conflict("M5"))
        kept, new = numbered(state)
        assert kept == 9 < new
        assert [fault.item for fault in state.faults_of(state.bind(tmp_path / "r.html", {}, 10))] == ["x.png"]


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize(
    "owner",
    [
        "=1+1", "ACME;=cmd|'/C calc'!A0;", 'A;"=1"', "a\t=1", "a\r\n@x", "a\n-1", "\t=1", ";+1", "a;;=1",
        '";"=1',
    ],
)  # fmt: skip
def test_no_cell_begins_a_formula_whatever_parts_the_cells(owner: str, between: str) -> None:
    table = conflicts_table([conflict("M1", owner=owner)])
    cells = [cell for row in csv.reader(table.splitlines(), delimiter=between) for cell in row]
    assert not [cell for cell in cells if cell.lstrip('"\t\r').startswith(("=", "+", "-", "@"))]
    assert "Acme - Söhne; x=1" in conflicts_table([conflict("M1", owner="Acme - Söhne; x=1")])


def hit(name: str, score: float, words: float | None) -> Hit:
    return Hit(1, 0, Mark(name, "x.png", Path("x.png")), score, Scores(text=words), ())


def test_a_mark_that_is_no_earlier_one_is_said_to_be() -> None:
    def mark(name: str, day: str) -> Mark:
        return Mark(name, "x.png", Path("x.png"), attributes={"filing_date": day})

    def reasons(filing: Mark, other: Mark) -> tuple[str, ...]:
        return make_conflict(filing, None, Hit(1, 0, other, 0.9, Scores(), ()), 0, {}).risk.reasons

    assert reasons(mark("1", "2026-08-03"), mark("2", "2001"))[0].startswith("status")
    assert reasons(mark("1", "2019-05"), mark("2", "2024-01-01"))[0] == (
        "filed before the mark of the portfolio: 2019-05, the mark 2024-01-01"
    )
    assert reasons(mark("1", "2024"), mark("2", "2024-06"))[0].startswith("status"), "nobody knows"
    assert reasons(mark("1", "2026"), mark("1", "2026"))[0] == "the same number: perhaps the mark itself"


def test_names_have_a_top_of_their_own_and_what_is_left_out_is_counted() -> None:
    hits = [hit("a", 0.9, None), hit("b", 0.8, 0.9), hit("c", 0.7, None), hit("d", 0.5, 0.8),
            hit("e", 0.4, 0.95), hit("f", 0.3, 0.9), hit("g", 0.2, 0.1)]  # fmt: skip
    question = Criteria(0.6, 0.8, top=2)
    best, left_out = question.chosen(hits)
    assert question.chosen([each for each in hits if question.worth(each.score, each.scores)]) == (best, 2)
    assert [each.mark.id for each in best] == ["a", "b", "e", "f"]
    assert left_out == 2
    best, left_out = Criteria(0.6, top=5).chosen(hits)
    assert ([each.mark.id for each in best], left_out) == (["a", "b", "c"], 0)
