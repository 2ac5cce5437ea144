"""Analyse a dataset, or finish an analysis that was stopped: the same call does both."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from loguru import logger

from marklens.core.artifacts import require_disk_space
from marklens.core.errors import Interrupted, UsageError
from marklens.core.ports import Dataset, Progress
from marklens.core.resources import StopFlag, sampled_resources
from marklens.datasets.analysis.checkpoint import Checkpoint, Piece
from marklens.datasets.analysis.distributions import PictureCounts, count_pictures
from marklens.datasets.analysis.duplicates import NEAR_DISTANCE, Duplicates, find_duplicates
from marklens.datasets.analysis.measuring import Failure, Inspect, Measured
from marklens.datasets.analysis.metadata import MetadataCounts
from marklens.datasets.analysis.pool import MeasuringPool
from marklens.datasets.analysis.reading import Reading

GROUP = 100
"""Pictures a worker takes at a time: a tenth of a second of work."""
EVERY = 10_000
"""Pictures between two checkpoints: about ten seconds of work."""
BYTES_A_PICTURE, BYTES_AT_ALL = 400, 50_000_000
"""Disk that an analysis takes, generously: measurements 70 bytes a picture, duplicates, the report."""


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """How to analyse.

    Attributes:
        inspect: finds ground and ink of a picture.
        recipe: names `inspect` and its version; measurements by another are not used again.
        workers: processes; 0 measures in this one.
        near_distance: bits in which near duplicates may differ, 0..4.
        every: pictures between two checkpoints.
    """

    inspect: Inspect
    recipe: str
    workers: int = 0
    near_distance: int = NEAR_DISTANCE
    every: int = EVERY


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that is known of a dataset.

    Attributes:
        root: of the dataset.
        pictures: what the pictures are.
        metadata: what the metadata says.
        duplicates: groups of pictures, by their places in `reading`.
        failures: pictures that cannot be used, by their places.
        reading: files and paths by place, and the faults of the metadata.
        near_distance: bits in which near duplicates may differ.
        measured: pictures measured by this call; the others had been before.
    """

    root: Path
    pictures: PictureCounts
    metadata: MetadataCounts
    duplicates: Duplicates
    failures: Sequence[Failure]
    reading: Reading
    near_distance: int
    measured: int

    @property
    def name(self) -> str:
        """Of the dataset, for a title."""
        return self.root.absolute().name


def analyze(
    dataset: Dataset, out: Path, options: AnalysisOptions, progress: Progress, stop: StopFlag
) -> Analysis:
    """Measure every picture and count everything; measurements are kept in `out` and used again.

    The metadata is read anew each time, as that takes seconds. The result depends on the dataset alone, not
    on how often the work was stopped or how many workers did it.

    Raises:
        Interrupted: a signal came; what was measured up to the last checkpoint is kept.
        UsageError: the dataset has no marks, or `out` holds the analysis of another dataset.
        DiskSpaceError: there is too little room.
        ArtifactError: the checkpoint is damaged.
        MarklensError: worker processes cannot work on this machine.
    """
    expected = dataset.count()
    needed = BYTES_AT_ALL + expected * BYTES_A_PICTURE
    require_disk_space(out, needed, f"the analysis of {expected:,} pictures")
    checkpoint = Checkpoint(out, dataset.root, options.recipe)
    reading = Reading(dataset)
    logger.info("analysing about {} pictures of {}", expected, dataset.root)
    progress.start("measure", expected)
    measured = _measure(reading, checkpoint, options, progress, stop)
    if not reading.files:
        raise UsageError(f"{dataset.root} holds no marks: give a folder of pictures or an L3D dataset")
    checkpoint.cut(reading.pieces_read)
    progress.start("compare", None)
    table, failures = checkpoint.table(), checkpoint.failures()
    return Analysis(
        root=dataset.root,
        pictures=count_pictures(table, failures),
        metadata=reading.tally.counts(),
        duplicates=find_duplicates(table, options.near_distance),
        failures=failures,
        reading=reading,
        near_distance=options.near_distance,
        measured=measured,
    )


def _measure(
    reading: Reading, checkpoint: Checkpoint, options: AnalysisOptions, progress: Progress, stop: StopFlag
) -> int:
    """Bring the checkpoint up to the dataset; returns how many pictures were measured."""
    waiting: deque[Piece] = deque()
    done = 0

    def groups() -> Iterator[Sequence[str]]:
        for piece in reading.pieces(options.every):
            _leave_if(stop, done)
            if checkpoint.holds(piece):
                progress.advance(len(piece.paths), skipped=True)
                continue
            waiting.append(piece)
            for start in range(0, len(piece.paths), GROUP):
                yield piece.paths[start : start + GROUP]

    held: list[Measured] = []
    with (
        MeasuringPool(options.inspect, options.workers) as pool,
        sampled_resources("analysis", lambda: done),
    ):
        for measured in pool.measure(groups()):
            held.append(measured)
            done += len(measured.rows)
            progress.advance(len(measured.rows))
            if sum(len(part.rows) for part in held) == len(waiting[0].paths):
                checkpoint.save(waiting.popleft(), _joined(held))
                held = []
            _leave_if(stop, done)
    return done


def _leave_if(stop: StopFlag, done: int) -> None:
    if stop:
        raise Interrupted(
            f"stopped after {done:,} pictures: the same command goes on from the last checkpoint"
        )


def _joined(parts: Sequence[Measured]) -> Measured:
    """The parts of a piece as one; the places of failures count from its first picture."""
    failures: list[Failure] = []
    first = 0
    for part in parts:
        failures += [replace(failure, place=first + failure.place) for failure in part.failures]
        first += len(part.rows)
    return Measured(np.concatenate([part.rows for part in parts]), tuple(failures))
