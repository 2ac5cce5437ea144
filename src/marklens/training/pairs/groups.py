"""Which marks are one brand or one picture: positives where drawn anew, never negatives of each other."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from marklens.core.errors import PictureError, UsageError
from marklens.core.file_names import FileFinder
from marklens.core.groups import read_groups
from marklens.core.images import read_picture
from marklens.core.ink import find_ground, find_ink, ink_box
from marklens.core.ports import OnFault
from marklens.core.sampling import evenly
from marklens.core.types import Ids, Mark, Pixels
from marklens.datasets.analysis.duplicates import FINE_DISTANCE, NEAR_DISTANCE, SURE_BITS
from marklens.datasets.analysis.near_duplicates import group_near
from marklens.datasets.analysis.perceptual_hash import Look, look_at
from marklens.datasets.grouping import cluster, find_groups
from marklens.preprocessing.pipeline import ViewMaker

LEFT_OUT = -1
"""The group of marks that are not trained on."""
NamedGroups = Iterable[tuple[str, Sequence[str]]]
TRUSTED = frozenset({"gold", "duplicate"})
"""Grades of pairs that say one brand, or one picture."""


def alike(path: Path) -> Mapping[str, Sequence[str]]:
    """Groups of marks that are alike: a file of groups, or the sure pairs of a ``similar_pairs.json``.

    Raises:
        UsageError: the file is missing, holds something else, or no sure pair.
    """
    try:
        pairs = json.loads(path.read_text(encoding="utf-8-sig"))["pairs"]
        sure = [(str(pair["a"]), str(pair["b"])) for pair in pairs if pair["grade"] in TRUSTED]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return read_groups(path)  # which says what is wrong, where it is none either
    if not sure:
        raise UsageError(f"{path} has no pair graded {' or '.join(sorted(TRUSTED))}: they alone teach")
    return _chained(sure)


def _chained(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Groups of files that are paired, also by way of others."""
    files = sorted({file for pair in pairs for file in pair})
    place = {file: number for number, file in enumerate(files)}
    clusters = cluster([("", [place[one], place[other]]) for one, other in pairs], len(files))
    groups: dict[str, list[str]] = {}
    for file, number in zip(files, clusters.tolist(), strict=True):
        groups.setdefault(f"paired {number}", []).append(file)
    return groups


def look_of(square: Pixels) -> Look:
    """The look of a mark in a view, without the ground around it.

    Args:
        square: uint8 (size, size, 3).
    """
    ground = find_ground(square)
    box = ink_box(find_ink(square, ground))
    if box is None or not ground.uniform:
        return look_at(square)
    top, bottom, left, right = box
    return look_at(np.ascontiguousarray(square[top:bottom, left:right]))


def looks_of(marks: Iterable[Mark], maker: ViewMaker) -> list[Look]:
    """The looks of marks that shall not be trained on; pictures that cannot be used are passed over.

    So the looks need not be as many as the marks: see `usable_looks`.

    Args:
        marks: such as those of validation and test brands.
        maker: as the views are made, but for the figurative ones.
    """
    return [look for _, look in usable_looks(marks, maker)]


def usable_looks(marks: Iterable[Mark], maker: ViewMaker) -> Iterator[tuple[Mark, Look]]:
    """Each mark whose picture can be used, with its look; see `looks_of`."""
    for mark in marks:
        try:
            yield mark, look_of(maker.prepare(read_picture(mark.path)).views[0].pixels)
        except PictureError:
            continue


def group_numbers(
    files: Sequence[str],
    groups: NamedGroups,
    looks: Sequence[Look],
    held_out: Sequence[Look] = (),
    on_fault: OnFault = lambda fault: None,
) -> Ids:
    """The group of every mark, int64 (marks,): the union of named groups and near duplicates.

    Marks of a group with a held-out look are `LEFT_OUT`.

    Args:
        files: of the marks.
        groups: brands, duplicates; files that are no marks here are left out.
        looks: of every mark's full view.
        held_out: looks of marks that are never trained on.
        on_fault: hears of files that are no marks here, or more than one.
    """
    named = find_groups(groups, files, on_fault)
    near = [("near", members) for members in _near([*looks, *held_out])]
    clusters = cluster([*named, *near], len(files) + len(held_out))
    numbers = clusters[: len(files)]
    numbers[np.isin(numbers, clusters[len(files) :])] = LEFT_OUT
    return numbers


def _near(looks: Sequence[Look]) -> list[list[int]]:
    """Places of marks that look the same, in groups; marks too plain to tell are left out."""
    sure = np.flatnonzero([look.sure >= SURE_BITS for look in looks])
    if not len(sure):
        return []
    coarse = np.array([looks[place].coarse for place in sure.tolist()], np.uint64)
    fine = np.array([looks[place].fine for place in sure.tolist()], np.uint64)
    _, first, look = np.unique(
        np.column_stack([coarse, fine]), axis=0, return_index=True, return_inverse=True
    )
    labels = group_near(coarse[first], fine[first], NEAR_DISTANCE, FINE_DISTANCE)[look.ravel()]
    order = np.argsort(labels, kind="stable")
    pieces = np.split(sure[order], np.flatnonzero(np.diff(labels[order])) + 1)
    return [piece.tolist() for piece in pieces if len(piece) > 1]


def keep_apart(
    marks: Sequence[Mark], names: Iterable[str], groups: Mapping[str, Sequence[str]]
) -> tuple[list[Mark], list[Mark]]:
    """Split marks into those to learn from and those that nothing is learned from.

    Args:
        marks: of a dataset.
        names: files that are asked for, whatever their case; a name that several bear means all of them.
        groups: whoever is in a group with such a mark, also by way of others, is kept apart too.

    Returns:
        the marks to learn from, and the others.
    """
    if not marks:
        return [], []
    find = FileFinder({place: mark.file for place, mark in enumerate(marks)}).find
    named = [("", sorted({place for file in files for place in find(file)})) for files in groups.values()]
    numbers = cluster(named, len(marks))
    asked = sorted({place for name in names for place in find(name)})
    apart = np.isin(numbers, numbers[asked]).tolist()
    kept = [mark for mark, out in zip(marks, apart, strict=True) if not out]
    return kept, [mark for mark, out in zip(marks, apart, strict=True) if out]


def spread_around(marks: Sequence[Mark], names: Iterable[str], most: int) -> list[Mark]:
    """The marks that are asked for and, among them, others spread over the dataset while there is room."""
    find = FileFinder({place: mark.file for place, mark in enumerate(marks)}).find
    members = {place for name in names for place in find(name)}
    others = np.setdiff1d(np.arange(len(marks)), sorted(members))
    room = min(len(others), max(0, most - len(members)))
    spread = others[evenly(room, len(others))].tolist()
    return [marks[place] for place in sorted(members | set(spread))]
