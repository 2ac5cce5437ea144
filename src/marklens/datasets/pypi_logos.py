"""Real logos from PyPI packages, as folders with a manifest: two hands and two inks for the demo."""

import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from marklens.core.artifacts import write_text
from marklens.core.errors import MissingExtraError
from marklens.datasets.icons.brand_names import brand_of

_FONT_AWESOME_LICENSE = "CC-BY-4.0"
_SIMPLE_ICONS_LICENSE = "CC0-1.0"
"""Of the pack; an icon that has its own says so."""
_TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Logo:
    """One SVG file and its line in the manifest."""

    slug: str
    svg: str
    title: str
    brand: str | None
    license: str
    source: str
    hex: str | None = None

    @property
    def line(self) -> str:
        entry = {
            "file": f"images/{self.slug}.svg",
            "id": self.slug,
            "text": self.title,
            "brand": self.brand,
            "license": self.license,
            "hex": self.hex,
            "source": self.source,
        }
        return json.dumps({key: value for key, value in entry.items() if value}, ensure_ascii=False)


def write_simple_icons(out: Path) -> Path:
    """Write the marks of `simple-icons-pack`, each in its brand's colour.

    Args:
        out: gets ``images/*.svg`` and ``manifest.jsonl``; what the same release wrote is left alone.

    Returns:
        `out`, ready for `open_dataset`.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        import simple_icons_pack as pack
    except ImportError:
        raise MissingExtraError("the demo", "demo") from None
    logos = (
        _Logo(
            slug=icon.slug,
            svg=_TITLE.sub("", icon.svg).replace("<svg ", f'<svg fill="#{icon.hex}" ', 1),
            title=html.unescape(icon.title),
            brand=brand_of("simple-icons", icon.slug),
            license=icon.license or _SIMPLE_ICONS_LICENSE,
            source=icon.source,
            hex=icon.hex,
        )
        for icon in _constants(pack, "SI_")
    )
    return _write(out, f"simple-icons-pack {version('simple-icons-pack')}", logos)


def write_fontawesome_brands(out: Path) -> Path:
    """Write the brand marks of `fontawesome-free-pack`, all black.

    Args:
        out: gets ``images/*.svg`` and ``manifest.jsonl``; what the same release wrote is left alone.

    Returns:
        `out`, ready for `open_dataset`.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        import fontawesome_free_pack as pack
    except ImportError:
        raise MissingExtraError("the demo", "demo") from None
    logos = (
        _Logo(
            slug=icon.slug,
            svg=icon.svg.replace("currentColor", "#000000"),
            title=icon.label,
            brand=brand_of("fa7-brands", icon.slug),
            license=_FONT_AWESOME_LICENSE,
            source="https://fontawesome.com",
        )
        for icon in _constants(pack, "BRANDS_")
    )
    return _write(out, f"fontawesome-free-pack {version('fontawesome-free-pack')}", logos)


def _constants(pack: ModuleType, prefix: str) -> list[Any]:
    """The icons of a package, by the name of their constant."""
    return [getattr(pack, name) for name in sorted(vars(pack)) if name.startswith(prefix)]


def _write(out: Path, release: str, logos: Iterable[_Logo]) -> Path:
    """Write the pictures, then the manifest, then the release's name, which says that all is there."""
    done = out / "release.txt"
    if done.is_file() and done.read_text(encoding="utf-8").strip() == release:
        return out
    unique = {logo.slug: logo for logo in logos}
    ordered = [unique[slug] for slug in sorted(unique)]
    (out / "images").mkdir(parents=True, exist_ok=True)
    for logo in ordered:
        (out / "images" / f"{logo.slug}.svg").write_text(logo.svg, encoding="utf-8")
    write_text(out / "manifest.jsonl", "".join(f"{logo.line}\n" for logo in ordered))
    write_text(done, f"{release}\n")
    return out
