"""What is asked: queries with the marks that ought to be found, made from a groups file."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from marklens.core.errors import UsageError
from marklens.core.file_names import FileFinder
from marklens.core.groups import read_document
from marklens.core.groups import read_groups as read_named
from marklens.core.types import Fault

Protocol = Literal["default", "metu"]
ALIKE = ("gold", "strong", "weak")
"""Grades of the pairs that count; to find a ``duplicate`` proves little."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question with its right answers.

    Attributes:
        name: for people: the file name, or the brand.
        relevant: numbers of the marks that ought to be found.
        own: number of the query itself where it is a mark of the gallery. It leaves the ranking, unless it is
            among the relevant.
        ignored: numbers of marks that leave the ranking too: neither right nor wrong.
    """

    name: str
    relevant: frozenset[int]
    own: int | None = None
    ignored: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.relevant:
            raise UsageError(f"query {self.name!r} has no relevant marks: leave it out")

    @property
    def leaving(self) -> frozenset[int]:
        """Numbers of what is taken out of its ranking, the query itself among them."""
        own = frozenset() if self.own is None else {self.own}
        return (self.ignored | own) - self.relevant


@dataclass(frozen=True, slots=True)
class Groups:
    """Marks that belong together, as far as the gallery knows them.

    Attributes:
        members: group name to the numbers of its marks, at least two each, in the file's order.
        faults: what was left out: ``unknown-file``, ``ambiguous-file``, ``repeated-file``, ``small-group``.
    """

    members: Mapping[str, tuple[int, ...]]
    faults: tuple[Fault, ...] = ()


def read_groups(path: Path, files: Mapping[int, str]) -> Groups:
    """Read ``{"group": ["file", …]}`` and look the files up among the marks, whatever their case.

    A file is found by its path in the dataset, else by how its path ends if only one mark is meant.

    Args:
        path: the groups file; or a folder of pictures named ``<instance>-<group>.jpg``, as METU's are.
        files: mark number to file name as on disk, for every mark of the gallery.

    Raises:
        UsageError: the file is missing or damaged, or no group has two marks of this gallery.
    """
    document = _by_name(path) if path.is_dir() else read_named(path)
    find = FileFinder(files).find
    members: dict[str, tuple[int, ...]] = {}
    faults: list[Fault] = []
    for group, names in document.items():
        numbers = _look_up(group, names, find, faults)
        if len(numbers) > 1:
            members[group] = numbers
        else:
            faults.append(
                Fault(group, "small-group", f"{len(numbers)} of {len(names)} files known, 2 needed")
            )
    if not members:
        raise UsageError(
            f"no group of {path} has two marks of this index: "
            "name the files as in the dataset it was built from"
        )
    return Groups(members, tuple(faults))


def group_queries(groups: Groups, files: Mapping[int, str], protocol: Protocol = "default") -> list[Query]:
    """Make every member of every group a query.

    ``default``: the others of its group are relevant, the query leaves the ranking. ``metu``: the query stays
    and is relevant too, as in the script that comes with the METU dataset.

    Args:
        groups: from `read_groups`.
        files: mark number to file name.
        protocol: ``default`` or ``metu``.
    """
    own_too = protocol == "metu"
    return [
        Query(files[number], frozenset(numbers) if own_too else frozenset(numbers) - {number}, number)
        for numbers in groups.members.values()
        for number in numbers
    ]


def read_pairs(
    path: Path, files: Mapping[int, str], grades: Collection[str] = ALIKE
) -> tuple[list[Query], tuple[Fault, ...]]:
    """Make every mark of a file of similar pairs a query whose partners are relevant.

    Marks that pairs say to be of one group are all partners, as a file need not hold all pairs of them. A
    partner by a pair that does not count is neither right nor wrong.

    Args:
        path: ``{"pairs": [{"a": file, "b": file, …}, …]}``, as ``marklens dataset pairs`` writes it.
        files: mark number to file name as on disk, for every mark of the gallery.
        grades: of the pairs that count; a pair without a grade always does.

    Returns:
        the queries in the order of the marks, and what was left out.

    Raises:
        UsageError: the file is missing or damaged, or no pair that counts has both marks in this gallery.
    """
    rows = read_document(path)
    if isinstance(rows, dict) and rows.get("kind") == "dissimilar":
        raise UsageError(f"the pairs of {path} are dissimilar: give similar_pairs.json")
    pairs = rows.get("pairs") if isinstance(rows, dict) else None
    if not isinstance(pairs, list) or not all(_is_pair(row) for row in pairs):
        raise UsageError(f'{path} must hold {{"pairs": [{{"a": file, "b": file}}, …]}}: make it again')
    find, faults = FileFinder(files).find, list[Fault]()
    groups = defaultdict[tuple[bool, str, str], set[int]](set)
    partners, ignored = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
    for row in pairs:
        counts = row.get("grade") in (None, *grades)
        ends = _both(row, find, faults if counts else [])
        if ends is None:
            continue
        for one, other in (ends, ends[::-1]):
            (partners if counts else ignored)[one].add(other)
        if group := _group_of(row):
            groups[counts, *group].update(ends)
    for (counts, *_), members in groups.items():
        for number in members:
            (partners if counts else ignored)[number] |= members - {number}
    if not partners:
        raise UsageError(
            f"no pair of {path} that is {' or '.join(grades)} has both marks in this index: "
            "name the files as in its dataset"
        )
    queries = [
        Query(files[number], frozenset(partners[number]), number, frozenset(ignored[number]))
        for number in sorted(partners)
    ]
    return queries, tuple(faults)


def _by_name(folder: Path) -> dict[str, list[str]]:
    """The groups that names ``<instance>-<group>`` say; files of other names are in none."""
    groups: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        instance, dash, group = path.stem.rpartition("-")
        if instance and dash and group and path.is_file() and not path.name.startswith("."):
            groups.setdefault(group, []).append(path.name)
    if not groups:
        raise UsageError(
            f"{folder} holds no pictures named <instance>-<group>.jpg: give a JSON file of groups"
        )
    return groups


def _both(
    row: Mapping[str, Any], find: Callable[[str], list[int]], faults: list[Fault]
) -> tuple[int, int] | None:
    """The marks of a pair; None after noting why they are not two that the gallery knows."""
    ends = [(name, find(name)) for name in (row["a"], row["b"])]
    unclear = [
        Fault(name, "ambiguous-file" if found else "unknown-file", "a pair names it")
        for name, found in ends
        if len(found) != 1
    ]
    if unclear:
        faults += unclear
        return None
    (first,), (second,) = (found for _, found in ends)
    if first == second:
        faults.append(Fault(row["a"], "repeated-file", "a pair names this mark twice"))
        return None
    return first, second


def _group_of(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Grade and name of the group that a pair comes from, where it says so."""
    evidence = row.get("evidence")
    name = evidence.get("group") if isinstance(evidence, dict) else None
    return (str(row.get("grade")), name) if isinstance(name, str) else None


def _is_pair(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("a"), str) and isinstance(row.get("b"), str)


def _look_up(
    group: str, names: list[str], find: Callable[[str], list[int]], faults: list[Fault]
) -> tuple[int, ...]:
    """Collect the numbers of the known files of a group, each once; append to `faults` what is left out."""
    numbers: dict[int, None] = {}
    for name in names:
        match find(name):
            case []:
                faults.append(Fault(name, "unknown-file", f"group {group!r}: no mark of this index"))
            case [number] if number in numbers:
                faults.append(Fault(name, "repeated-file", f"group {group!r} names it twice"))
            case [number]:
                numbers[number] = None
            case several:
                faults.append(
                    Fault(name, "ambiguous-file", f"group {group!r}: {len(several)} marks bear this name")
                )
    return tuple(numbers)
