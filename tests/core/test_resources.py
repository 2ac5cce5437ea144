"""Clean stops and the machine's load in the log."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from loguru import logger

from marklens.core.resources import StopFlag, graceful_stop, sampled_resources, tree_memory


def test_the_flag() -> None:
    flag = StopFlag()
    assert not flag
    flag.set()
    assert flag


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_flag_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with graceful_stop() as flag:
        assert not flag
        os.kill(os.getpid(), number)
        assert flag
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_stops_at_once_and_the_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), graceful_stop() as flag:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)  # asked again, politely: still finishing
        assert flag
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_the_flag_stays_unset() -> None:
    seen: list[bool] = []

    def work() -> None:
        with graceful_stop() as flag:
            seen.append(bool(flag))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_samples_are_logged_with_the_speed() -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}", level="INFO")
    done = 0
    try:
        with sampled_resources("build", lambda: done, every=0.2):
            time.sleep(0.1)
            done = 20  # in the first 0.2 seconds: 100 a second
            time.sleep(0.45)
    finally:
        logger.remove(sink)
    assert lines[0].startswith("build resources: cpu ")
    assert lines[0].rstrip().endswith("100.0 img/s")
    assert lines[1].rstrip().endswith(" 0.0 img/s")
    assert not [thread for thread in threading.enumerate() if thread.name == "build-resources"]


def test_memory_of_the_whole_tree() -> None:
    process = psutil.Process()
    alone = tree_memory(process)
    script = "data = b'x' * 50_000_000; print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert tree_memory(process) > alone + 45_000_000
        child.kill()
