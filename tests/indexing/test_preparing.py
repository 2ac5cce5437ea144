"""Worker processes that raise, crash, hang, get signals or lose their parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from marklens.core.errors import ModelError
from marklens.core.types import Mark, Pixels
from marklens.core.worker import Worker
from marklens.indexing.preparing import InProcessPreparer, PoolPreparer
from marklens.preprocessing.pipeline import PreparedMark, ViewMaker, ViewOptions
from marklens.preprocessing.prepared import Prepared
from marklens.preprocessing.text_detector import NoDetector

CRASH, EXIT, HANG, RAISE, MEMORY, CTRL_C = range(201, 207)
"""The shade of the square in a picture tells the moody maker what to do."""


class MoodyMaker(ViewMaker):
    def prepare(self, picture: Pixels, read: bool = False) -> PreparedMark:
        mood = int(picture[20, 20, 0])
        if mood == CRASH:
            os.kill(os.getpid(), signal.SIGSEGV)
        if mood == EXIT:
            os._exit(3)
        if mood == HANG:
            time.sleep(1000)
        if mood == RAISE:
            raise ValueError("in a mood")
        if mood == MEMORY:
            np.empty(1 << 60, np.uint8)
        if mood == CTRL_C:
            os.kill(os.getpid(), signal.SIGINT)
        return super().prepare(picture, read)


def make_moody() -> ViewMaker:
    return MoodyMaker(ViewOptions(detector="none"), NoDetector())


def make_nothing(reason: str) -> ViewMaker:
    raise ModelError(reason)


def make_and_die() -> ViewMaker:
    os._exit(7)


def mark(folder: Path, name: str, shade: int) -> Mark:
    path = folder / f"{name}.png"
    folder.mkdir(exist_ok=True)
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[10:30, 10:30] = (shade, 0, 0)
    Image.fromarray(picture).save(path)
    return Mark(id=name, file=path.name, path=path)


def marks(folder: Path, *shades: int) -> list[Mark]:
    return [mark(folder, f"m{index}", shade) for index, shade in enumerate(shades)]


def groups(items: Sequence[Mark], size: int) -> Iterator[Sequence[Mark]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def faults(prepared: Sequence[Prepared]) -> dict[str, str]:
    return {item.mark.id: item.fault.kind for item in prepared if item.fault is not None}


def workers_alive() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            command = " ".join(child.cmdline())
        except psutil.Error:
            continue
        if "spawn_main" in command:
            found.append(child)
    return found


@pytest.fixture
def pool() -> Iterator[PoolPreparer]:
    preparer = PoolPreparer(make_moody, workers=2, timeout=2.0)
    yield preparer
    preparer.close()
    assert not workers_alive()


def test_pool_and_process_agree(tmp_path: Path, pool: PoolPreparer) -> None:
    items = marks(tmp_path, *range(0, 150, 10))
    ours = [item for group in pool.prepare(groups(items, 4)) for item in group]
    theirs = [item for group in InProcessPreparer(make_moody).prepare(groups(items, 4)) for item in group]
    assert [item.mark.id for item in ours] == [item.id for item in items]
    for one, other in zip(ours, theirs, strict=True):
        assert one.result is not None and other.result is not None
        assert one.result.views[0].pixels.tobytes() == other.result.views[0].pixels.tobytes()
        assert one.decode_seconds > 0


@pytest.mark.slow
def test_each_bad_picture_costs_itself_only_and_the_order_is_kept(tmp_path: Path, pool: PoolPreparer) -> None:
    items = marks(tmp_path, 0, CRASH, 1, 2, EXIT, RAISE, 3, HANG, 4, MEMORY, CTRL_C, 5)
    (tmp_path / "m6.png").write_bytes(b"no picture")
    done = [item for group in pool.prepare(groups(items, 3)) for item in group]
    assert [item.mark.id for item in done] == [item.id for item in items]
    assert faults(done) == {
        "m1": "worker-died", "m4": "worker-died", "m5": "failed", "m6": "not-a-picture", "m7": "worker-hung",
        "m9": "failed",
    }  # fmt: skip
    reasons = {item.mark.id: item.fault.reason for item in done if item.fault is not None}
    assert reasons["m1"] == "its worker died of signal SIGSEGV"
    assert reasons["m4"] == "its worker died with exit status 3"
    assert reasons["m7"] == "its worker hung for more than 2 seconds"
    assert reasons["m5"] == "ValueError: in a mood"
    # and the pool goes on
    again = [item for group in pool.prepare(groups(items[:1], 1)) for item in group]
    assert faults(again) == {}


def test_only_the_guilty_worker_is_started_anew(tmp_path: Path, pool: PoolPreparer) -> None:
    list(pool.prepare(groups(marks(tmp_path, *range(8)), 1)))
    before = {process.pid for process in workers_alive()}
    list(pool.prepare([[mark(tmp_path, "hang", HANG)]]))
    list(pool.prepare(groups(marks(tmp_path, *range(8)), 1)))
    assert len(before & {process.pid for process in workers_alive()}) == len(before) - 1


def test_groups_are_taken_as_they_are_needed(tmp_path: Path, pool: PoolPreparer) -> None:
    taken = 0

    def endless() -> Iterator[Sequence[Mark]]:
        nonlocal taken
        items = marks(tmp_path, 7)
        while True:
            taken += 1
            yield items

    prepared = pool.prepare(endless())
    for expected in range(1, 20):
        next(prepared)
        assert taken <= expected + 2 * 2
    prepared.close()  # type: ignore[attr-defined]


def test_a_factory_that_fails_says_why() -> None:
    for factory, reason in (
        (partial(make_nothing, "no network here"), "no network here"),
        (make_and_die, "status 7"),
    ):
        preparer = PoolPreparer(factory, workers=1, timeout=5)
        try:
            with pytest.raises(ModelError, match=reason):
                list(preparer.prepare([[Mark("a", "a.png", Path("a.png"))]]))
        finally:
            preparer.close()


def test_closing_in_the_middle_of_a_hang_returns_at_once(tmp_path: Path) -> None:
    preparer = PoolPreparer(make_moody, workers=1, timeout=1000)
    prepared = preparer.prepare(groups(marks(tmp_path, 0, HANG, HANG, HANG), 1))
    next(prepared)
    started = time.monotonic()
    preparer.close()
    assert time.monotonic() - started < 5
    assert not workers_alive()


MARKLENS = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
from marklens.cli.main import main
main()
"""

