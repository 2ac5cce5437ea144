"""Pictures of strangers are decoded in processes of their own: what kills or hangs one costs one picture.

A worker process imports this module, so it reaches nothing that is slow to load.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import LifoQueue

from loguru import logger

from marklens.core.errors import ModelError, PictureError
from marklens.core.images import decode
from marklens.core.types import Crop, Pixels
from marklens.core.worker import Worker, WorkerLost

MEMORY = 1 << 30
"""Bytes of address space beyond what a worker has when it starts; 50 million pixels take 800 MB."""
PLAIN = b"P6"
"""No picture, and quickly seen to be none."""
BROKEN_OFF = "its decoding was broken off: try again"


def decoding_worker(timeout: float) -> Worker:
    """A process that decodes for `decode_with`, a picture in `timeout` seconds at most."""
    return Worker(_guarded, timeout)


def decode_with(worker: Worker, data: bytes, crop: Crop | None = None) -> Pixels:
    """Decode the bytes of one picture, see `core.images.decode`.

    Raises:
        PictureError: as there, and of the kind ``hung`` where it took too long, ``crashed`` where it ended
            its worker, ``killed`` where something else did.
        ModelError: the worker cannot be started.
    """
    try:
        answer: Pixels | PictureError = worker.run(_decoded, (data, crop))
    except WorkerLost as lost:
        logger.warning("a picture was given up: its worker {}", lost)
        if lost.hung:
            raise PictureError("hung", "decoding it takes too long") from None
        if not lost.killed:
            raise PictureError("crashed", "decoding it fails beyond repair") from None
        raise PictureError("killed", BROKEN_OFF) from None
    if isinstance(answer, PictureError):
        raise answer
    return answer


class Decoder:
    """Decodes pictures as `core.images.decode` does, but not in this process.

    Each worker process is spoken to by a thread that lives as long as it: Linux ends a worker that asked to
    die with its parent when the thread that started it ends.

    Args:
        workers: pictures that are decoded at once.
        timeout: seconds that one may take.
    """

    def __init__(self, workers: int, timeout: float) -> None:
        self._workers = [decoding_worker(timeout) for _ in range(workers)]
        self._idle: LifoQueue[Worker] = LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, "decoding")

    def start(self) -> None:
        """Start every worker now, rather than at the first picture that needs it."""
        for waiting in [self._threads.submit(self._run, worker, PLAIN, None) for worker in self._workers]:
            with suppress(PictureError):
                waiting.result()

    def decode(self, data: bytes, crop: Crop | None = None) -> Pixels:
        """Decode the bytes of one picture.

        Raises:
            PictureError: see `decode_with`.
        """
        return self._threads.submit(self._lent, data, crop).result()

    def close(self) -> None:
        """End the workers; no picture may be under way."""
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown()
        for worker in self._workers:
            worker.close()

    def _lent(self, data: bytes, crop: Crop | None) -> Pixels:
        worker = self._idle.get()
        try:
            return self._run(worker, data, crop)
        finally:
            self._idle.put(worker)

    def _run(self, worker: Worker, data: bytes, crop: Crop | None) -> Pixels:
        try:
            return decode_with(worker, data, crop)
        except ModelError as error:
            logger.error("{}", error)
            raise PictureError("killed", BROKEN_OFF) from error


def _guarded() -> Callable[[bytes, Crop | None], Pixels]:
    """What a worker works with, after it has bounded its own memory."""
    try:
        import resource

        most = _address_space() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        pass  # no such limits on this system; the limit of time holds everywhere
    return decode


def _address_space() -> int:
    import psutil

    return int(psutil.Process().memory_info().vms)


def _decoded(
    upload: tuple[bytes, Crop | None], decoding: Callable[[bytes, Crop | None], Pixels]
) -> Pixels | PictureError:
    """In the worker: a picture, or why there is none."""
    try:
        return decoding(*upload)
    except PictureError as error:
        return error
    except MemoryError:
        return PictureError("too-large", "out of memory while decoding")
    except Exception as error:  # one picture never costs the worker
        return PictureError("damaged", f"{type(error).__name__}: {error}")
