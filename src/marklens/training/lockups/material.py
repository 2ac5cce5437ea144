"""What lock-ups are made of: symbols of one split that bear no words, names, fonts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from marklens.core.artifacts import read_json, write_json
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.ports import Progress
from marklens.datasets.icons.brand_split import Split
from marklens.datasets.icons.selecting import select_split
from marklens.datasets.opening import open_dataset
from marklens.preprocessing.ppocr_detector import PpOcrDetector
from marklens.preprocessing.text_reader import PpOcrReader
from marklens.training.lockups.drafting import Material
from marklens.training.lockups.fonts import find_fonts

LEGIBLE = 2
"""Letters that PP-OCR must read in a symbol for it to be left out: it bears words itself."""
LONGEST_NAME = 28


def load_material(
    dataset: Path, fonts: Path, work: Path, split: Split, count: int, progress: Progress
) -> Material:
    """Symbols, names and fonts of one split.

    Args:
        dataset: what `import-icons` wrote.
        fonts: WOFF files, see `lockups.fonts`.
        work: where what was read in the symbols is kept, for that takes minutes.
        split: of brands and of font families.
        count: symbols looked at; those with words are left out.
        progress: hears how far the reading is.
    """
    marks = select_split(dataset, open_dataset(dataset).marks(lambda fault: None), split)
    names = [mark.text for mark in marks if mark.text and len(mark.text) < LONGEST_NAME]
    ours = list(dict.fromkeys(mark.path for mark in marks))
    order = np.random.default_rng(1).permutation(len(ours))[:count]
    symbols = _without_words([ours[place] for place in order], work / f"legible_{split}.json", progress)
    return Material(symbols, names, find_fonts(fonts, split))


def _without_words(paths: Sequence[Path], kept: Path, progress: Progress) -> list[Path]:
    read: dict[str, str] = read_json(kept) if kept.is_file() else {}
    missing = [path for path in paths if path.name not in read]
    if missing:
        detector, reader = PpOcrDetector(256, 0.5), PpOcrReader(0.6)
        progress.start("symbols that bear words", len(missing))
        for path in missing:
            read[path.name] = _words(path, detector, reader)
            progress.advance(1)
        write_json(kept, read)
    return [path for path in paths if sum(map(str.isalnum, read[path.name])) < LEGIBLE]


def _words(path: Path, detector: PpOcrDetector, reader: PpOcrReader) -> str:
    try:
        picture = read_picture(path)
    except PictureError:
        return "unreadable"
    found = reader.read(picture, detector.detect(picture).regions)
    return found.text if found else ""
