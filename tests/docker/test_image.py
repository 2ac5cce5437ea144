"""The steps of the image, without an engine: its install script, variables, entry point and health check.

As root the service runs as the image's user, under a file system that is read-only but for /tmp, as with
``read_only: true``; otherwise as whoever runs the tests.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
import httpx2 as httpx

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
USER = 10001
SEALED = r"""
case "$PYTHON" in /root/*)  # the interpreter of the tests, in a home that is closed to others
    mount --bind "$PYTHON" /mnt && mount -t tmpfs -o mode=755 tmpfs /root &&
    mkdir -p "$PYTHON" && mount --move /mnt "$PYTHON"
esac &&
mount -o remount,bind,ro / && mount --bind "$TREE" "$TREE" && mount -o remount,bind,ro "$TREE" &&
mount -t tmpfs -o mode=1777 tmpfs "$TMPDIR" && cd "$TREE/data" &&
exec setpriv --reuid=10001 --regid=10001 --clear-groups \
  --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
"""
PATIENCE = 300
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="images are Linux")]


def words(instruction: str) -> list[str]:
    """The JSON words of an instruction of the Dockerfile; the last one counts."""
    found = re.findall(rf"^ *{instruction} (\[.*\])$", DOCKERFILE, re.MULTILINE)
    return list(json.loads(found[-1]))


def can_seal() -> bool:
    tools = shutil.which("unshare") and shutil.which("setpriv")
    sealing = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return bool(tools) and os.geteuid() == 0 and subprocess.run(sealing, capture_output=True).returncode == 0


@dataclass(frozen=True)
class Image:
    """What the image holds, in a folder: its root."""

    root: Path

    def placed(self, text: str) -> str:
        """Paths of the image become paths below its root."""
        return re.sub(r"/(opt/marklens|data|keys)\b", rf"{self.root}/\1", text)

    def variables(self) -> dict[str, str]:
        """What the image sets, and what every process has."""
        block = re.search(r"^ENV (.*?)^[A-Z]", DOCKERFILE, re.MULTILINE | re.DOTALL)
        assert block
        given = dict(re.findall(r"([A-Z]+)=(\S+)", block[1].replace("\\\n", " ")))
        base = {"HOME": "/nonexistent", "TMPDIR": f"{self.root}/tmp"}
        base |= {"TREE": str(self.root), "PYTHON": sys.base_prefix}  # for SEALED
        placed = {name: self.placed(value).replace("$PATH", "/usr/bin:/bin") for name, value in given.items()}
        return base | placed

    def run(self, *arguments: str) -> str:
        """One command of the image."""
        command = [self.placed(f"/opt/marklens/bin/{words('ENTRYPOINT')[0]}"), *arguments]
        done = subprocess.run(command, env=self.variables(), capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def files(self) -> Mapping[str, tuple[int, int]]:
        """Everything but /tmp, with time and size."""
        found = (path for path in self.root.rglob("*") if "tmp" not in path.relative_to(self.root).parts[:1])
        return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in found}

    @contextmanager
    def serving(self) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
        """Start it as the engine would; its address and its process."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        command = [self.placed(word) for word in (*words("ENTRYPOINT"), *words("CMD"))]
        command = [word.replace("0.0.0.0", "127.0.0.1") for word in command] + ["--port", port]
        if can_seal():
            command = ["unshare", "--mount", "sh", "-c", SEALED, "sh", *command]
        else:
            command[0] = shutil.which(command[0], path=self.variables()["PATH"]) or command[0]
        process = subprocess.Popen(command, env=self.variables(), cwd=self.root)
        try:
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="module")
def image(index: Path) -> Iterator[Image]:
    """Installed by the very script of the image, out of what its .dockerignore lets in."""
    folder = Path(tempfile.mkdtemp(prefix="marklens-image"))
    folder.chmod(0o755)
    context = folder / "build"
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"]
    for name in allowed:
        (context / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, context / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, context / name)
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    target = folder / "opt" / "marklens"
    installing = re.search(r"^RUN (docker/install.sh) (\S+)$", DOCKERFILE, re.MULTILINE)
    assert installing and installing[2] == "/opt/marklens"
    subprocess.run([context / installing[1], target], env=clean | {"PYTHON": sys.executable}, check=True)
    shutil.rmtree(context)
    for name in ("data", "keys", "tmp"):
        (folder / name).mkdir()
    shutil.copytree(index, folder / "data" / "index")
    subprocess.run(["chmod", "-R", "a+rX", folder / "data"], check=True)
    (folder / "tmp").chmod(0o1777)
    yield Image(folder)
    shutil.rmtree(folder)


def test_it_serves_from_a_read_only_tree(image: Image, marks: Path) -> None:
    key = image.run("keys", "add", "desk", "--keys", image.placed("/keys/keys.json"))
    Path(image.placed("/keys/keys.json")).chmod(0o644)
    before = image.files()
    asks = {"Authorization": f"Bearer {key}"}
    with image.serving() as (address, process), httpx.Client(base_url=address, timeout=PATIENCE) as client:
        until_ready(client, process)
        check = [word.replace("http://127.0.0.1:8000", address) for word in health_check()]
        check[0] = image.placed(f"/opt/marklens/bin/{check[0]}")
        assert subprocess.run(check, env=image.variables()).returncode == 0
        picture = {"image": ("mark.png", (marks / "mark0003.png").read_bytes())}
        assert client.post("/search", files=picture).status_code == 401
        answer = client.post("/search", files=picture, headers=asks)
        assert answer.status_code == 200 and answer.json()["hits"][0]["id"] == "mark0003"
        if can_seal():
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert f"Uid:\t{USER}\t{USER}" in status and "CapBnd:\t0000000000000000" in status
    assert process.returncode in {0, -signal.SIGTERM}, "it ends in peace when told to"
    assert image.files() == before, "nothing was written outside /tmp"


def test_the_image_holds_what_serving_needs_and_no_more(image: Image) -> None:
    (packages,) = image.root.glob("opt/marklens/lib/python*/site-packages")
    installed = {path.name for path in packages.iterdir()}
    assert {"marklens", "fastapi", "psycopg", "faiss", "onnxruntime"} <= installed
    assert not {"torch", "pip", "pytest", "playwright"} & installed


def health_check() -> list[str]:
    found = re.search(r"^HEALTHCHECK .*?CMD (\[.*?\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found
    return list(json.loads(found[1]))


def until_ready(client: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, "it ended by itself"
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.ConnectError:
            pass
        time.sleep(0.2)
    raise AssertionError("it was never ready")
