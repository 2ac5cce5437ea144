"""An L3D-shaped dataset of any size, drawn by chance, with the faults that the real one has.

The shares are those counted in L3D's 769,773 entries: every file name differs from the disk in case, a
quarter of the codes are bare strings, a tenth of the texts null, some files missing, some years strings.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from marklens.core.artifacts import write_json
from marklens.core.types import Pixels

SIDE = 256
YEARS = range(1996, 2021)
BARE_CODES = 0.257
NULL_TEXT = 0.099
GRAYSCALE = 0.38
STRING_YEARS = 0.5
"""L3D says only that they occur."""
MISSING = 99 / 769_773
CODES = 1558
CODES_PER_MARK = 3.19
COMMON_DIVISIONS = {"27.05": 0.287, "29.01": 0.180}
"""Share of marks with a code of the division."""

_SYLLABLES = "ba co da el fi go ha in jo ka lu mo na or pi qua ro sa ti um va we xo ya zen".split()  # noqa: SIM905
_INKS = ((20, 20, 20), (40, 40, 200), (180, 80, 20), (40, 140, 40), (20, 140, 230), (130, 30, 120))


@dataclass(frozen=True, slots=True)
class SyntheticL3d:
    """What was written.

    Attributes:
        root: the dataset.
        files: names on disk of the good pictures, sorted.
        faults: kind of fault to how often a reader must report it.
        oddities: ``bare-codes``, ``null-text``, ``string-year`` and ``grayscale`` to their numbers among the
            good entries; a reader must take them as they are.
    """

    root: Path
    files: tuple[str, ...]
    faults: Mapping[str, int]
    oddities: Mapping[str, int]


def write_synthetic_l3d(out: Path, marks: int, seed: int) -> SyntheticL3d:
    """Write ``images/*.jpg`` (256×256) and ``output_1996.json`` to ``output_2020.json``.

    Beside `marks` good entries there are entries of missing files (99 in 769,773, at least one), one missing
    ``.TIF`` and one ``.mp3``. The same arguments give the same bytes.

    Args:
        out: folder of the dataset; made when missing.
        marks: good pictures, at least 1.
        seed: of the chance.
    """
    images = out / "images"
    images.mkdir(parents=True, exist_ok=True)
    codes = _all_codes()
    by_year: dict[int, list[dict[str, Any]]] = defaultdict(list)
    oddities: Counter[str] = Counter()
    files = []
    for number in range(marks):
        rng = np.random.default_rng([seed, number])
        file = f"em{number:09d}.jpg"
        gray = rng.random() < GRAYSCALE
        entry, year, odd = _entry(file, codes, rng)
        oddities.update([*odd, *(["grayscale"] if gray else [])])
        by_year[year].append(entry)
        _write_picture(images / file, _draw(entry["text"], gray, rng))
        files.append(file)
    rng = np.random.default_rng([seed, marks])
    missing = max(1, round(marks * MISSING))
    for number in range(missing):
        entry, year, _ = _entry(f"gone{number:06d}.jpg", codes, rng)
        by_year[year].append(entry)
    for file in ("scan000001.tif", "sound00001.mp3"):
        entry, year, _ = _entry(file, codes, rng)
        by_year[year].append(entry)
    for year in YEARS:
        write_json(out / f"output_{year}.json", by_year[year])
    return SyntheticL3d(out, tuple(files), {"missing-file": missing + 1, "not-a-picture": 1}, dict(oddities))


def _entry(file: str, codes: list[str], rng: np.random.Generator) -> tuple[dict[str, Any], int, list[str]]:
    """An entry for a file, its year, and the odd shapes it has."""
    odd = []
    year = int(rng.choice(YEARS))
    text: str | None = _word(rng)
    if rng.random() < NULL_TEXT:
        text = None
        odd.append("null-text")
    bare = rng.random() < BARE_CODES
    given = _codes(codes, 1 if bare else _list_length(rng), rng)
    if bare:
        odd.append("bare-codes")
    as_string = rng.random() < STRING_YEARS
    if as_string:
        odd.append("string-year")
    entry = {
        "file": file.upper(),
        "text": text,
        "vienna_codes": given[0] if bare else given,
        "year": str(year) if as_string else year,
    }
    return entry, year, odd


def _list_length(rng: np.random.Generator) -> int:
    """Codes in a list, so that all entries together have `CODES_PER_MARK` on average."""
    mean = (CODES_PER_MARK - BARE_CODES) / (1 - BARE_CODES)
    return 1 + int(rng.poisson(mean - 1))


def _codes(codes: list[str], count: int, rng: np.random.Generator) -> list[str]:
    """Distinct codes of one mark: the common divisions by their share, the others by Zipf's law."""
    chosen = [
        f"{division}.{rng.integers(1, 25):02d}"
        for division, share in COMMON_DIVISIONS.items()
        if rng.random() < share
    ]
    while len(chosen) < count:
        code = codes[min(int(rng.zipf(1.3)) - 1, len(codes) - 1)]
        if code not in chosen:
            chosen.append(code)
    return chosen[:count]


def _all_codes() -> list[str]:
    """`CODES` codes outside the common divisions, the commonest first; the same in every dataset."""
    every = [
        f"{category:02d}.{division:02d}.{section:02d}"
        for category in range(1, 30)
        for division in range(1, 9)
        for section in range(1, 9)
        if f"{category:02d}.{division:02d}" not in COMMON_DIVISIONS
    ]
    order = np.random.default_rng(0).permutation(len(every))
    return [every[place] for place in order[:CODES]]


def _word(rng: np.random.Generator) -> str:
    return "".join(rng.choice(_SYLLABLES, size=int(rng.integers(2, 5)))).upper()


def _draw(text: str | None, gray: bool, rng: np.random.Generator) -> Pixels:
    """One or two figures and, below them, the word; BGR (256, 256, 3) or grey (256, 256)."""
    picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
    for _ in range(int(rng.integers(1, 3))):
        _draw_figure(picture, rng)
    if text:
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)[0][0]
        scale = min(1.5, 220 / width)
        left = round((SIDE - width * scale) / 2)
        cv2.putText(picture, text, (left, 236), cv2.FONT_HERSHEY_DUPLEX, scale, (20, 20, 20), 2, cv2.LINE_AA)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8) if gray else picture


def _draw_figure(picture: Pixels, rng: np.random.Generator) -> None:
    """A disc, a ring, a box, or a star of random corners, in one ink."""
    ink = _INKS[rng.integers(len(_INKS))]
    x, y = (int(value) for value in rng.integers(80, 176, 2))
    radius = int(rng.integers(24, 70))
    match rng.integers(4):
        case 0:
            cv2.circle(picture, (x, y), radius, ink, cv2.FILLED, cv2.LINE_AA)
        case 1:
            cv2.circle(picture, (x, y), radius, ink, int(rng.integers(4, 16)), cv2.LINE_AA)
        case 2:
            cv2.rectangle(
                picture, (x - radius, y - radius // 2), (x + radius, y + radius // 2), ink, cv2.FILLED
            )
        case _:
            corners = 2 * int(rng.integers(3, 8))
            angles = np.arange(corners) * (2 * np.pi / corners)
            reach = np.where(np.arange(corners) % 2, radius, radius * rng.uniform(0.3, 0.9))
            points = np.stack([x + reach * np.sin(angles), y - reach * np.cos(angles)], axis=1)
            cv2.fillPoly(picture, [np.rint(points).astype(np.int32)], ink, cv2.LINE_AA)


def _write_picture(path: Path, picture: Pixels) -> None:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    path.write_bytes(data.tobytes())
