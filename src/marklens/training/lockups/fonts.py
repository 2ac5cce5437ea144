"""Real fonts of many scripts, from the npm packages of Fontsource, split by family as brands are."""

import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from PIL import ImageFont

from marklens.core.artifacts import write_bytes
from marklens.core.errors import DatasetError
from marklens.datasets.icons.brand_split import Split, split_of

Script = Literal["latin", "greek", "cyrillic", "chinese-simplified", "japanese", "korean", "arabic"]
SCRIPTS: tuple[Script, ...] = get_args(Script)

DRAWN_HEIGHT = 96
"""Pixels an em; every line is drawn at this size and scaled afterwards, so that a font is opened once."""
_FILE = re.compile(rf"(?P<family>.+)-(?P<script>{'|'.join(SCRIPTS)})-(?P<weight>\d+)-normal\.woff")


@dataclass(frozen=True, slots=True)
class Font:
    """One cut of a family for one script.

    Attributes:
        path: a WOFF file.
        family: such as ``"playfair-display"``.
        script: what it can write.
        weight: 100 (thin) to 900 (black).
    """

    path: Path
    family: str
    script: Script
    weight: int

    def opened(self) -> ImageFont.FreeTypeFont:
        """The font at `DRAWN_HEIGHT`; the last 128 opened stay in memory."""
        return _open(self.path)


@lru_cache(maxsize=128)
def _open(path: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, DRAWN_HEIGHT)


def unpack_fonts(archives: Iterable[Path], folder: Path) -> None:
    """Take the upright WOFF files of the known scripts out of archives of ``npm pack @fontsource/…``."""
    for archive in archives:
        with tarfile.open(archive) as files:
            for member in files:
                name = Path(member.name).name
                content = files.extractfile(member) if _FILE.fullmatch(name) else None
                if content is not None:
                    write_bytes(folder / name, content.read())


def find_fonts(folder: Path, split: Split | None = None) -> dict[Script, list[Font]]:
    """The fonts below a folder by script, all or those of the families of one split.

    Raises:
        DatasetError: there are none for Latin.
    """
    found: dict[Script, list[Font]] = {script: [] for script in SCRIPTS}
    for path in sorted(folder.glob("*.woff")):
        if match := _FILE.fullmatch(path.name):
            font = Font(path, match["family"], match["script"], int(match["weight"]))  # type: ignore[arg-type]
            if split is None or split_of(font.family) == split:
                found[font.script].append(font)
    if not found["latin"]:
        raise DatasetError(f"{folder} holds no fonts: unpack archives of 'npm pack @fontsource/roboto' there")
    return {script: fonts for script, fonts in found.items() if fonts}
