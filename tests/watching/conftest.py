"""A watched portfolio, indexed once a session."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.small_index import build
from tests.watching.filings import draw_filings, draw_portfolio

from marklens.cli.main import run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def portfolio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of thirty marks; tests must not change it."""
    folder = tmp_path_factory.mktemp("portfolio")
    build(folder / "index", draw_portfolio(folder / "marks"))
    return folder / "index"


@pytest.fixture
def filings(tmp_path: Path) -> Path:
    """A delivery of new filings."""
    return draw_filings(tmp_path / "new")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Runs one command line; returns exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARKLENS_BUILD__WORKERS", "0")  # a process to decode in takes a second to start

    def run_it(*arguments: object) -> tuple[int, str, str]:
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_it


@pytest.fixture
def watch(call: Call, portfolio: Path, filings: Path) -> Callable[..., dict[str, Any]]:
    """Watches the filings; returns the document."""

    def watch_them(*options: object, status: int = 0, out: str = "report.html") -> dict[str, Any]:
        near = () if "--threshold" in options else ("--threshold", 0.8)
        found, answer, err = call(
            "watch", filings, "--index", portfolio, "--out", out, *near, *options, "--json"
        )
        assert found == status, err
        document: dict[str, Any] = json.loads(answer or "{}")
        return document

    return watch_them
