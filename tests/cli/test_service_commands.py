"""`marklens serve` and `marklens keys`: what they refuse, and the life of a key."""

import json
from pathlib import Path

import pytest

from marklens.cli.main import run


def test_nobody_from_outside_comes_in_without_keys(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--index", str(index), "--host", "0.0.0.0"]) == 2
    assert "--keys" in capsys.readouterr().err


def test_a_missing_index_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
    assert run(["serve", "--index", str(tmp_path)]) == 2
    assert "there is no index" in capsys.readouterr().err


def test_a_missing_extra_is_named(
    index: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    assert run(["serve", "--index", str(index)]) == 2
    assert "marklens[serve]" in capsys.readouterr().err


def test_the_life_of_a_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys.json"
    assert run(["keys", "add", "desk", "--keys", str(file), "--days", "30"]) == 0
    key = capsys.readouterr().out.strip()
    (kept,) = json.loads(file.read_text())["keys"]
    assert key.startswith("mlk_") and key not in file.read_text() and kept["scopes"] == ["read"]
    assert run(["keys", "list", "--keys", str(file)]) == 0
    assert "desk" in capsys.readouterr().out
    assert run(["keys", "end", kept["id"], "--keys", str(file)]) == 0
    assert run(["keys", "end", "nobody", "--keys", str(file)]) == 2
    file.write_text("{}")
    assert run(["keys", "list", "--keys", str(file)]) == 1
