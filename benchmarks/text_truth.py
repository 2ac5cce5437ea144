"""The ground truth of logo text: made lock-ups, and real ones whose symbol is also drawn alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from marklens.cli.progress import shown_progress
from marklens.core.types import Bools, Pixels
from marklens.datasets.icons.brand_split import Split
from marklens.training.lockups.making import make_lockup
from marklens.training.lockups.material import load_material
from marklens.training.lockups.real import find_pairs, read_lockup

SYMBOLS = {"train": 8000, "val": 2000, "test": 2000}
JPEG_SHARE = 0.5
"""Share of the made pictures that are compressed, as those of registers are."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A picture whose text is known.

    Attributes:
        picture: uint8 (h, w, 3).
        text, figure: bool (h, w), the ink of the words and of the rest.
        without_text: uint8 (h, w, 3), the picture before words were laid on it; None for real ones.
        layout, script: how it was made; ``"real"`` and ``""`` for real ones.
    """

    picture: Pixels
    text: Bools
    figure: Bools
    without_text: Pixels | None
    layout: str
    script: str


def made(dataset: Path, fonts: Path, work: Path, split: Split, count: int, first: int = 0) -> Iterator[Truth]:
    """Make `count` lock-ups of symbols and fonts of one split from number `first` on, always the same."""
    with shown_progress() as progress:
        material = load_material(dataset, fonts, work, split, SYMBOLS[split], progress)
    first += {"train": 0, "val": 10**8, "test": 2 * 10**8}[split]
    for seed in range(first, first + count):
        random = np.random.default_rng(seed)
        lockup = make_lockup(material, random)
        picture = lockup.picture
        if random.random() < JPEG_SHARE:
            picture = _compressed(picture, int(random.integers(40, 95)))
        yield Truth(picture, lockup.text, lockup.figure, lockup.without_text, lockup.layout, lockup.script)


def real(dataset: Path, split: Split) -> Iterator[Truth]:
    """The real lock-ups of one split in which the bare symbol is found as it is drawn alone."""
    folder = dataset / "images"
    for pair in find_pairs((path.name for path in folder.iterdir()), split):
        found = read_lockup(folder, pair)
        if found is not None:
            picture, text, figure = found
            yield Truth(picture, text, figure, None, "real", "")


def _compressed(picture: Pixels, quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
