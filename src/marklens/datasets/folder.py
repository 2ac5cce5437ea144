"""A folder of pictures, sub-folders included."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from loguru import logger

from marklens.core.errors import DatasetError
from marklens.core.images import PICTURE_ENDINGS
from marklens.core.ports import OnFault
from marklens.core.types import Fault, Mark


class FolderDataset:
    """The pictures of a folder tree, sorted by path; hidden files and folders are left out.

    A picture is what has a picture's ending, in whatever case; other files are passed over silently. Linked
    folders are followed, each real folder once.

    Args:
        root: the folder.

    Raises:
        DatasetError: it is no folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if not root.is_dir():
            raise DatasetError(f"{root} is no folder")

    def count(self) -> int:
        """Pictures in the tree."""
        return sum(1 for _ in self._files(_ignore))

    def is_empty(self) -> bool:
        """True when the tree holds no picture; looks no further than the first one."""
        return next(self._files(_ignore), None) is None

    def marks(self, on_fault: OnFault) -> Iterator[Mark]:
        """Yield one mark a picture.

        `file` is the path relative to the root. `id` is the file's stem where it is unique in the tree, else
        the relative path without its ending, else with it. Kind of fault: ``unreadable`` for a folder.
        """
        files = list(self._files(on_fault))
        names = set(files)
        stems = Counter(Path(file).stem for file in files)
        bare = Counter(os.path.splitext(file)[0] for file in files)
        for file in files:
            stem, path = Path(file).stem, os.path.splitext(file)[0]
            if stems[stem] == 1 and stem not in names:
                id_ = stem
            else:
                id_ = path if bare[path] == 1 and path not in names else file
            yield Mark(id_, file, self.root / file)

    def _files(self, on_fault: OnFault) -> Iterator[str]:
        """Relative posix paths of the pictures, sorted name by name, folder by folder."""
        skipped: Counter[str] = Counter()
        yield from self._walk(self.root, "", set(), skipped, on_fault)
        if skipped:
            logger.debug("{}: passed over {} files that are no pictures: {}", self.root, skipped.total(),
                         dict(skipped.most_common(5)))  # fmt: skip

    def _walk(
        self, folder: Path, prefix: str, seen: set[tuple[int, int]], skipped: Counter[str], on_fault: OnFault
    ) -> Iterator[str]:
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:  # a link back to where we have been
                return
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as scan:
                entries = sorted((entry.name, *_kind_of(entry, prefix, on_fault)) for entry in scan)
        except OSError as error:
            on_fault(Fault(prefix or str(folder), "unreadable", error.strerror or str(error)))
            return
        for name, is_folder, is_file in entries:
            ending = os.path.splitext(name)[1].lower()
            if name.startswith("."):
                continue
            if is_folder:
                yield from self._walk(folder / name, f"{prefix}{name}/", seen, skipped, on_fault)
            elif is_file and ending in PICTURE_ENDINGS:
                yield prefix + name
            else:
                skipped[ending] += 1


def _kind_of(entry: os.DirEntry[str], prefix: str, on_fault: OnFault) -> tuple[bool, bool]:
    """Whether it is a folder, and whether a file; a link in a circle is neither."""
    try:
        return entry.is_dir(), entry.is_file()
    except OSError as error:
        on_fault(Fault(prefix + entry.name, "unreadable", error.strerror or str(error)))
        return False, False


def _ignore(_fault: Fault) -> None:
    """Faults are reported when the marks are read, not when they are counted."""