PARENT = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
sys.path[:0] = [{tests!r}]
from pathlib import Path
import test_preparing as t

def main() -> None:
    folder = Path({folder!r})
    items = [t.mark(folder, "ok", 1), *(t.mark(folder, f"m{{i}}", t.{mood}) for i in range(6))]
    preparer = t.PoolPreparer(t.make_moody, 2, 1000)
    try:
        for group in preparer.prepare([[item] for item in items]):
            print("ready", flush=True)
    finally:
        preparer.close()

if __name__ == "__main__":
    main()
"""


def start_parent(folder: Path, mood: str) -> tuple["subprocess.Popen[str]", list[psutil.Process]]:
    script = folder / "parent.py"
    script.write_text(PARENT.format(tests=str(Path(__file__).parent), folder=str(folder), mood=mood))
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ready\n"
    time.sleep(0.5)
    return parent, psutil.Process(parent.pid).children(recursive=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_worker_outlives_its_parent(tmp_path: Path, number: signal.Signals) -> None:
    parent, children = start_parent(tmp_path, "HANG")  # the workers are busy and read no message
    assert parent.stdout is not None
    try:
        if number == signal.SIGINT:
            os.killpg(parent.pid, number)  # as a terminal does: to parent and workers
        else:
            parent.send_signal(number)
        parent.wait(60)
        assert children
        _, alive = psutil.wait_procs(children, timeout=30)
        assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    finally:
        for process in children:
            if process.is_running():
                process.kill()
        parent.kill()
        parent.wait()
        parent.stdout.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_workers_start_stops_in_one_line(tmp_path: Path, number: signal.Signals) -> None:
    marks(tmp_path / "marks", *range(20))
    build_it = ("index", "build", "marks", "--index", "index", "--workers", "2")
    command = [sys.executable, "-c", MARKLENS, *build_it]
    build = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not workers_alive():
        time.sleep(0.01)
    os.killpg(build.pid, number)  # as a terminal does: to parent and workers
    _, errors = build.communicate(timeout=120)
    assert build.returncode == 1
    assert errors.splitlines()[-1].startswith("marklens: stopped, and every finished chunk is kept")
    assert "Traceback" not in errors
    assert "Process" not in errors


def make_at_second_try(flag: str) -> ViewMaker:
    if not os.path.exists(flag):
        with open(flag, "w"):
            pass
        os.kill(os.getpid(), signal.SIGKILL)
    return make_moody()


def name_of_tool(_: None, tool: ViewMaker) -> str:
    return type(tool).__name__


def make_never() -> ViewMaker:
    os.kill(os.getpid(), signal.SIGKILL)
    return make_moody()


def test_a_worker_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    worker = Worker(partial(make_at_second_try, str(tmp_path / "flag")), 60)
    assert worker.run(name_of_tool, None) == "MoodyMaker"
    worker.close()
    hopeless = Worker(make_never, 60)
    with pytest.raises(ModelError, match="cannot start: it died of signal SIGKILL"):
        hopeless.run(name_of_tool, None)
    hopeless.close()
