"""Draws the picture of how-it-works.md: three made-up marks and the views that Marklens makes of them.

python docs/draw_views.py
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from marklens.assembly import make_view_maker
from marklens.core.images import decode
from marklens.core.types import Pixels
from marklens.preprocessing.pipeline import ViewOptions

LEAF = "<path d='M60 10C20 40 20 90 60 120C100 90 100 40 60 10Z' fill='{0}'/>"
LEAF += "<path d='M60 40v70' stroke='{1}' stroke-width='8'/>"
NAME = "<text x='{0}' y='{1}' font-family='sans-serif' font-size='{2}' font-weight='bold' "
NAME += "fill='{3}'>Foglia</text>"
SIDE, GAP, CAPTION = 224, 24, 26
OUT = Path(__file__).parent / "images" / "views.webp"


def svg(width: int, height: int, ground: str, content: str) -> Pixels:
    """A picture of a mark."""
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'>"
    return decode(f"{head}<rect width='100%' height='100%' fill='{ground}'/>{content}</svg>".encode())


def marks() -> dict[str, Pixels]:
    """A lock-up, the same on a dark ground, and a badge."""
    beside = moved(10, 8, LEAF.format("#1f8a4c", "#ffffff")) + NAME.format(140, 95, 64, "#222")
    below = moved(40, 16, LEAF.format("#e8f5ec", "#10331f")) + NAME.format(44, 190, 34, "#e8f5ec")
    badge = "<circle cx='80' cy='80' r='76' fill='#c2410c'/>" + moved(20, 15, LEAF.format("#fff", "#c2410c"))
    return {
        "a lock-up": svg(440, 150, "#fff", beside),
        "on a dark ground": svg(200, 220, "#10331f", below),
        "a badge": svg(200, 200, "#fff", moved(20, 20, badge)),
    }


def moved(x: int, y: int, content: str) -> str:
    """A part of a drawing, elsewhere."""
    return f"<g transform='translate({x} {y})'>{content}</g>"


def main() -> None:
    """Draw a line for each mark: as it is, then its views."""
    maker = make_view_maker(ViewOptions())
    rows = [[(name, mark), *((view.kind.label, view.pixels) for view in maker.prepare(mark).views)]
            for name, mark in marks().items()]  # fmt: skip
    width = max(map(len, rows)) * (SIDE + GAP) + GAP
    sheet = Image.new("RGB", (width, len(rows) * (SIDE + CAPTION + GAP) + GAP), "#f3f4f6")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for line, row in enumerate(rows):
        for place, (name, pixels) in enumerate(row):
            left, top = GAP + place * (SIDE + GAP), GAP + line * (SIDE + CAPTION + GAP)
            scale = SIDE / max(pixels.shape[:2])
            size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
            scaled = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            shown = Image.fromarray(np.asarray(scaled, np.uint8))
            sheet.paste(shown, (left + (SIDE - size[0]) // 2, top + (SIDE - size[1]) // 2))
            draw.text((left, top + SIDE + 3), name, "#374151", font)
    sheet.save(OUT, quality=85)


if __name__ == "__main__":
    main()
