"""Pack the views of a dataset: made once by the code that indexes, in parts that survive a kill."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from loguru import logger

from marklens.core.artifacts import remove_temporary, require_disk_space
from marklens.core.errors import Interrupted, UsageError
from marklens.core.ports import Progress
from marklens.core.resources import StopFlag
from marklens.core.types import Ids, Mark, ViewKind
from marklens.datasets.analysis.checkpoint import digest_of
from marklens.datasets.analysis.perceptual_hash import Look
from marklens.preprocessing.pipeline import ViewOptions
from marklens.preprocessing.prepared import Prepared, Preparer
from marklens.training.pairs.groups import LEFT_OUT, NamedGroups, group_numbers, look_of
from marklens.training.pairs.packed_views import (
    PIXELS,
    TABLES,
    PackedViews,
    packed_source,
    regroup,
    write_pixels,
    write_tables,
)
from marklens.training.pairs.view_parts import ViewPart, found_part, load_part, make_part

PARTS = "parts"
PART = 256
"""Marks a part: a kill costs half a minute at most."""
HANDED = 16
"""Marks handed to a worker at a time."""


@dataclass(frozen=True, slots=True)
class PackReport:
    """What packing did.

    Attributes:
        marks, views: in the cache.
        figurative: views without text among them.
        groups: how many; a mark of no group is one of its own.
        left_out: marks that are not trained on, as they look like held-out ones.
        made: marks whose views were made now.
        bytes: of the pixels.
    """

    marks: int
    views: int
    figurative: int
    groups: int
    left_out: int
    made: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Task:
    path: Path
    source: str
    marks: tuple[Mark, ...]


def pack_views(
    out: Path,
    marks: Sequence[Mark],
    groups: NamedGroups,
    options: ViewOptions,
    preparer: Preparer,
    progress: Progress,
    stop: StopFlag,
    held_out: Sequence[Look] = (),
) -> PackReport:
    """Pack the views of these marks, resuming what is there; a finished cache only gets its groups anew.

    Args:
        out: folder of the cache.
        marks: to train on, each file once.
        groups: brands and duplicates by any name; near duplicates are found besides.
        options: of the views; `preparer` must make them with these, and without reading text.
        preparer: makes the views; it is closed at the end.
        progress: hears how far it is.
        stop: looked at between two parts.
        held_out: looks of marks to validate and test with, see `looks_of`: what looks like one of them, or is
            of a group with such a mark, is left out of training whatever it is called.

    Raises:
        UsageError: there are no marks, or not one could be used.
        Interrupted: `stop` was set; every finished part is kept.
        DiskSpaceError: there is too little room.
    """
    if not marks:
        raise UsageError("there are no marks to train on: give a dataset with pictures")
    tasks, made = _tasks(out, marks, options), 0
    find = partial(_groups, groups=list(groups), held_out=held_out, progress=progress)
    source = sha256(" ".join(task.source for task in tasks).encode()).hexdigest()[:32]
    for folder in (out, out / PARTS):
        remove_temporary(folder)
    try:
        if packed_source(out) != source:
            needed = len(marks) * 3 * options.size**2 * 3
            require_disk_space(out, needed, f"packing {len(marks):,} marks", (out / PARTS).glob("*"))
            made = _make_parts(tasks, options, preparer, progress, stop)
            _join(out, tasks, options, source, find)
        else:
            regroup(out, find(PackedViews.open(out, finished=False)))
        shutil.rmtree(out / PARTS, ignore_errors=True)
    finally:
        preparer.close()
    packed = PackedViews.open(out)
    figurative = int(np.count_nonzero(packed.kinds == ViewKind.FIGURATIVE))
    trained = packed.groups[packed.groups != LEFT_OUT]
    return PackReport(
        marks=len(packed),
        views=len(packed.kinds),
        figurative=figurative,
        groups=len(np.unique(trained)),
        left_out=len(packed) - len(trained),
        made=made,
        bytes=packed.pixels.nbytes,
    )


def _tasks(out: Path, marks: Sequence[Mark], options: ViewOptions) -> list[_Task]:
    recipe, tasks = json.dumps(options.record(), sort_keys=True), []
    for number, some in enumerate(_slices(marks, PART)):
        pictures = digest_of([mark.file for mark in some], [str(mark.path) for mark in some])
        codes = json.dumps([mark.vienna_codes for mark in some])
        source = sha256(f"{recipe} {pictures} {codes}".encode()).hexdigest()[:32]
        tasks.append(_Task(out / PARTS / f"{number:06d}.safetensors", source, tuple(some)))
    return tasks


def _make_parts(
    tasks: Sequence[_Task], options: ViewOptions, preparer: Preparer, progress: Progress, stop: StopFlag
) -> int:
    """Make the parts that are missing; returns of how many marks."""
    progress.start("pack", sum(len(task.marks) for task in tasks))
    missing = []
    for task in tasks:
        if found_part(task.path, task.source) is None:
            missing.append(task)
        else:
            progress.advance(len(task.marks), skipped=True)
    handed = (some for task in missing if not stop for some in _slices(task.marks, HANDED))
    outcome, made = iter(preparer.prepare(handed)), 0
    for task in missing:
        held: list[Prepared] = []
        while len(held) < len(task.marks):
            some = next(outcome, None)
            if some is None:
                raise Interrupted("stopped, and every finished part is kept: run the same command to resume")
            held += some
            progress.advance(len(some))
        part = make_part(task.source, held, options.size)
        for fault in part.faults:
            logger.warning("{}: {}: {}", fault.item, fault.kind, fault.reason)
        part.save(task.path)
        made += len(task.marks)
    return made


def _join(
    out: Path,
    tasks: Sequence[_Task],
    options: ViewOptions,
    source: str,
    find: Callable[[PackedViews], Ids],
) -> None:
    """Write the two files, tables last, and give the parts' room back."""
    parts = [_without_pixels(load_part(task.path)) for task in tasks]
    views = sum(len(part.kinds) for part in parts)
    if not views:
        raise UsageError(f"none of {sum(len(part.faults) for part in parts)} pictures could be used")
    (out / TABLES).unlink(missing_ok=True)
    write_pixels(out / PIXELS, (load_part(task.path).pixels for task in tasks), views, options.size)
    unknown = np.arange(sum(len(part.files) for part in parts))
    write_tables(out / TABLES, parts, unknown, options.record(), "")
    regroup(out, find(PackedViews.open(out, finished=False)), source)


def _without_pixels(part: ViewPart) -> ViewPart:
    return replace(part, pixels=part.pixels[:0].copy())  # a mere slice would hold all of them


def _groups(packed: PackedViews, groups: NamedGroups, held_out: Sequence[Look], progress: Progress) -> Ids:
    progress.start("group", len(packed))
    looks: list[Look] = []
    for place in packed.starts[:-1]:
        looks.append(look_of(packed.pixels[place]))
        progress.advance(1)
    return group_numbers(packed.files, groups, looks, held_out)


def _slices(marks: Sequence[Mark], size: int) -> Iterator[Sequence[Mark]]:
    return (marks[start : start + size] for start in range(0, len(marks), size))
