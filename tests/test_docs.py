"""The documents say what is true: generated pages are fresh, shown commands exist, links lead somewhere."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {
    "demo", "search", "search-text", "evaluate", "train", "export", "dataset", "index", "serve", "keys",
    "watch",
}  # fmt: skip


def test_generated_pages_are_fresh() -> None:
    reference = runpy.run_path(str(ROOT / "docs" / "reference.py"))
    for file, page in reference["PAGES"].items():
        written = (ROOT / "docs" / file).read_text(encoding="utf-8")
        assert written == page(), f"docs/{file} is old: run python docs/reference.py"


def shown_commands(page: Path) -> list[list[str]]:
    """Every marklens command in a fenced block, as words."""
    blocks = re.findall(r"```(?:console|sh)?\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
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
        depth = 2 if words[1] in {"dataset", "index", "keys"} else 1
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
