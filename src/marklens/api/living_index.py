"""The index that is served: opened again when it changes, without dropping a search."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from marklens.core.errors import ArtifactError
from marklens.engine import Engine
from marklens.indexing.folder import IndexFolder, is_locked

Stamp = tuple[int, int, int]


@dataclass(slots=True)
class _Generation:
    """An open index and how many searches use it."""

    engine: Engine
    stamp: Stamp | None
    users: int = 0
    retired: bool = False


class LivingIndex:
    """Lends the engine of the index as it is now.

    Args:
        manifest: whose change means another index.
        open_engine: opens it, ready for the first search.
    """

    def __init__(self, manifest: Path, open_engine: Callable[[], Engine]) -> None:
        self._manifest, self._open = manifest, open_engine
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._now: _Generation | None = None
        self.openings = 0
        """How often the index was opened."""
        self.trouble: str | None = None
        """Why the index as it is on the disk could not be opened at the last look."""

    @property
    def ready(self) -> bool:
        """Whether an index is open."""
        return self._now is not None

    @contextmanager
    def lent(self) -> Iterator[Engine]:
        """The engine; it stays open until the block ends, whatever happens to the index.

        Raises:
            ArtifactError: no index is open.
        """
        with self._lock:
            generation = self._now
            if generation is None:
                raise ArtifactError("the index is not open")
            generation.users += 1
        try:
            yield generation.engine
        finally:
            with self._lock:
                generation.users -= 1
                last = generation.retired and generation.users == 0
            if last:
                generation.engine.close()

    def refresh(self) -> bool:
        """Open the index if it has changed, or is not open; the old one serves until the new one is ready.

        Returns:
            whether another index serves now.

        Raises:
            MarklensError: it cannot be opened; what is open goes on serving.
        """
        with self._opening:
            stamp = self._stamp()
            if self._now is not None and stamp == self._now.stamp:
                return False
            self._swap(_Generation(self._open(), stamp))
            self.openings += 1
            return True

    def follow(self) -> None:
        """`refresh`, but an index that cannot be opened yet is only noted."""
        try:
            if self.refresh():
                logger.info("the index is open")
            self.trouble = None
        except Exception as error:  # whatever it is, the next look may find the index whole
            if is_locked(IndexFolder(self._manifest.parent)):
                return  # it is being changed, which ends
            if str(error) != self.trouble:
                logger.warning("the index cannot be opened now, trying again: {}", error)
            self.trouble = str(error)

    def close(self) -> None:
        """Close it when its last search is done."""
        self._swap(None)

    def _swap(self, new: _Generation | None) -> None:
        with self._lock:
            old, self._now = self._now, new
            if old is not None:
                old.retired = True
            idle = old is not None and old.users == 0
        if old is not None and idle:
            old.engine.close()

    def _stamp(self) -> Stamp | None:
        try:
            found = self._manifest.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
