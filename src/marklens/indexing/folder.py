"""What lies where in an index folder, and who may change it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from marklens.core.errors import UsageError
from marklens.retrieval.milvus import Milvus
from marklens.retrieval.postgres import Server

STORES = ("faiss", "pgvector", "milvus")
"""Where the vectors of an index can be: in its folder, in PostgreSQL, or in Milvus."""


@dataclass(frozen=True, slots=True)
class IndexFolder:
    """The names of the files of an index.

    Attributes:
        root: the folder.
        server: where PostgreSQL is; None if nobody said so, which is enough for vectors in the folder.
        milvus: where Milvus is, likewise.
    """

    root: Path
    server: Server | None = field(default=None, repr=False, compare=False)
    milvus: Milvus | None = field(default=None, repr=False, compare=False)

    def server_of(self, store: str) -> Server | Milvus | None:
        """Where the vectors of a kind of store are, if they are not in the folder."""
        return {"pgvector": self.server, "milvus": self.milvus}.get(store)

    @property
    def manifest(self) -> Path:
        """The description; written last."""
        return self.root / "manifest.json"

    @property
    def vectors(self) -> Path:
        """The vector store, or the file that says in which table or collection it is."""
        pointers = [self.vectors_of(store) for store in STORES[1:]]
        return next((path for path in pointers if path.is_file()), self.vectors_of(STORES[0]))

    def vectors_of(self, store: str) -> Path:
        """The file of a kind of vector store."""
        return self.root / f"vectors.{store}"

    @property
    def pca(self) -> Path:
        """The fitted reduction."""
        return self.root / "pca.safetensors"

    @property
    def catalog(self) -> Path:
        """The marks and their data."""
        return self.root / "catalog.sqlite"

    @property
    def patches(self) -> Path:
        """Patches and colours of the views; not every index has them, see `Recipe.patches`."""
        return self.root / "local" / "patches.safetensors"

    @property
    def texts(self) -> Path:
        """The texts of the marks with their sounds."""
        return self.root / "texts.safetensors"

    @property
    def errors(self) -> Path:
        """What could not be used, one JSON document a line."""
        return self.root / "errors.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the process that changes the index."""
        return self.root / ".lock"

    @property
    def derived(self) -> tuple[Path, ...]:
        """What is made from the chunks, and can be made again; every index has these."""
        return self.pca, self.vectors, self.catalog, self.texts

    def chunk(self, number: int) -> Path:
        """One finished piece of the build."""
        return self.root / "chunks" / f"{number:06d}.safetensors"

    def next_chunk(self, source: str) -> Path:
        """The chunk of marks with this fingerprint that waits for its place, see `settle`."""
        return self.root / "chunks" / "next" / f"{source}.safetensors"

    def next_chunks(self) -> list[Path]:
        """All that wait for their places."""
        return sorted((self.root / "chunks" / "next").glob("[!.]*.safetensors"))

    def settle(self, first: int, sources: Sequence[str]) -> None:
        """Put the chunks of these fingerprints that wait into their places, from the number `first` on.

        A process that is killed here can call it again.
        """
        for number, source in enumerate(sources, first):
            waiting = self.next_chunk(source)
            if waiting.is_file():
                waiting.replace(self.chunk(number))

    def sweep(self, count: int) -> None:
        """Delete what waits, and chunks from the number `count` on."""
        for stale in [*self.next_chunks(), *self.chunks_from(count)]:
            stale.unlink()

    def chunks(self, count: int) -> list[Path]:
        """The first `count` chunks."""
        return [self.chunk(number) for number in range(count)]

    def chunks_from(self, number: int) -> list[Path]:
        """Every chunk on the disk from this number on."""
        found = sorted((self.root / "chunks").glob("[0-9]*.safetensors"))
        return [path for path in found if int(path.stem) >= number]

    def temporary(self) -> list[Path]:
        """What `atomic` has under way, or left behind where it was killed."""
        vectors = [self.vectors_of(store) for store in STORES]
        names = {path.name for path in (self.manifest, self.errors, *self.derived, *vectors)}
        patterns = [f".{name}.*.tmp" for name in names] + [
            "chunks/.*.safetensors.*.tmp",
            "chunks/next/.*.safetensors.*.tmp",
            "local/.*.safetensors.*.tmp",
        ]
        return [path for pattern in patterns for path in self.root.glob(pattern)]


class FolderLock:
    """Lets one process at a time change an index; the system frees it however that process ends."""

    def __init__(self, folder: IndexFolder) -> None:
        self._folder = folder
        self._handle: int | None = None

    def __enter__(self) -> None:
        import fcntl

        if not self._folder.root.is_dir():
            raise UsageError(
                f"there is no index in {self._folder.root}: make one with 'marklens index build'"
            )
        self._handle = os.open(self._folder.lock, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            raise UsageError(
                f"another process is changing the index in {self._folder.root}: wait until it is done"
            ) from None
        for path in self._folder.temporary():
            path.unlink()

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)


def is_locked(folder: IndexFolder) -> bool:
    """Whether a process is changing the index now."""
    import fcntl

    try:
        with folder.lock.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # it was never changed, or lies where nobody can
        return False
    return False
