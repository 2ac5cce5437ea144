"""The tutorial runs as it stands in git, and stands there without outputs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

TUTORIAL = Path(__file__).parent.parent.parent / "examples" / "tutorial.ipynb"


def cells(notebook: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_no_outputs_are_kept() -> None:
    notebook = json.loads(TUTORIAL.read_text(encoding="utf-8"))
    assert all(cell["outputs"] == [] for cell in cells(notebook, "code"))
    assert all(cell["execution_count"] is None for cell in cells(notebook, "code"))


@pytest.mark.slow
# jupyter_client and its event loop, not ours
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    pytest.importorskip("simple_icons_pack", reason="the extra demo is not installed")
    monkeypatch.setenv("MARKLENS_BUILD__WORKERS", "0")
    for home in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(home, os.fspath(tmp_path / home.lower()))
    notebook = nbformat.read(TUTORIAL, as_version=4)
    runner = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": os.fspath(tmp_path)}}
    )
    done = runner.execute()
    shown = {cell["id"]: cell["outputs"] for cell in cells(done, "code")}
    assert "data:image/webp" in shown["search"][-1]["data"]["text/html"]
    assert "<rect " in shown["explain"][-1]["data"]["text/html"]
    assert "'found first'" in shown["measure"][-1]["data"]["text/plain"]
    assert (tmp_path / "build" / "tutorial" / "airbnb.html").is_file()
