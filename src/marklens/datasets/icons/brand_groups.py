"""Which renderings show one brand drawn by different hands: the groups of the brand benchmark."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from marklens.datasets.icons.brand_names import TRUE_PACKS, hand_of

COPY_DIFFERENCE = 0.02
"""Mean difference (0..1) of two `Shape`s below which one picture counts as a copy of the other."""
COPY_ASPECT = 0.05
"""Relative difference of aspect ratios up to which two pictures can be copies."""
_SHAPE_SIDE = 32
_INK = 24
"""Grey levels from the ground that make ink."""


@dataclass(frozen=True, slots=True)
class BrandPicture:
    """A rendering that may show a brand."""

    brand: str
    pack: str
    file: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What is left of a picture without its border, size, ink and ground.

    Attributes:
        aspect: width divided by height of the trimmed mark.
        values: float32 (32, 32), distance from the ground, 0..1, stretched so that the strongest ink is 1.
    """

    aspect: float
    values: npt.NDArray[np.float32]

    def is_copy_of(self, other: "Shape") -> bool:
        """Same drawing, whatever its size, place, ink and ground."""
        if abs(self.aspect / other.aspect - 1) > COPY_ASPECT:
            return False
        return float(np.abs(self.values - other.values).mean()) < COPY_DIFFERENCE


@dataclass(frozen=True, slots=True)
class BrandGroups:
    """Brand to file names, both sorted.

    Attributes:
        groups: renderings that show the brand as different drawings, by at least two hands.
        copies: of the same brands, the renderings that are copies of a grouped one.
    """

    groups: Mapping[str, list[str]]
    copies: Mapping[str, list[str]]


def group_brands(pictures: Iterable[BrandPicture], images: Path) -> BrandGroups:
    """Group renderings by brand; keep the brands that at least two hands drew.

    A brand counts when a true pack knows it. Of pictures that are copies of one another (see `Shape`), within
    a pack or across packs, only the first by the order of `TRUE_PACKS` is grouped: finding a copy earns
    nothing, so a benchmark should not hold the copies at all.

    Args:
        pictures: renderings with the brand their name suggests.
        images: the folder of the rendered files; missing and empty pictures are left out.
    """
    rank = {pack: number for number, pack in enumerate(TRUE_PACKS)}
    groups: dict[str, list[str]] = {}
    copies: dict[str, list[str]] = {}
    for brand, members in sorted(_by_brand(pictures).items()):
        if _hands(members) < 2 or not any(member.pack in rank for member in members):
            continue
        members.sort(key=lambda member: (rank.get(member.pack, len(rank)), member.pack, member.file))
        kept, copied = _without_copies(members, images)
        if _hands(kept) >= 2:
            groups[brand] = sorted(member.file for member in kept)
            copies[brand] = sorted(member.file for member in copied)
    return BrandGroups(groups, {brand: files for brand, files in copies.items() if files})


def shape_of(path: Path) -> Shape | None:
    """The shape of a picture file, or None when it cannot be read or shows nothing."""
    gray = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if gray is None:
        return None
    distance = np.abs(gray.astype(np.float32) - float(gray[0, 0]))
    rows, columns = (np.flatnonzero((distance > _INK).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    mark = distance[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = cv2.resize(mark / mark.max(), (_SHAPE_SIDE, _SHAPE_SIDE), interpolation=cv2.INTER_AREA)
    return Shape(mark.shape[1] / mark.shape[0], small)


def _by_brand(pictures: Iterable[BrandPicture]) -> Mapping[str, list[BrandPicture]]:
    brands: dict[str, list[BrandPicture]] = defaultdict(list)
    for picture in pictures:
        brands[picture.brand].append(picture)
    return brands


def _hands(members: Iterable[BrandPicture]) -> int:
    return len({hand_of(member.pack) for member in members})


def _without_copies(
    members: Iterable[BrandPicture], images: Path
) -> tuple[list[BrandPicture], list[BrandPicture]]:
    """The different drawings, each by its first member, and the copies of them."""
    shapes: list[Shape] = []
    kept: list[BrandPicture] = []
    copied: list[BrandPicture] = []
    for member in members:
        shape = shape_of(images / member.file)
        if shape is None:
            continue
        if any(shape.is_copy_of(other) for other in shapes):
            copied.append(member)
        else:
            shapes.append(shape)
            kept.append(member)
    return kept, copied
