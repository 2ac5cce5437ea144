"""Lock-ups as batches: changed at random, padded to common shapes, with shares of text and figure."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from marklens.core.types import Bools, Pixels

STEP = 32
"""Pixels; sides are padded to multiples of this, so that few shapes occur."""
AREA = 16 * 256 * 256
"""Pixels a batch holds at least, whatever the shape of its pictures."""
SMALLEST = 0.5
"""Small print is common: a third of the pictures is scaled down, at most to this."""

Sample = tuple[Pixels, Bools, Bools]
"""Picture, ink of the text, ink of the figure; uint8 (h, w, 3), bool (h, w) twice."""
Batch = tuple[Pixels, npt.NDArray[np.float32]]
"""Pictures, uint8 (n, h, w, 3), and the shares of text and figure in every 2×2 pixels, (n, 2, h/2, w/2)."""


def batches(samples: Sequence[Sample], random: np.random.Generator, area: int = AREA) -> Iterator[Batch]:
    """Go through the samples in random order again and again; a shape that has filled a batch is yielded."""
    held: dict[tuple[int, int], list[tuple[Pixels, npt.NDArray[np.float32]]]] = {}
    while True:
        for place in random.permutation(len(samples)):
            picture, shares = _placed(*_scaled(samples[place], random), random)
            shape = (picture.shape[0], picture.shape[1])
            group = held.setdefault(shape, [])
            group.append((change_ink(picture, random), shares))
            if len(group) * shape[0] * shape[1] >= area:
                yield _stacked(held.pop(shape))


def padded(samples: Sequence[Sample]) -> Iterator[Batch]:
    """Every sample as it is, one at a time, for measuring."""
    for picture, text, figure in samples:
        yield _stacked([_placed(picture, text, figure, None)])


def change_ink(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Invert, exchange channels, take colour away, blur, change brightness: none of it moves a letter."""
    if random.random() < 0.25:
        picture = 255 - picture
    if random.random() < 0.3:
        picture = picture[..., random.permutation(3)]
    if random.random() < 0.25:
        gray = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)
        picture = np.repeat(gray[..., None], 3, axis=2).astype(np.uint8)
    if random.random() < 0.15:
        picture = np.asarray(cv2.GaussianBlur(np.ascontiguousarray(picture), (3, 3), 0), np.uint8)
    if random.random() < 0.3:
        contrast, shift = random.uniform(0.6, 1.2), random.uniform(-20, 20)
        picture = np.clip((picture - 128.0) * contrast + 128 + shift, 0, 255).astype(np.uint8)
    return picture


def _scaled(sample: Sample, random: np.random.Generator) -> Sample:
    if random.random() > 0.35:
        return sample
    picture, text, figure = sample
    scale = random.uniform(SMALLEST, 1)
    size = (max(16, round(picture.shape[1] * scale)), max(16, round(picture.shape[0] * scale)))
    inks = [
        cv2.resize(ink.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5 for ink in (text, figure)
    ]
    smaller = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.uint8), inks[0], inks[1]


def _placed(
    picture: Pixels, text: Bools, figure: Bools, random: np.random.Generator | None
) -> tuple[Pixels, npt.NDArray[np.float32]]:
    """On a canvas of whole steps in the border's colour: anywhere, or at the upper left without `random`."""
    height, width = text.shape
    rows, columns = -(-height // STEP) * STEP, -(-width // STEP) * STEP
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    canvas = np.empty((rows, columns, 3), np.uint8)
    canvas[:] = np.median(border, axis=0)
    top = 0 if random is None else int(random.integers(0, rows - height + 1))
    left = 0 if random is None else int(random.integers(0, columns - width + 1))
    place = slice(top, top + height), slice(left, left + width)
    canvas[place] = picture
    shares = np.zeros((2, rows, columns), np.float32)
    shares[0][place], shares[1][place] = text, figure
    return canvas, shares.reshape(2, rows // 2, 2, columns // 2, 2).mean(axis=(2, 4))


def _stacked(group: Sequence[tuple[Pixels, npt.NDArray[np.float32]]]) -> Batch:
    return np.stack([picture for picture, _ in group]), np.stack([shares for _, shares in group])
