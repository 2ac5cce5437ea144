"""Turn an npm ``@iconify/json`` archive into an L3D-shaped dataset of real logos with known brands.

What is made in the output folder:

- ``images/<pack>--<name>.png``: every visible icon, rendered on white (white drawings on black).
- ``output_<year>.json``: L3D entries, by the year in which the pack last changed.
- ``groups.json``: brand to files, for brands that at least two hands drew, without copies (`brand_groups`).
  The copies are moved to ``copies/`` and named in ``copies.json``: left in the gallery, each would count as a
  wrong answer ahead of the right one;
  ``groups_train.json``, ``groups_val.json`` and ``groups_test.json``: the same, split by brand
  (`brand_split`); ``splits.json``: the rule, the ratio and the counts.
- ``packs.json`` and ``LICENSES.md``: whose work this is, and under which licence.
- ``errors.jsonl``: icons that could not be rendered.

A second run renders only what is missing; the metadata is written at the end, each file atomically.
"""

import json
import os
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from loguru import logger

from marklens.core.artifacts import read_json, require_disk_space, write_json, write_text
from marklens.core.errors import DatasetError, Interrupted, UsageError
from marklens.core.ports import Progress
from marklens.core.resources import StopFlag
from marklens.core.types import Fault
from marklens.datasets.icons.archive import read_packs
from marklens.datasets.icons.brand_groups import group_brands
from marklens.datasets.icons.brand_names import LOGO_PACKS, brand_of, title_of
from marklens.datasets.icons.metadata import (
    ListedIcon,
    brand_pictures,
    write_entries,
    write_groups,
    write_packs,
)
from marklens.datasets.icons.rendering import RenderTask, render_all

