"""Builds on a real Ray of two cores: the same index as on this machine alone, whatever dies meanwhile."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from tests.indexing.test_builder import content
from tests.small_index import Silent, build, draw_marks, quick_settings

from marklens import assembly, build_assembly
from marklens.core.errors import ClusterError, IndexMismatchError, Interrupted, MissingExtraError, UsageError
from marklens.core.resources import StopFlag
from marklens.datasets.opening import open_dataset
from marklens.indexing import ray_cluster
from marklens.indexing.builder import BuildReport
from marklens.indexing.ray_actors import Failed, PreparingActor, packed, unpacked
from marklens.indexing.ray_cluster import Cluster, connected, shares
from marklens.settings import PatchSettings, Settings

pytest.importorskip("ray", reason="the extra 'cluster' is not installed")
pytestmark = pytest.mark.filterwarnings("default")  # Ray's own warnings are Ray's


STARTS = 3
"""Ray gives its own parts 30 seconds to start, which a busy machine may not."""


@pytest.fixture(scope="module")
def head() -> Iterator[subprocess.Popen[bytes]]:
    """A Ray head of two cores that this process is connected to; the tests of this file share it."""
    import ray

    for _ in range(STARTS):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with _head(port) as process:
            if _connected(process, f"127.0.0.1:{port}"):
                yield process
                ray.shutdown()
                return
    pytest.fail(f"Ray did not start in {STARTS} tries")


@contextmanager
def _head(port: int) -> Iterator[subprocess.Popen[bytes]]:
    arguments = f"start --head --block --num-cpus=2 --num-gpus=0 --node-ip-address=127.0.0.1 --port={port}"
    quiet = ["--include-dashboard=false", "--disable-usage-stats"]
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # pytest's own would be too long for a socket's name
    command = [
        sys.executable,
        "-m",
        "ray.scripts.scripts",
        *arguments.split(),
        *quiet,
        f"--temp-dir={folder}",
    ]
    nowhere, open_to_all = subprocess.DEVNULL, {**os.environ, "RAY_AUTH_MODE": "disabled"}
    with subprocess.Popen(
        command, stdout=nowhere, stderr=nowhere, start_new_session=True, env=open_to_all
    ) as process:
        try:
            yield process
        finally:
            parts = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.terminate()
            process.wait()
            for part in psutil.wait_procs(parts, timeout=10)[1]:
                part.kill()
            shutil.rmtree(folder, ignore_errors=True)


def _connected(head: subprocess.Popen[bytes], address: str) -> bool:
    import ray
    import ray.data  # its log is made quiet, too

    while head.poll() is None:
        try:
            ray_cluster._require_head(address)
            ray_cluster._connect(ray, address)
            return True
        except ClusterError:
            sleep(1)
    return False


@pytest.fixture(scope="module")
def marks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_marks(tmp_path_factory.mktemp("marks"), 24)


@pytest.fixture(scope="module")
def index(marks: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build on this machine alone makes of them."""
    folder = tmp_path_factory.mktemp("index")
    build(folder, marks, settings())
    return folder


def settings(chunk: int = 4) -> Settings:
    """Small chunks, and no words are read: that would take longest, and is the same everywhere."""
    quick = quick_settings(read=False)
    return quick.model_copy(update={"build": quick.build.model_copy(update={"chunk": chunk})})


def build_on_ray(
    index: Path, dataset: Path, progress: Silent | None = None, stop: StopFlag | None = None, chunk: int = 4
) -> BuildReport:
    marks, progress = open_dataset(dataset), progress or Silent()
    stop = StopFlag() if stop is None else stop  # one that is not set is false
    return build_assembly.build(index, marks, settings(chunk), None, progress, stop, None, "ray")


class KillsActors(Silent):
    """Kills every actor once, when the first chunk is there."""

    def __init__(self, head: int) -> None:
        super().__init__()
        self._head, self.killed = head, []

    def advance(self, steps: int, skipped: bool = False) -> None:
        super().advance(steps, skipped)
        if not self.killed:
            self.killed = list(_kill_actors(self._head))


def _kill_actors(head: int) -> Iterator[str]:
    for process in psutil.Process(head).children(recursive=True):
        try:
            title = " ".join(process.cmdline())
            if title.startswith("ray::MapWorker"):
                process.send_signal(signal.SIGKILL)
                yield title
        except psutil.Error:  # it ended by itself
            continue


@pytest.mark.slow
def test_actors_that_are_killed_change_nothing(
    head: subprocess.Popen[bytes], marks: Path, index: Path, tmp_path: Path
) -> None:
    progress = KillsActors(head.pid)
    report = build_on_ray(tmp_path / "index", marks, progress)
    # those that prepare too, unless they were through with 24 marks by then
    assert any("DescribingActor" in name for name in progress.killed)
    assert report.described == 24
    assert content(tmp_path / "index") == content(index)
    assert {"decode", "detect", "embed", "write"} <= set(report.manifest.seconds)


@pytest.mark.slow
def test_a_stopped_build_goes_on_here_or_there(head: object, marks: Path, tmp_path: Path) -> None:
    stop, index, alone = StopFlag(), tmp_path / "index", tmp_path / "alone"

    class Stops(Silent):
        def advance(self, steps: int, skipped: bool = False) -> None:
            stop.set()

    with pytest.raises(Interrupted, match="resume"):
        build_on_ray(index, marks, Stops(), stop, chunk=1)
    kept = len(list((index / "chunks").iterdir()))
    report = build(index, marks, settings(chunk=1))
    build(alone, marks, settings(chunk=1))  # sums over other chunks would be rounded otherwise
    assert 1 <= kept < 24
    assert report.described == 24 - kept
    assert content(index) == content(alone)
    assert build_on_ray(index, marks, chunk=1).changed is False  # Ray is not even asked


