"""What earlier builds described, mark by mark: what has not changed is not described again."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

from marklens.core.errors import ArtifactError
from marklens.core.types import Ids
from marklens.indexing.chunks import UNKNOWN, Chunk, Origins, chunk_head, found_chunk, joined

LOADED = 4
"""Chunks kept in memory: marks mostly come in the order in which they came before."""


class EarlierChunks:
    """The descriptions in some chunk files, found by the origins of marks or the source of a whole chunk.

    The chunks stay on the disk; in memory are 24 bytes a mark. Two of a million marks are taken for each
    other with a probability of 3e-8 (64 bits of a digest).

    Args:
        paths: the files; those that cannot be read hold nothing.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = list(paths)
        heads = [chunk_head(path) for path in self._paths]
        self._sources = {source: path for path, (source, _) in zip(self._paths, heads, strict=True)}
        self._load = lru_cache(maxsize=LOADED)(found_chunk)
        self._intact: dict[int, bool] = {}
        counts = [len(origins) for _, origins in heads]
        origins = np.concatenate([np.empty(0, np.uint64), *(origins for _, origins in heads)])
        places = np.concatenate([np.empty(0, np.int64), *(np.arange(count) for count in counts)])
        files = np.repeat(np.arange(len(heads)), counts)
        order = np.argsort(origins, kind="stable")
        order = order[origins[order] != UNKNOWN]
        self._origins, self._files, self._places = origins[order], files[order], places[order]
        self._ended = np.append(self._origins, UNKNOWN)

    def whole(self, source: str) -> Chunk | None:
        """The chunk that was made of the same marks, if it is intact and lacks none that may do now."""
        path = self._sources.get(source)
        chunk = None if path is None else found_chunk(path)
        return chunk if chunk is not None and chunk.stands_for(source) else None

    def find(self, origins: Origins) -> Ids:
        """Where in here these origins are, each once, int64 (found,); damaged files hold none."""
        wanted = np.unique(origins)
        rows = np.searchsorted(self._origins, wanted)
        rows = rows[self._ended[rows] == wanted]
        intact = [self._is_intact(file) for file in self._files[rows].tolist()]
        return np.asarray(rows[np.array(intact, np.bool_)], np.int64)

    def origins(self, rows: Ids) -> Origins:
        """The origins of what `find` found, uint64 (rows,)."""
        return np.asarray(self._origins[rows], np.uint64)

    def take(self, rows: Ids) -> Chunk | None:
        """What `find` found, as one chunk in no certain order; None for nothing.

        Raises:
            ArtifactError: a file was damaged since.
        """
        parts = []
        for file in np.unique(self._files[rows]).tolist():
            chunk = self._load(self._paths[file])
            if chunk is None:
                raise ArtifactError(f"{self._paths[file]} was damaged meanwhile: run the build again")
            parts.append(chunk.take(self._places[rows[self._files[rows] == file]]))
        return joined(parts) if parts else None

    def _is_intact(self, file: int) -> bool:
        """Whether a file can be read; looked at once, as nobody changes it while marks are described."""
        if file not in self._intact:
            self._intact[file] = self._load(self._paths[file]) is not None
        return self._intact[file]
