"""Find a file by how somebody else spelt its name."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from pathlib import PurePosixPath


def fold(file: str) -> str:
    """A file name whatever its case, its separators and the way its accents are composed."""
    composed = file if file.isascii() else unicodedata.normalize("NFC", file)
    return composed.casefold().replace("\\", "/").removeprefix("./")


class FileFinder:
    """Looks file names up among numbered files: by their path, else by how the paths end.

    Args:
        files: number to file name as on disk.
    """

    def __init__(self, files: Mapping[int, str]) -> None:
        self._by_path: defaultdict[str, list[int]] = defaultdict(list)
        self._by_name: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for number, file in files.items():
            key = fold(file)
            self._by_path[key].append(number)
            self._by_name[_bare(key)].append((number, key))

    def find(self, file: str) -> list[int]:
        """The numbers of the files that may be meant: none, one, or several.

        Where no file has that path, those whose path ends in it, or that it ends in: the same name in another
        folder is another file.
        """
        key = fold(file)
        rest = key
        while rest not in self._by_path and "/" in rest:
            rest = rest.partition("/")[2]
        if found := self._by_path.get(rest):
            return found
        return [number for number, path in self._by_name.get(_bare(key), ()) if path.endswith(f"/{key}")]


def follows_from(id: str, file: str) -> bool:
    """Whether an id is what a dataset without ids calls a file: its stem, its path, with ending or not."""
    return id in {PurePosixPath(file).stem, os.path.splitext(file)[0], file}


def _bare(key: str) -> str:
    return key.rpartition("/")[2]
