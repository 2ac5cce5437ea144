"""Writes the pages that follow from others: commands.md, settings.md, and index.md from the README.

python docs/reference.py
"""

import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from marklens.settings import Settings

HERE = Path(__file__).parent


def index_page() -> str:
    """The README as the site's first page: its links start from docs/."""
    text = (HERE.parent / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    return text.replace("[CONTRIBUTING](CONTRIBUTING.md)", "CONTRIBUTING")


def commands_page() -> str:
    """Markdown of every command's help, by typer's own generator."""
    command = [sys.executable, "-m", "typer", "marklens.cli.main", "utils", "docs", "--name", "marklens"]
    done = subprocess.run([*command, "--title", "Commands"], capture_output=True, text=True, check=True)
    return done.stdout.rstrip() + "\n"


def settings_page() -> str:
    """Markdown of every setting."""
    parts = [
        "# Settings\n\n"
        "Strongest first: flags of a command, environment variables, `marklens.toml` in the working folder "
        "(or the file that `MARKLENS_CONFIG` names). An unknown key is an error.\n\n"
        "```toml\n[views]\nmargin = 8\n```\n\n```\nMARKLENS_VIEWS__MARGIN=8 marklens index build …\n```\n"
    ]
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        parts.append(f"## `[{section}]`\n\n{model.__doc__}\n")
        rows = [_row(section, name, value) for name, value in model.model_fields.items()]
        parts.append("| setting | default | meaning |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _row(section: str, name: str, field: FieldInfo) -> str:
    default = "every core" if field.default_factory else field.default
    return f"| `MARKLENS_{section.upper()}__{name.upper()}` | {default} | {field.description} |"


PAGES = {"index.md": index_page, "commands.md": commands_page, "settings.md": settings_page}

if __name__ == "__main__":
    for file, page in PAGES.items():
        (HERE / file).write_text(page(), encoding="utf-8")
