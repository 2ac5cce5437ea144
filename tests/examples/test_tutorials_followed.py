"""The commands of the tutorials, one after the other, as they stand there."""

import json
import shutil
from pathlib import Path

import pytest
from tests.small_index import draw_marks
from tests.test_docs import ROOT, shown_commands

from marklens.cli.main import run

DOCS = ROOT / "docs"
SERVED = "serve"
"""Does not end by itself; tests/api/test_running_service.py starts it."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the tutorials take for granted: the demo, and a table of one's own marks."""
    pytest.importorskip("simple_icons_pack", reason="the extra demo is not installed")
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MARKLENS_BUILD__WORKERS", "0")
        assert run(["demo", "--limit", "160"]) == 0
    draw_marks(folder / "images", 24)
    rows = [
        {"file": f"images/{path.name}", "id": f"EM{number:09}", "vienna_codes": ["26.04.02"], "year": 2019}
        for number, path in enumerate(sorted((folder / "images").glob("*.png")), start=18_000_001)
    ]
    for name, part in {"marks.jsonl": rows[:20], "new-marks.jsonl": rows[20:]}.items():
        (folder / name).write_text("\n".join(map(json.dumps, part)))
    shutil.copytree(folder / "images", folder / "my-marks")
    (folder / "groups.json").write_text(json.dumps({"acme": ["mark0000.png", "mark0001.png"]}))
    (folder / "logo.png").symlink_to(folder / "images" / "mark0003.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name, section", [("searcher", 7), ("engineer", 7), ("researcher", 2)])
def test_its_commands_succeed(
    name: str, section: int, desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to a section: what comes then trains a network."""
    page = (DOCS / f"tutorial-{name}.md").read_text(encoding="utf-8").split(f"\n## {section}.")[0]
    shown = tmp_path / "shown.md"
    shown.write_text(page, encoding="utf-8")
    commands = [words[1:] for words in shown_commands(shown) if words[1] != SERVED]
    assert len(commands) >= 3
    monkeypatch.chdir(desk)
    monkeypatch.setenv("MARKLENS_BUILD__WORKERS", "0")
    if any("MY-INDEX" in command for command in commands):
        assert run(["index", "build", "marks.jsonl", "--index", "MY-INDEX"]) == 0
    for command in commands:
        assert run(command) == 0, command
    shutil.rmtree(desk / "my-index", ignore_errors=True)