@pytest.mark.slow
def test_bad_pictures_cost_only_themselves(head: object, tmp_path: Path) -> None:
    marks = draw_marks(tmp_path / "marks", 6)
    (marks / "empty.png").write_bytes(b"")
    (marks / "words.jpg").write_bytes(b"not a picture at all")
    report = build_on_ray(tmp_path / "there", marks)
    build(tmp_path / "here", marks, settings())
    faults = (tmp_path / "there" / "errors.jsonl").read_text()
    assert {json.loads(line)["item"] for line in faults.splitlines()} == {"empty.png", "words.jpg"}
    assert faults == (tmp_path / "here" / "errors.jsonl").read_text()
    assert (report.manifest.counts["marks"], report.manifest.counts["faults"]) == (6, 2)
    assert content(tmp_path / "there") == content(tmp_path / "here")


@pytest.mark.slow
def test_a_machine_that_cannot_do_the_work_says_so_in_one_line(
    head: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks, network = draw_marks(tmp_path / "marks", 2), tmp_path / "network.onnx"
    network.symlink_to(assembly.bundled_weights())
    monkeypatch.setenv("MARKLENS_MODEL__WEIGHTS", str(network))

    class Vanishes(Silent):
        def start(self, stage: str, total: int | None) -> None:
            network.unlink(missing_ok=True)  # this process has read it

    with pytest.raises(ClusterError, match=rf"^{socket.gethostname()}: no network at ") as caught:
        build_on_ray(tmp_path / "index", marks, Vanishes())
    assert "\n" not in str(caught.value)


def test_machines_with_another_marklens_are_refused() -> None:
    ours = settings()
    embedder = assembly.make_embedder(ours)
    recipe = assembly.make_recipe(ours, embedder, None)
    with pytest.raises(IndexMismatchError, match=r"patches\.dims: 96 against None.*install the same"):
        build_assembly._describer_there(ours, recipe)
    bare = ours.model_copy(update={"patches": PatchSettings(dims=0)})
    assert build_assembly._describer_there(bare, recipe).size == embedder.size
    with pytest.raises(IndexMismatchError, match=r"preprocessing\.margin: 9 against 0"):
        build_assembly._preparer_there(
            assembly.view_options(quick_settings(margin=9, read=False)), recipe, 1.0
        )


def test_errors_are_rows() -> None:
    def fail() -> Any:
        raise MissingExtraError("this", "that")

    first = PreparingActor(fail)(packed([None, Failed("earlier")]))
    reasons = [content.reason for content in unpacked(first)]
    assert reasons == [f"{socket.gethostname()}: {MissingExtraError('this', 'that')}", "earlier"]


@pytest.mark.parametrize(
    ("asked", "cpus", "gpus", "expected"),
    [
        (Cluster(), 32, 0, (32, 2, 0)),
        (Cluster(), 32, 4, (32, 4, 1)),
        (Cluster(gpus=0.5), 32, 4, (32, 8, 0.5)),
        (Cluster(gpus=0), 32, 4, (32, 2, 0)),
        (Cluster(workers=3, actors=5), 1, 0, (3, 5, 0)),
        (Cluster(), 0, 0, (1, 1, 0)),
    ],
)
def test_a_cluster_is_shared_out(
    asked: Cluster, cpus: int, gpus: int, expected: tuple[int, int, float]
) -> None:
    node = {"Alive": True, "Resources": {"CPU": cpus / 2}}
    held = SimpleNamespace(
        cluster_resources=lambda: {"CPU": cpus, "GPU": gpus},
        nodes=lambda: [node, node, {"Alive": False, "Resources": {"CPU": 8}}],
    )
    found = shares(held, asked)
    assert (found.workers, found.actors, found.gpus) == expected
    with pytest.raises(UsageError, match=r"cluster\.gpus is 5, the cluster has"):
        shares(held, Cluster(gpus=5))


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'marklens\[cluster\]'"), connected(None):
        pass


BAD_ADDRESSES = {
    "ray://head:10001": (2, "no address of a Ray cluster"),
    "head": (2, "no address of a Ray cluster"),
    "127.0.0.1:1": (1, "no Ray cluster answers at 127.0.0.1:1"),
}


def command(index: Path, marks: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    arguments = ["-m", "marklens", "index", "build", str(marks), "--index", str(index), "--on", "ray"]
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_a_bad_address_is_one_line(marks: Path, tmp_path: Path, address: str) -> None:
    status, message = BAD_ADDRESSES[address]
    done = command(tmp_path, marks, MARKLENS_CLUSTER__ADDRESS=address)
    lines = [line for line in done.stderr.splitlines() if not line[0].isdigit()]  # the log begins with a time
    assert (done.returncode, done.stdout, len(lines)) == (status, "", 1), done.stderr
    assert message in lines[0]


def test_a_cluster_that_died_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(ClusterError, match=r"127\.0\.0\.1:1, does not answer: 'ray stop' forgets it"):
        ray_cluster._require_own_head()


def test_what_listens_there_may_be_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterError, match="no head of a Ray cluster"):
            ray_cluster._require_head(address)
