"""Pictures that are there more than once: the same file, or the same mark drawn again."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from marklens.core.artifacts import write_text
from marklens.core.errors import ArtifactError
from marklens.datasets.analysis.measuring import Table
from marklens.datasets.analysis.near_duplicates import Numbers, group_near

Kind = Literal["exact", "near"]

NEAR_DISTANCE = 4
"""Coarse bits, of 63, in which two near duplicates may differ."""
FINE_DISTANCE = 20
"""Fine bits, of 255, in which they may differ besides: this tells words apart that differ in one letter. Of
16,000 real logos, 87 % of the pairs within 4 coarse bits pass, nearly all one drawing in another ink, size or
margin; of 3,300 such pairs of different words 2 %. Of 52,000 icons shrunk to 60 to 100 %, some made grey, and
compressed anew, 80 % are found to be the copies they are."""
SURE_BITS = 20
"""A look with fewer sure bits is too plain to compare: bars, crosses and squares would all be duplicates."""


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Pictures that belong together.

    Attributes:
        kind: ``exact``: the files are equal byte for byte; ``near``: the marks look the same.
        places: of the pictures in the dataset, from 0, rising; at least two. A near group also holds the
            exact copies of its members.
    """

    kind: Kind
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The groups of a dataset: exact ones first, largest first.

    Attributes:
        groups: a near group holds at least two different files.
        too_plain: readable pictures that were compared by their bytes only.
    """

    groups: tuple[DuplicateGroup, ...]
    too_plain: int


def find_duplicates(table: Table, distance: int = NEAR_DISTANCE) -> Duplicates:
    """Group the pictures of a dataset.

    Near duplicates are joined by way of others: of three in a row the ends may be further apart than
    `distance`.

    Args:
        table: measurements, one row a picture.
        distance: bits, see `group_near`.
    """
    places = np.flatnonzero(table["readable"])
    content = np.zeros(len(table), np.int64)
    content[places] = _same_rows(table["content"][places])
    exact = _grouped("exact", content[places], places)
    sure = table["sure_bits"][places] >= SURE_BITS
    coarse, fine = table["coarse"][places[sure]], table["fine"][places[sure]]
    look = _same_rows(np.column_stack([coarse, fine]))
    _, first = np.unique(look, return_index=True)
    near = _grouped(
        "near", group_near(coarse[first], fine[first], distance, FINE_DISTANCE)[look], places[sure]
    )
    near = [group for group in near if len(np.unique(content[list(group.places)])) > 1]
    return Duplicates(tuple(exact + near), int(np.count_nonzero(~sure)))


def write_groups(path: Path, duplicates: Duplicates, files: Sequence[str]) -> None:
    """Write one JSON line a group, ``{"kind": "near", "files": [...]}``; ASCII, as a name may be no text."""
    lines = (
        json.dumps({"kind": group.kind, "files": [files[place] for place in group.places]})
        for group in duplicates.groups
    )
    write_text(path, "".join(f"{line}\n" for line in lines))


def read_duplicate_groups(path: Path) -> list[tuple[str, ...]]:
    """Read the groups of ``duplicates.jsonl``, exact and near ones made one where they share a file.

    Returns:
        groups that share no file, each sorted, in order of their first file.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        groups = [[str(file) for file in json.loads(line)["files"]] for line in lines]
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing: run 'marklens dataset analyze' first") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} is damaged ({error}): run 'marklens dataset analyze' again") from error
    return _joined(groups)


def _joined(groups: Iterable[Sequence[str]]) -> list[tuple[str, ...]]:
    """Union of groups that share a member."""
    leader: dict[str, str] = {}

    def lead(file: str) -> str:
        while (above := leader.setdefault(file, file)) != file:
            leader[file] = leader[above]
            file = above
        return file

    for group in groups:
        for file in group:
            leader[lead(file)] = lead(group[0])
    members: dict[str, list[str]] = defaultdict(list)
    for file in leader:
        members[lead(file)].append(file)
    return sorted(tuple(sorted(group)) for group in members.values())


def _same_rows(rows: npt.NDArray[np.uint64]) -> Numbers:
    """A number from 0 for each row (n, columns); equal rows share it."""
    order = np.lexsort(rows.T[::-1])
    new = np.any(np.diff(rows[order], axis=0, prepend=rows[order[:1]]), axis=1)
    numbers = np.zeros(len(rows), np.int64)
    numbers[order] = np.cumsum(new)
    return numbers


def _grouped(kind: Kind, labels: Numbers, places: Numbers) -> list[DuplicateGroup]:
    """The groups of two and more that share a label, largest first, then by their first place."""
    _, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    several = counts[numbers] > 1
    numbers, places = numbers[several], places[several]
    order = np.argsort(numbers, kind="stable")
    pieces = np.split(places[order], np.flatnonzero(np.diff(numbers[order])) + 1)
    groups = [DuplicateGroup(kind, tuple(sorted(piece.tolist()))) for piece in pieces if len(piece)]
    return sorted(groups, key=lambda group: (-len(group.places), group.places[0]))
