"""The files that describe an import of icon packs: entries, brand groups, splits, packs and licences."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marklens.core.artifacts import write_json, write_text
from marklens.datasets.icons.archive import IconPack
from marklens.datasets.icons.brand_groups import BrandPicture
from marklens.datasets.icons.brand_names import LOGO_PACKS, TRUE_PACKS, hand_of
from marklens.datasets.icons.brand_split import SPLIT_RATIO, SPLIT_RULE, SPLIT_SEED, SPLITS, split_of

Groups = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class ListedIcon:
    """An icon of the dataset.

    Attributes:
        file: its picture's name.
        pack: where it is from, without the icons.
        text: the brand's name for people, or None.
        brand: the normalised brand its name suggests, or None.
    """

    file: str
    pack: IconPack
    text: str | None
    brand: str | None


def brand_pictures(icons: Sequence[ListedIcon]) -> Iterator[BrandPicture]:
    """The icons whose brand occurs in a pack of nothing but brands."""
    known = {icon.brand for icon in icons if icon.pack.prefix in TRUE_PACKS}
    for icon in icons:
        if icon.brand is not None and icon.brand in known:
            yield BrandPicture(icon.brand, icon.pack.prefix, icon.file)


def write_entries(out: Path, icons: Sequence[ListedIcon]) -> None:
    """Write ``output_<year>.json`` in the shape of L3D; files of years that no longer occur are removed."""
    brands = {picture.file: picture.brand for picture in brand_pictures(icons)}
    years: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for icon in icons:
        years[icon.pack.year].append(
            {
                "file": icon.file,
                "text": icon.text,
                "vienna_codes": [],
                "year": icon.pack.year,
                "pack": icon.pack.prefix,
                "license": icon.pack.license,
                "author": icon.pack.author,
                "brand": brands.get(icon.file),
            }
        )
    for stale in set(out.glob("output_*.json")) - {_year_file(out, year) for year in years}:
        stale.unlink()
    for year, entries in sorted(years.items()):
        write_json(_year_file(out, year), entries)


def write_groups(out: Path, groups: Groups) -> dict[str, tuple[int, int]]:
    """Write the groups, whole and by split, and the rule of the split.

    Returns:
        name of each split to its (brands, renderings).
    """
    write_json(out / "groups.json", groups)
    counts: dict[str, tuple[int, int]] = {}
    for split in SPLITS:
        part = {brand: files for brand, files in groups.items() if split_of(brand) == split}
        write_json(out / f"groups_{split}.json", part)
        counts[split] = (len(part), sum(map(len, part.values())))
    write_json(
        out / "splits.json",
        {
            "rule": SPLIT_RULE,
            "seed": SPLIT_SEED,
            "ratio": dict(zip(SPLITS, SPLIT_RATIO, strict=True)),
            "counts": {
                split: {"brands": brands, "files": files} for split, (brands, files) in counts.items()
            },
        },
    )
    return counts


def write_packs(out: Path, icons: Sequence[ListedIcon]) -> None:
    """Write ``packs.json`` and ``LICENSES.md``: whose work the pictures are."""
    counts: dict[str, int] = defaultdict(int)
    for icon in icons:
        counts[icon.pack.prefix] += 1
    packs = sorted({icon.pack.prefix: icon.pack for icon in icons}.values(), key=lambda pack: pack.prefix)
    write_json(
        out / "packs.json",
        {
            pack.prefix: {
                "name": pack.name,
                "author": pack.author,
                "license": pack.license,
                "url": pack.url,
                "category": pack.category,
                "year": pack.year,
                "count": counts[pack.prefix],
                "logos": pack.prefix in LOGO_PACKS,
                "hand": hand_of(pack.prefix),
            }
            for pack in packs
        },
    )
    rows = [
        f"| {pack.prefix} | {pack.name} | {pack.author} | {pack.license} | {pack.url} |" for pack in packs
    ]
    head = ["# Licences of the icon packs", "", "Brands and logos remain trademarks of their owners.", ""]
    table = ["| pack | name | author | license | url |", "| --- | --- | --- | --- | --- |", *rows]
    write_text(out / "LICENSES.md", "\n".join([*head, *table]) + "\n")


def _year_file(out: Path, year: int) -> Path:
    return out / f"output_{year}.json"
