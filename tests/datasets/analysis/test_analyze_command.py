"""`marklens dataset analyze` from the outside."""

import json
from pathlib import Path

import pytest
from benchmarks.analyze import FILES, analyze_and_kill, make_dataset

from marklens.cli.main import run


def test_the_command_writes_everything_and_prints_what_matters(
    marks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "analysis"
    assert run(["dataset", "analyze", str(marks), "--out", str(out), "--workers", "0"]) == 0
    printed = capsys.readouterr().out
    assert "marks  30" in printed
    assert "report.html" in printed
    assert {path.name for path in out.iterdir()} == {*FILES, "stats_checkpoint.json", "measurements"}
    assert "30 marks" in (out / "report.html").read_text(encoding="utf-8")
    assert "| 240×240 | 30 | 100.0 % |" in (out / "summary.md").read_text(encoding="utf-8")


def test_json_is_the_document_of_stats(
    marks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["dataset", "analyze", str(marks), "--out", str(tmp_path), "--workers", "0", "--json"]
    assert run(command) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "stats.json").read_text())


def test_a_wrong_call_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dataset", "analyze", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.slow
def test_the_benchmark_on_a_few_hundred_pictures(marks: Path, tmp_path: Path) -> None:
    make_dataset(marks, tmp_path / "dataset", 300, seed=1)
    rows = analyze_and_kill(tmp_path / "dataset", tmp_path, 300, kills=2, workers=2, seed=1)
    assert rows[1]["same files"] == "yes"
    assert 0 < rows[0]["peak MB"] < 1000
    stats = json.loads((tmp_path / "quiet" / "stats.json").read_text())
    assert stats["pictures"]["unreadable"] == {"truncated": 1}
    assert stats["pictures"]["sizes"] == {"256×256": 299}
    assert stats["duplicates"]["near"]["groups"] > 0  # 30 marks, ten times each
