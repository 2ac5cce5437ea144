"""Turn a trade-mark register into a dataset that every command reads."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from marklens.core.artifacts import atomic
from marklens.core.errors import DatasetError
from marklens.core.ports import Progress
from marklens.core.types import Fault
from marklens.datasets.registers import RegisterDataset
from marklens.datasets.splits import manifest_row

MANIFEST = "manifest.jsonl"
ERRORS = "errors.jsonl"


@dataclass(frozen=True, slots=True)
class RegisterImport:
    """What was written.

    Attributes:
        marks: lines of the manifest.
        faults: kind to how often it occurred; all of them stand in ``errors.jsonl``.
    """

    marks: int
    faults: Mapping[str, int]


def import_register(source: Path, images: Path, out: Path, progress: Progress) -> RegisterImport:
    """Write ``manifest.jsonl`` and ``errors.jsonl``, line by line, so that a register may have any size.

    Args:
        source: an XML file, a ZIP of them, or a folder of either.
        images: folder with the pictures, which stay where they are.
        out: folder of the dataset.
        progress: hears of every mark.

    Raises:
        DatasetError: `source` holds no XML or no usable mark, or `images` is no folder.
    """
    dataset = RegisterDataset(source.absolute(), images.absolute())
    faults: Counter[str] = Counter()
    marks = 0
    progress.start("import", dataset.count())
    with atomic(out / ERRORS) as listed, atomic(out / MANIFEST) as manifest:
        with listed.open("w", encoding="utf-8") as errors, manifest.open("w", encoding="utf-8") as lines:

            def note(fault: Fault) -> None:
                faults[fault.kind] += 1
                errors.write(json.dumps(asdict(fault)) + "\n")

            for mark in dataset.marks(note):
                lines.write(json.dumps(manifest_row(mark, out)) + "\n")
                marks += 1
                progress.advance(1)
        if not marks:
            found = ", ".join(f"{count} × {kind}" for kind, count in faults.items()) or "nothing"
            raise DatasetError(f"no mark of {source} can be used ({found}): nothing was written")
    return RegisterImport(marks, dict(faults))