_BYTES_AT_256 = 8 << 10
"""Disk space of a picture of 256 pixels: two blocks; the mean file has 4.6 kB."""
_COPIES = "copies"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]|^\.")


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did.

    Attributes:
        packs: packs read.
        marks: pictures in the dataset.
        copies: pictures left out of it, for they are copies of grouped ones.
        rendered: pictures made by this run; the rest was there already.
        faults: icons that could not be rendered.
        brands: brands with at least two hands.
        grouped: renderings in their groups.
        splits: name of a split to its (brands, renderings).
        seconds: time spent on rendering.
    """

    packs: int
    marks: int
    copies: int
    rendered: int
    faults: int
    brands: int
    grouped: int
    splits: Mapping[str, tuple[int, int]]
    seconds: float

    @property
    def rate(self) -> float:
        """Pictures rendered per second."""
        return self.rendered / self.seconds if self.seconds else 0.0


def import_icons(
    archive: Path,
    out: Path,
    progress: Progress,
    stop: StopFlag,
    packs: Sequence[str] | None = None,
    which: Literal["logos", "all"] = "all",
    size: int = 256,
    workers: int = 0,
) -> ImportSummary:
    """Import icon packs; see the module for what is made.

    Args:
        archive: the ``.tgz`` of ``npm pack @iconify/json``, or the folder it unpacks to.
        out: folder of the dataset; made when missing, continued when it holds an earlier run.
        progress: hears how far it is.
        stop: looked at between batches of icons.
        packs: prefixes of the packs to import; None takes those that `which` names.
        which: only the packs that draw logos, or all.
        size: pixels of the longer side of every picture.
        workers: rendering processes; 0 renders in this one.

    Raises:
        UsageError: the archive does not exist, or `out` was made with another size or of further packs.
        DatasetError: the archive cannot be read or lacks the packs asked for.
        DiskSpaceError: too little room in `out`.
        Interrupted: `stop` was set; a further run goes on.
    """
    wanted = packs if packs is not None else LOGO_PACKS if which == "logos" else None
    counts = _count(archive, wanted, missing_is_error=packs is not None)
    total = sum(counts.values())
    images = _prepare(out, size, counts)
    needed = round(total * _BYTES_AT_256 * (size / 256) ** 2)
    require_disk_space(out, needed, "rendering the icons", images.glob("*"))
    listed: dict[str, ListedIcon] = {}
    faults: list[Fault] = []
    began, done, made = time.monotonic(), 0, 0
    progress.start("render", total)
    for batch in render_all(_tasks(archive, wanted, out, size, listed), workers):
        done, made = done + batch.done, made + batch.made
        faults.extend(batch.faults)
        progress.advance(batch.made + len(batch.faults))
        progress.advance(batch.kept, skipped=True)
        if stop:
            raise Interrupted(f"stopped after {done} of {total} icons: run again to go on")
    seconds = time.monotonic() - began
    logger.info("rendered {} icons in {:.0f} s; looking for brands drawn by several hands", made, seconds)
    for fault in faults:
        del listed[fault.item]
    for copy in (out / _COPIES).iterdir():  # which picture is a copy is decided anew
        copy.replace(images / copy.name)
    found = group_brands(brand_pictures(list(listed.values())), images)
    for file in (file for files in found.copies.values() for file in files):
        (images / file).replace(out / _COPIES / file)
        del listed[file]
    icons = sorted(listed.values(), key=lambda icon: icon.file)
    splits = write_groups(out, found.groups)
    write_json(out / "copies.json", found.copies)
    write_entries(out, icons)
    write_packs(out, icons)
    lines = (json.dumps(asdict(fault), ensure_ascii=False) for fault in sorted(faults, key=lambda f: f.item))
    write_text(out / "errors.jsonl", "".join(f"{line}\n" for line in lines))
    return ImportSummary(
        packs=len(counts),
        marks=len(icons),
        copies=sum(map(len, found.copies.values())),
        rendered=made,
        faults=len(faults),
        brands=len(found.groups),
        grouped=sum(map(len, found.groups.values())),
        splits=splits,
        seconds=seconds,
    )


def icon_file(pack: str, name: str) -> str:
    """Name of the picture of an icon."""
    return f"{pack}--{_UNSAFE.sub('_', name)}.png"


def _count(archive: Path, wanted: Sequence[str] | None, missing_is_error: bool) -> dict[str, int]:
    """Icons of each pack to import; reading the archive twice costs seconds, holding it all a GB of RAM."""
    counts = {pack.prefix: len(pack.icons) for pack in read_packs(archive, wanted)}
    missing = sorted(set(wanted or ()) - set(counts))
    if missing and missing_is_error:
        raise DatasetError(f"{archive} has no pack {', '.join(missing)}: its json/ folder names those it has")
    return counts


def _prepare(out: Path, size: int, packs: Collection[str]) -> Path:
    """Make the folders; refuse to mix pictures of two sizes, and to leave pictures of other packs there."""
    recipe = out / "import.json"
    before: dict[str, Any] = read_json(recipe) if recipe.exists() else {"size": size}
    if before.get("size") != size:
        raise UsageError(
            f"{out} holds pictures of {before.get('size')} pixels, not {size}: choose another folder or size"
        )
    images, copies = out / "images", out / _COPIES
    images.mkdir(parents=True, exist_ok=True)
    copies.mkdir(exist_ok=True)
    there = {name.partition("--")[0] for folder in (images, copies) for name in os.listdir(folder)}
    if others := sorted(there - {*packs}):
        named = ", ".join(others[:5]) + (" …" if others[5:] else "")
        raise UsageError(f"{out} holds pictures of {named}, which are not asked for: choose another folder")
    write_json(recipe, {"size": size})
    return images


def _tasks(
    archive: Path, wanted: Sequence[str] | None, out: Path, size: int, listed: dict[str, ListedIcon]
) -> Iterator[RenderTask]:
    """Yield what to render; notes every icon in `listed` as it goes by, under its file name."""
    for pack in read_packs(archive, wanted):
        head = replace(pack, icons=())
        for icon in pack.icons:
            file = icon_file(pack.prefix, icon.name)
            if file not in listed:
                text = title_of(pack.prefix, icon.name)
                listed[file] = ListedIcon(file, head, text, brand_of(pack.prefix, icon.name, icon.is_brand))
                # a copy stays aside until all is rendered: a stopped run changes no finished import
                folder = _COPIES if (out / _COPIES / file).exists() else "images"
                yield RenderTask(out / folder / file, icon.body, icon.box, size)
