"""Files that belong together: brands of a groups file, duplicates; looked up among the marks of a dataset."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from marklens.core.file_names import FileFinder
from marklens.core.groups import read_groups
from marklens.core.ports import OnFault
from marklens.core.types import Fault

GROUPS = "groups.json"

NumberedGroups = Sequence[tuple[str, Sequence[int]]]
"""The name of each group and the places of its files among the marks, each once."""


def groups_of(dataset: Path) -> Mapping[str, Sequence[str]]:
    """The groups file in a dataset's folder, or beside its manifest; empty where there is none."""
    path = (dataset if dataset.is_dir() else dataset.parent) / GROUPS
    return read_groups(path) if path.is_file() else {}


def find_groups(
    groups: Iterable[tuple[str, Sequence[str]]], files: Sequence[str], on_fault: OnFault
) -> NumberedGroups:
    """Look the files of groups up among the marks.

    Args:
        groups: name and files of each.
        files: of the marks.
        on_fault: hears of ``unknown-file`` and ``ambiguous-file``; these are left out.
    """
    find = FileFinder(dict(enumerate(files))).find
    numbered: list[tuple[str, Sequence[int]]] = []
    for name, members in groups:
        numbers: dict[int, None] = {}
        for member in members:
            found = find(member)
            if len(found) == 1:
                numbers[found[0]] = None
            else:
                kind = "ambiguous-file" if found else "unknown-file"
                on_fault(Fault(member, kind, f"the group {name!r} names it"))
        numbered.append((name, list(numbers)))
    return numbered


def cluster(groups: NumberedGroups, marks: int) -> npt.NDArray[np.int64]:
    """The cluster of every mark, int64 (marks,): marks of one group share it, also by way of other groups."""
    ends = [(numbers[0], other) for _, numbers in groups for other in numbers[1:]]
    first, second = np.array(ends, np.int64).reshape(-1, 2).T
    links = sparse.coo_array((np.ones(len(ends), np.int8), (first, second)), (marks, marks))
    _, clusters = connected_components(links, directed=False)
    return np.asarray(clusters, np.int64)
