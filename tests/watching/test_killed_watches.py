"""Whatever ends a watch, and when: each conflict is told once."""

import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
from tests.watching.filings import draw_filings, told

from marklens.core.artifacts import write_text
from marklens.core.errors import UsageError
from marklens.core.types import Fault
from marklens.risk import Risk
from marklens.watching.conflicts import Conflict
from marklens.watching.filings import Key
from marklens.watching.reporting import write_unwritten, write_waiting
from marklens.watching.state import WatchState
from marklens.watching.state_file import open_state

OPTIONS = ("--threshold", "0.2", "--top", "3")


def start(filings: Path, portfolio: Path, out: Path) -> subprocess.Popen[bytes]:
    command = ["watch", filings, "--index", portfolio, "--out", out, *OPTIONS]
    return subprocess.Popen([sys.executable, "-m", "marklens", *command], stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, err = process.communicate()
    assert process.returncode == 0, err.decode()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_watch_tells_everything_once(portfolio: Path, tmp_path: Path, seed: int) -> None:
    filings, random = draw_filings(tmp_path / "new", strangers=20), np.random.default_rng(seed)
    started = monotonic()
    finish(start(filings, portfolio, tmp_path / "whole" / "report.html"))
    seconds = monotonic() - started
    expected = told(tmp_path / "whole" / "report.csv")
    assert expected.total() > 20
    for moment in random.uniform(0.3, 1.0, 3) * seconds:
        process = start(filings, portfolio, tmp_path / "killed" / "report.html")
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finish(start(filings, portfolio, tmp_path / "killed" / "report.html"))
    tables = sorted((tmp_path / "killed").glob("*.csv"))
    assert told(*tables) == expected
    assert {table.with_suffix(".html").is_file() for table in tables} == {True}


@pytest.mark.slow
def test_ctrl_c_stops_after_the_filing_in_hand(portfolio: Path, tmp_path: Path) -> None:
    filings, out = draw_filings(tmp_path / "new", strangers=60), tmp_path / "report.html"
    process = start(filings, portfolio, out)
    assert process.stderr is not None
    for line in process.stderr:  # the first picture is broken, which is said when it is looked at
        if b"broken.png" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 1
    assert err.splitlines()[-1].startswith(b"marklens: stopped after")
    assert not out.exists()
    finish(start(filings, portfolio, out))
    assert told(out.with_suffix(".csv")).most_common(1)[0][1] == 1


def remember(state: WatchState, filing: str, *scores: float) -> None:
    """A filing with a conflict a score, as a run leaves it that is killed before it reports."""
    sides = {
        "file": "x.png", "text": None, "words": None, "vienna_codes": [], "year": None, "attributes": {}
    }  # fmt: skip
    conflicts = [
        Conflict(
            {"id": filing, **sides}, {"id": f"M{place}", **sides}, score,
            {"global": score, "spatial": None, "text": None, "color": None}, ("full", "full"),
            Risk("unknown", ()),
        )
        for place, score in enumerate(scores)
    ]  # fmt: skip
    key = Key(filing, None, filing)
    state.remember(key, state.known(key), state.recipe({"threshold": 0.5}), conflicts, "data:,")


def test_a_report_that_was_not_marked_is_written_again_to_its_place(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with open_state(tmp_path / "s.sqlite") as state:
        remember(state, "A", 0.9, 0.8)
        state.note(Fault("b.png", "damaged", "no end"))
        state.bind(path, {"marks watched": "2"}, 10)
    write_text(path, "a run that was killed may have come this far")
    with open_state(tmp_path / "s.sqlite") as state:
        remember(state, "B", 0.7)
        again = [report.path for report, _ in write_unwritten(state)]
        more = [report.path for report, _ in write_waiting(state, path, {})]
        assert list(write_unwritten(state)) == list(write_waiting(state, path, {})) == []
    assert (again, more) == ([path], [tmp_path / "report-2.html"])
    assert told(tmp_path / "report.csv", tmp_path / "report-2.csv") == {
        ("A", "M0"): 1, ("A", "M1"): 1, ("B", "M0"): 1,
    }  # fmt: skip
    assert "b.png" in path.read_text()
    assert "b.png" not in (tmp_path / "report-2.html").read_text()


def test_a_report_whose_place_is_gone_is_told_in_the_next(tmp_path: Path) -> None:
    with open_state(tmp_path / "s.sqlite") as state:
        remember(state, "A", 0.9)
        state.note(Fault("b.png", "damaged", "no end"))
        state.bind(tmp_path / "drive" / "r.html", {}, 10)
        (tmp_path / "drive").write_text("no folder any more")
        assert list(write_unwritten(state)) == state.unwritten() == []
        ((report, conflicts),) = write_waiting(state, tmp_path / "r.html", {})
    assert [(each.filing["id"], each.shown) for each in conflicts] == [("A", {})]
    assert "b.png" in report.path.read_text()


def test_many_conflicts_fill_several_reports_with_the_best_first(tmp_path: Path) -> None:
    with open_state(tmp_path / "s.sqlite") as state:
        for filing, scores in {"A": (0.6, 0.5), "B": (0.9, 0.4), "C": (0.8, 0.7), "D": (0.3,)}.items():
            remember(state, filing, *scores)
        written = [
            [(found.filing["id"], found.score) for found in conflicts]
            for _, conflicts in write_waiting(state, tmp_path / "r.html", {}, most=4)
        ]
    assert written == [[("B", 0.9), ("B", 0.4), ("C", 0.8), ("C", 0.7)], [("A", 0.6), ("A", 0.5), ("D", 0.3)]]
    assert sorted(path.name for path in tmp_path.glob("r*")) == ["r-2.csv", "r-2.html", "r.csv", "r.html"]


def test_a_foreign_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("mine")
    with open_state(tmp_path / "s.sqlite") as state:
        remember(state, "A", 0.6)
        assert [report.path.name for report, _ in write_waiting(state, tmp_path / "r.html", {})] == [
            "r-2.html"
        ]
    assert (tmp_path / "r.csv").read_text() == "mine"


def test_one_watch_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with open_state(path), pytest.raises(UsageError, match="another watch"), open_state(path):
        pass
