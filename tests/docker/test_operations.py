"""The commands of docs/operations.md, run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.postgres_server import Running
from tests.small_index import build, draw_marks, quick_settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("flock"), reason="the commands are those of Linux"),
]


def blocks(heading: str) -> list[str]:
    """The fenced commands of a section."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Runs commands in a folder of its own, with this Marklens and small settings."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "marklens").write_text(f'#!/bin/sh\nexec {sys.executable} -m marklens "$@"\n')
    (programs / "marklens").chmod(0o755)
    quick = {"MARKLENS_BUILD__WORKERS": "0", "MARKLENS_BUILD__GRAPH_THREADS": "1", "MARKLENS_PCA__DIMS": "16"}

    def run(commands: str, **more: str) -> str:
        path = f"{programs}:{more.pop('path', '')}:{os.environ['PATH']}"
        given = {**os.environ, **quick, "PYTHONPATH": str(ROOT / "src"), "PATH": path, **more}
        done = subprocess.run(
            ["bash", "-euc", commands], cwd=tmp_path, env=given, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_a_swap_and_the_way_back_answer_every_request(shell: Any, tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
    from tests.api.conftest import quick_service, running
    from tests.api.test_running_service import until

    pictures = draw_marks(tmp_path / "pictures", 12)
    build(tmp_path / "data" / "2026-11-23", draw_marks(tmp_path / "first", 5), quick_settings())
    served = tmp_path / "data" / "index"
    served.symlink_to("2026-11-23")
    image = {"image": ("mark.png", (pictures / "mark0001.png").read_bytes())}
    statuses, stop = [], threading.Event()
    service = quick_service(served, rate_address="1000000/minute")
    with running(service) as client, ThreadPoolExecutor(3) as pool:

        def ask(number: int) -> None:
            while not stop.is_set():
                fields = {"text": "Kiwi", "weight_text": str(number)}
                statuses.append(client.post("/search", files=image, data=fields).status_code)

        def serves(count: int) -> bool:
            return bool(client.get("/version").json()["marks"] == count)

        asking = [pool.submit(ask, number) for number in range(3)]
        try:
            until(lambda: serves(5))
            forward, back = blocks("Swap")
            shell(forward)
            until(lambda: serves(12), 60)
            shell(back)
            until(lambda: serves(5), 60)
        finally:
            stop.set()
        for each in asking:
            each.result()
    assert set(statuses) == {200} and len(statuses) > 10


def test_a_backup_is_restored(shell: Any, index: Path, tmp_path: Path) -> None:
    shutil.copytree(index, tmp_path / "data" / "2026-11-30")
    save, restore, *_ = blocks("Back up")
    shell(save)
    shell(restore)
    assert same(index, tmp_path / "restored" / "2026-11-30")


@pytest.mark.postgres
def test_a_backup_of_folder_and_table_is_restored_elsewhere(
    shell: Any, marks: Path, tmp_path: Path, postgres: Running
) -> None:
    binaries, url = str(postgres.binaries), postgres.server.url
    other = url.replace("/postgres?", "/restored?")
    variables = {"path": binaries, "MARKLENS_POSTGRES__URL": url, "OTHER_URL": other}
    shell(f"marklens index build {marks} --index data/vectors-in-pg --store pgvector", **variables)
    shell('psql --quiet --command "CREATE DATABASE restored" "$MARKLENS_POSTGRES__URL"', **variables)
    *_, save, restore = blocks("Back up")
    shell(save, **variables)
    shell('psql --quiet --command "DROP SCHEMA marklens CASCADE" "$MARKLENS_POSTGRES__URL"', **variables)
    shell(restore, **variables)
    search = f"marklens search {marks}/mark0003.png --index restored/vectors-in-pg --json"
    assert '"id": "mark0003"' in shell(search, **{**variables, "MARKLENS_POSTGRES__URL": other})
    shell('psql --quiet --command "DROP DATABASE restored" "$MARKLENS_POSTGRES__URL"', **variables)


def test_keys_are_made_and_listed(shell: Any) -> None:
    (commands,) = blocks("Keys")
    assert "desk" in shell(commands)


def same(one: Path, other: Path) -> bool:
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    return all((one / file).read_bytes() == (other / file).read_bytes() for file in files)
