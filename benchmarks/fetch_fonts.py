"""Fetch the fonts of the ground truth from npm, as `font_families.txt` lists them, and unpack what it uses.

python -m benchmarks.fetch_fonts --out fonts
"""

import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from marklens.training.lockups.fonts import unpack_fonts

FAMILIES = Path(__file__).with_name("font_families.txt").read_text(encoding="utf-8").split()


def main(out: Annotated[Path, typer.Option(help="Folder for the WOFF files, replaced.")]) -> None:
    """Fetch with ``npm pack``, eight at a time, and unpack."""
    part = out.with_name(f"{out.name}.part")
    with tempfile.TemporaryDirectory() as archives, ThreadPoolExecutor(8) as threads:
        for done in threads.map(lambda family: _fetch(family, archives), FAMILIES):
            unpack_fonts([done], part)
        if out.is_dir():
            shutil.rmtree(out)
        part.rename(out)  # all at once: half of the fonts are another word bank
    print(f"{len(list(out.glob('*.woff')))} font files of {len(FAMILIES)} families in {out}")


def _fetch(family: str, folder: str) -> Path:
    command = ["npm", "pack", "--silent", f"@fontsource/{family}"]
    name = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
    return Path(folder, name.splitlines()[-1])


if __name__ == "__main__":
    typer.run(main)
