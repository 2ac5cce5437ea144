"""What long jobs share: clean stops by signal, and the machine's load in the log."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import psutil
from loguru import logger

SAMPLE_SECONDS = 30.0


class StopFlag:
    """Set by the first SIGINT or SIGTERM; the job looks at it between two pieces of work."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        """Ask the job to stop after the piece in hand."""
        self._event.set()


@contextmanager
def graceful_stop() -> Iterator[StopFlag]:
    """Turn SIGINT and SIGTERM into a flag while the block runs; a second SIGINT stops at once.

    Outside the main thread, where signals cannot be caught, the flag simply stays unset.
    """
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        if flag and number == signal.SIGINT:
            raise KeyboardInterrupt
        logger.warning("{}: finishing the piece in hand, then stopping", signal.Signals(number).name)
        flag.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def sampled_resources(job: str, done: Callable[[], int], every: float = SAMPLE_SECONDS) -> Iterator[None]:
    """Log CPU, memory, GPU and pictures per second of this process tree every `every` seconds.

    Args:
        job: name of the job in the log.
        done: returns how many pictures are finished so far.
        every: seconds between samples.
    """
    ended = threading.Event()

    def sample() -> None:
        process, before = psutil.Process(), done()
        psutil.cpu_percent()
        while not ended.wait(every):
            now = done()
            logger.info(
                "{} resources: cpu {:.0f} %, ram {} MB, gpu {}, {:.1f} img/s",
                job, psutil.cpu_percent(), tree_memory(process) >> 20, _gpu_load(), (now - before) / every,
            )  # fmt: skip
            before = now

    thread = threading.Thread(target=sample, name=f"{job}-resources", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def tree_memory(process: psutil.Process) -> int:
    """Resident bytes of a process and its children."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += member.memory_info().rss
        except psutil.Error:  # it ended meanwhile
            continue
    return total


def _gpu_load() -> str:
    """Utilisation and memory of the first NVIDIA GPU, or ``none``."""
    import pynvml

    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(0)
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        load = pynvml.nvmlDeviceGetUtilizationRates(handle)
        return f"{load.gpu} %, vram {int(memory.used) >> 20} of {int(memory.total) >> 20} MB"
    except pynvml.NVMLError:
        return "none"
