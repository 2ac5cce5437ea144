"""One pass over a dataset: its pictures in pieces, its metadata counted, its faults kept."""

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from marklens.core.artifacts import atomic
from marklens.core.ports import Dataset
from marklens.core.types import Fault, Mark
from marklens.datasets.analysis.checkpoint import Piece, digest_of
from marklens.datasets.analysis.measuring import Failure
from marklens.datasets.analysis.metadata import MetadataTally


class Reading:
    """What is remembered of a dataset while and after its marks go by: a file name a mark.

    Args:
        dataset: read once, by `pieces`.

    Attributes:
        files: of the marks read so far, in the dataset's order.
        pieces_read: how many pieces were given out.
        tally: the metadata of these marks, counted.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._folder = ""
        self._elsewhere: dict[int, str] = {}
        self._faults = io.BytesIO()  # JSON lines: a third of what as many objects take
        self.files: list[str] = []
        self.pieces_read = 0
        self.tally = MetadataTally()

    def pieces(self, size: int) -> Iterator[Piece]:
        """Give out the pictures, `size` at a time, while counting the metadata."""
        marks = self._dataset.marks(self._add_fault)
        while paths := [self._add(mark) for mark in islice(marks, size)]:
            digest = digest_of(self.files[-len(paths) :], paths)
            self.pieces_read += 1
            yield Piece(self.pieces_read - 1, paths, digest)

    def path(self, place: int) -> Path:
        """Where the picture of a mark is."""
        return Path(self._elsewhere.get(place, self._folder + self.files[place]))

    def write_errors(self, path: Path, failures: Sequence[Failure]) -> None:
        """Write ``errors.jsonl`` as the index build does: faults of the metadata, then of the pictures."""
        with atomic(path) as temporary, temporary.open("wb") as file:
            file.write(self._faults.getbuffer())
            for failure in failures:
                fault = Fault(self.files[failure.place], failure.kind, failure.reason)
                file.write(_line("picture", fault))

    def _add(self, mark: Mark) -> str:
        path = str(mark.path)
        if not self.files and path.endswith(mark.file):
            self._folder = path.removesuffix(mark.file)
        if path != self._folder + mark.file:
            self._elsewhere[len(self.files)] = path
        self.files.append(mark.file)
        self.tally.add(mark)
        return path

    def _add_fault(self, fault: Fault) -> None:
        self.tally.add_fault(fault)
        self._faults.write(_line("dataset", fault))


def _line(of: str, fault: Fault) -> bytes:
    """One line of ``errors.jsonl``; plain ASCII, as a file name may be no valid text."""
    return json.dumps({"of": of, **asdict(fault)}).encode("ascii") + b"\n"
