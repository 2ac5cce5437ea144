"""The documents say what is true: generated pages are fresh, shown commands exist, links lead somewhere."""

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest
from tests.small_index import build

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {
    "demo", "search", "search-text", "evaluate", "train", "export", "dataset", "index", "serve", "keys",
    "vienna", "repeat",
    "watch",
}  # fmt: skip


def test_generated_pages_are_fresh() -> None:
    reference = runpy.run_path(str(ROOT / "docs" / "reference.py"))
    for file, page in reference["PAGES"].items():
        written = (ROOT / "docs" / file).read_text(encoding="utf-8")
        assert written == page(), f"docs/{file} is old: run python docs/reference.py"


def shown_commands(page: Path) -> list[list[str]]:
    """Every marklens command in a fenced block, as words."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = [
        line for kind, block in blocks if kind in {"", "bash", "console", "sh"} for line in block.splitlines()
    ]
    return [
        shlex.split(line.split("&&")[-1]) for line in lines if re.match(r"\s*(.venv/bin/)?marklens ", line)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_shown_exist(page: Path) -> None:
    from marklens.cli.main import run

    for words in shown_commands(page):
        if page.name == "commands.md":
            continue  # made by the generator
        assert words[1] in COMMANDS
        depth = 2 if words[1] in {"dataset", "index", "keys", "vienna"} else 1
        names = words[2].split("|") if depth == 2 else [""]
        for name in names:
            assert run([words[1], *([name] if name else []), "--help"]) == 0
        options = {word for word in words if word.startswith("--")}
        help_page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
        assert all(f"`{option}" in help_page for option in options), options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "http://")):
            assert (page.parent / target).exists(), target


def test_the_python_in_the_docs_runs(marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of the page are one program."""
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    rows = [{"file": str(path), "vienna_codes": ["26.04.01"]} for path in sorted(marks.glob("*.png"))[:12]]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    build(tmp_path / "my-index", tmp_path / "manifest.jsonl")
    for name, mark in {"logo.png": "mark0003.png", "logo-black.png": "mark0004.png"}.items():
        (tmp_path / name).symlink_to(marks / mark)
    monkeypatch.chdir(tmp_path)
    known: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), known)
    assert len(blocks) >= 5


def test_tests_that_are_named_are_there() -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", (ROOT / "docs" / "compared.md").read_text())
    assert len(named) >= 16
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(), (file, test)
