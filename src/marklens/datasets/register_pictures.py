"""The pictures of a register by the names that its records give them."""

import os
import re
from pathlib import Path

from marklens.core.file_names import fold
from marklens.core.images import PICTURE_ENDINGS


class RegisterPictures:
    """The pictures below a folder.

    Records name them by a path, an address, a bare name or the mark's number, in any case, with or without
    the ending. A path counts as far as it goes; a bare name only where it is one picture's.

    Args:
        folder: where the pictures are.
    """

    def __init__(self, folder: Path) -> None:
        self._by_path: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        self._elsewhere: set[str] = set()
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                if Path(name).suffix.lower() in PICTURE_ENDINGS:
                    self._add((Path(parent) / name).relative_to(folder).as_posix())

    def __len__(self) -> int:
        return len(self._by_path)

    def find(self, named: str) -> str | None:
        """The path of a picture below the folder, or None."""
        parts = _parts(named)
        for start in range(len(parts) - 1 or 1):
            found = self._by_path.get(fold("/".join(parts[start:])))
            if found:
                return found
        return None if self.is_ambiguous(named) else self._by_name.get(self._key(parts[-1]))

    def is_ambiguous(self, named: str) -> bool:
        """Whether pictures of several folders have this name, and the path does not say which."""
        return self._key(_parts(named)[-1]) in self._elsewhere

    def _key(self, name: str) -> str:
        return fold(name) if fold(name) in self._by_name else _stem(name)

    def _add(self, path: str) -> None:
        self._by_path[fold(path)] = path
        parent, _, name = path.rpartition("/")
        for key in {fold(name), _stem(name)}:
            first = self._by_name.setdefault(key, path)
            if first.rpartition("/")[0] != parent:
                self._elsewhere.add(key)


def _parts(named: str) -> list[str]:
    return re.split(r"[/\\]", named.partition("?")[0])


def _stem(name: str) -> str:
    """A folded file name without the ending of a picture; a number such as ``97.123`` stays whole."""
    whole = fold(name)
    stem, ending = os.path.splitext(whole)
    return stem if ending in PICTURE_ENDINGS else whole
