"""Read the packs of an npm ``@iconify/json`` archive, as a stream: nothing is unpacked to the disk."""

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from marklens.core.errors import DatasetError, UsageError

_BRAND_CATEGORIES = {"brand", "brands", "brand logos", "brand / logo", "logo", "logos"}
_FIRST_YEAR = 1980
"""A pack without a date counts as of the epoch; earlier stamps are damage."""
_ICON_SIDE = 16
"""The format's default for width and height."""


@dataclass(frozen=True, slots=True)
class Icon:
    """One drawing of a pack.

    Attributes:
        name: unique in its pack.
        body: the inside of an SVG element.
        box: left, top, width, height of the drawing, in its own units.
        is_brand: the pack files it under a category of brands or logos.
    """

    name: str
    body: str
    box: tuple[float, float, float, float]
    is_brand: bool = False


@dataclass(frozen=True, slots=True)
class IconPack:
    """One pack: who made it, under which licence, and its visible icons."""

    prefix: str
    name: str
    author: str
    license: str
    url: str
    category: str
    year: int
    icons: tuple[Icon, ...]


def read_packs(archive: Path, wanted: Sequence[str] | None = None) -> Iterator[IconPack]:
    """Yield the packs of an archive one at a time, in the archive's order.

    Packs that ``collections.json`` does not list are superseded editions of listed ones and are left out,
    unless `wanted` names them; icons marked as hidden are left out.

    Args:
        archive: the ``.tgz`` that ``npm pack @iconify/json`` makes, or the folder it unpacks to.
        wanted: prefixes of the packs to read; None reads every listed one.

    Raises:
        UsageError: the archive does not exist.
        DatasetError: it cannot be read, or holds no packs.
    """
    if not archive.exists():
        raise UsageError(f"{archive} does not exist: make it with `npm pack @iconify/json`")
    found = False
    listed: set[str] | None = None
    for name, data in _documents(archive):
        if name == "collections.json":
            listed = set(_parse(archive, name, data))
            continue
        prefix = name.removeprefix("json/").removesuffix(".json")
        if prefix not in wanted if wanted is not None else listed is not None and prefix not in listed:
            continue
        found = True
        yield _pack(prefix, _parse(archive, name, data))
    if not found:
        raise DatasetError(
            f"{archive} holds no icon packs (json/<pack>.json): is it an @iconify/json archive?"
        )


def _documents(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the relative name and the bytes of collections.json and of every pack."""
    if archive.is_dir():
        root = archive / "package" if (archive / "package").is_dir() else archive
        for path in [root / "collections.json", *sorted((root / "json").glob("*.json"))]:
            if path.is_file():
                yield path.relative_to(root).as_posix(), path.read_bytes()
        return
    try:
        with tarfile.open(archive, "r|*") as tar:
            for member in tar:
                name = member.name.removeprefix("./").removeprefix("package/")
                is_pack = name.startswith("json/") and name.endswith(".json")
                handle = tar.extractfile(member) if is_pack or name == "collections.json" else None
                if handle is not None:
                    yield name, handle.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DatasetError(f"{archive} cannot be read ({error}): fetch it again") from error


def _parse(archive: Path, name: str, data: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise DatasetError(f"{name} in {archive} is damaged ({error}): fetch it again") from error
    if not isinstance(document, dict):
        raise DatasetError(f"{name} in {archive} is no JSON object: is it an @iconify/json archive?")
    return document


def _pack(prefix: str, document: Mapping[str, Any]) -> IconPack:
    info = document.get("info") or {}
    author, license_ = info.get("author") or {}, info.get("license") or {}
    stamp = datetime.fromtimestamp(document.get("lastModified") or 0, UTC)
    return IconPack(
        prefix=prefix,
        name=info.get("name") or prefix,
        author=author.get("name") or "unknown",
        license=license_.get("spdx") or license_.get("title") or "unknown",
        url=author.get("url") or license_.get("url") or "",
        category=info.get("category") or "",
        year=max(stamp.year, _FIRST_YEAR),
        icons=tuple(_icons(document)),
    )


def _icons(document: Mapping[str, Any]) -> Iterator[Icon]:
    categories = document.get("categories") or {}
    brands = {
        name
        for category, names in categories.items()
        if category.lower() in _BRAND_CATEGORIES
        for name in names
    }
    for name, icon in sorted((document.get("icons") or {}).items()):
        if not isinstance(icon, dict) or icon.get("hidden"):
            continue
        left, top = (_number(icon, document, key, 0) for key in ("left", "top"))
        width, height = (_number(icon, document, key, _ICON_SIDE) for key in ("width", "height"))
        yield Icon(name, str(icon.get("body") or ""), (left, top, width, height), name in brands)


def _number(icon: Mapping[str, Any], pack: Mapping[str, Any], key: str, default: float) -> float:
    """A measure of an icon, else its pack's, else the default; damage counts as absent."""
    for value in (icon.get(key), pack.get(key)):
        if isinstance(value, int | float):
            return float(value)
    return default
