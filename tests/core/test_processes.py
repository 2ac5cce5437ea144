"""A worker ends with its parent, however that ended."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

PROGRAM = """
import multiprocessing, time
from marklens.core.processes import serve_parent

def work(ready):
    serve_parent()
    ready.set()
    time.sleep(600)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    worker = context.Process(target=work, args=(ready,))
    worker.start()
    ready.wait()
    print(worker.pid, flush=True)
    time.sleep(600)
"""


def test_a_killed_parent_leaves_no_worker(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PROGRAM, encoding="utf-8")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        worker.send_signal(signal.SIGINT)  # a Ctrl-C reaches the whole group; it is for the parent
        time.sleep(0.5)
        assert worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE
        parent.kill()
        psutil.wait_procs([worker], timeout=60)
        assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
