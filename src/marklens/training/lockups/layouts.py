"""The ways in which marks are laid out; each takes a draft and gives a sheet."""

from collections.abc import Callable

import cv2
import numpy as np

from marklens.training.lockups.drafting import SYMBOL_SIDE, Draft, Symbol, contrasting, in_ink
from marklens.training.lockups.sheet import Sheet
from marklens.training.lockups.typesetting import Coverage, bend_line, set_line


def _beside(draft: Draft) -> Sheet:
    """The name to the right or left of the symbol."""
    symbol, random = draft.symbol.cover.shape, draft.random
    block = draft.block(
        round(symbol[0] * random.choice([random.uniform(0.15, 0.6), random.uniform(0.5, 1.2)]))
    )
    gap = round(block.shape[0] * random.uniform(0.1, 0.5)) + 4
    height, width = max(symbol[0], block.shape[0]), symbol[1] + gap + block.shape[1]
    sheet = Sheet(height + 20, width + 20, draft.ground)
    right = random.random() < 0.8
    drop = float(random.choice([0.5, 0.5, 1.0, 0.0]))
    sheet.place_figure(
        draft.symbol.colors, draft.symbol.cover,
        (10 + (height - symbol[0]) // 2, 10 if right else 10 + block.shape[1] + gap),
    )  # fmt: skip
    at = 10 + round((height - block.shape[0]) * drop), 10 + symbol[1] + gap if right else 10
    sheet.place_text(draft.ink, block, at)
    return sheet


def _above_or_below(draft: Draft) -> Sheet:
    """The name above or below the symbol, centred."""
    symbol, random = draft.symbol.cover.shape, draft.random
    block = draft.block(round(symbol[0] * random.uniform(0.1, 0.8)) + 8)
    gap = round(SYMBOL_SIDE * random.uniform(0.05, 0.25))
    height, width = symbol[0] + gap + block.shape[0], max(symbol[1], block.shape[1])
    sheet = Sheet(height + 20, width + 20, draft.ground)
    below = random.random() < 0.8
    sheet.place_figure(
        draft.symbol.colors, draft.symbol.cover,
        (10 if below else 10 + block.shape[0] + gap, 10 + (width - symbol[1]) // 2),
    )  # fmt: skip
    at = 10 + symbol[0] + gap if below else 10, 10 + (width - block.shape[1]) // 2
    sheet.place_text(draft.ink, block, at)
    return sheet


def _in_line(draft: Draft) -> Sheet:
    """The symbol in the line between two words, as high as the letters or little higher."""
    random = draft.random
    first, last = draft.line(90, 1), draft.line(90, 1)
    height = round(90 * random.uniform(0.8, 1.5))
    scale = height / draft.symbol.cover.shape[0]
    size = (max(8, round(draft.symbol.cover.shape[1] * scale)), height)
    symbol = Symbol(
        np.asarray(cv2.resize(draft.symbol.colors, size, interpolation=cv2.INTER_AREA), np.float32),
        np.asarray(cv2.resize(draft.symbol.cover, size, interpolation=cv2.INTER_AREA), np.float32),
    )
    gap = round(90 * random.uniform(0.08, 0.5))
    parts = [(first, True), (symbol.cover, False), (last, True)]
    sheet = Sheet(height + 120, sum(cover.shape[1] for cover, _ in parts) + 2 * gap + 40, draft.ground)
    left = 20
    for cover, is_text in parts:
        at = (sheet.height - cover.shape[0]) // 2, left
        if is_text:
            sheet.place_text(draft.ink, cover, at)
        else:
            sheet.place_figure(symbol.colors, cover, at)
        left += cover.shape[1] + gap
    return sheet


def _on_panel(draft: Draft) -> Sheet:
    """Words inside a filled shape, the symbol inside it too or beside it: a badge, a label."""
    random, symbol = draft.random, draft.symbol
    panel_color = contrasting(draft.ground, random)
    block = draft.block(int(random.integers(28, 80)))
    pad_y, pad_x = round(block.shape[0] * random.uniform(0.25, 0.8)) + 6, round(random.uniform(15, 60))
    inside = random.random() < 0.5
    shown = in_ink(symbol, contrasting(panel_color, random)) if inside else symbol
    lead = symbol.cover.shape[0] + 12 if inside else 0
    height, width = block.shape[0] + 2 * pad_y + lead, max(block.shape[1], symbol.cover.shape[1]) + 2 * pad_x
    panel = _panel(height, width, random)
    extra = 0 if inside else symbol.cover.shape[0] + 14
    sheet = Sheet(height + extra + 20, width + 20, draft.ground)
    sheet.place_figure(panel_color, panel, (10 + extra, 10))
    middle = 10 + (width - symbol.cover.shape[1]) // 2
    sheet.place_figure(shown.colors, shown.cover, (10 + (pad_y if inside else 0), middle))
    at = 10 + extra + lead + pad_y, 10 + (width - block.shape[1]) // 2
    sheet.place_text(contrasting(panel_color, random), block, at)
    return sheet


def _panel(height: int, width: int, random: np.random.Generator) -> Coverage:
    """A filled rectangle, rounded rectangle or ellipse, sometimes only its outline."""
    panel = np.zeros((height, width), np.uint8)
    way = random.random()
    if way < 0.25:
        center, axes = (width // 2, height // 2), (width // 2 - 1, height // 2 - 1)
        cv2.ellipse(panel, center, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    else:
        panel[:] = 255
        corner = int(min(height, width) * random.uniform(0.05, 0.5)) if way < 0.7 else 0
        if corner:
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * corner + 1, 2 * corner + 1))
            inner = np.zeros_like(panel)
            inner[corner:-corner, corner:-corner] = 255
            panel = np.asarray(cv2.dilate(inner, kernel), np.uint8)
    return np.asarray(panel / np.float32(255), np.float32)


def _across(draft: Draft) -> Sheet:
    """A name across the symbol, wider than it; the words may stand on an edge of the ground's colour."""
    symbol, random = draft.symbol.cover.shape, draft.random
    line = draft.line(round(symbol[0] * random.uniform(0.15, 0.35)) + 6)
    width = max(symbol[1], line.shape[1])
    sheet = Sheet(symbol[0] + 20, width + 20, draft.ground)
    sheet.place_figure(draft.symbol.colors, draft.symbol.cover, (10, 10 + (width - symbol[1]) // 2))
    at = 10 + round((symbol[0] - line.shape[0]) * random.uniform(0.3, 0.9)), 10 + (width - line.shape[1]) // 2
    edge = cv2.dilate(line, np.ones((9, 9), np.uint8))
    sheet.place_figure(draft.ground, np.asarray(edge, np.float32), at)
    sheet.place_text(draft.ink, line, at)
    return sheet


def _around(draft: Draft) -> Sheet:
    """A seal: words along a circle around the symbol, above or below or both."""
    random = draft.random
    side = max(draft.symbol.cover.shape)
    radius = round(side * random.uniform(0.6, 0.75))
    height = round(radius * random.uniform(0.16, 0.32))
    lines = [draft.line(height)]
    if random.random() < 0.5:
        lines.append(draft.line(height, 1))
    most = 2.6 * radius
    lines = [line if line.shape[1] < most else _narrowed(line, most) for line in lines]
    bent = [bend_line(line, radius, below=bool(number)) for number, line in enumerate(lines)]
    sheet = Sheet(bent[0].shape[0] + 40, bent[0].shape[1] + 40, draft.ground)
    center = bent[0].shape[0] // 2 + 20
    symbol = draft.symbol.cover.shape
    sheet.place_figure(
        draft.symbol.colors, draft.symbol.cover, (center - symbol[0] // 2, center - symbol[1] // 2)
    )
    if random.random() < 0.5:
        ring = np.zeros((2 * center, 2 * center), np.uint8)
        cv2.circle(
            ring,
            (center, center),
            center - 10,
            255,
            int(random.integers(2, 8)),
            cv2.LINE_AA,
        )
        sheet.place_figure(draft.ink, np.asarray(ring / np.float32(255), np.float32), (0, 0))
    for cover in bent:
        sheet.place_text(draft.ink, cover, (20, 20))
    return sheet


def _narrowed(line: Coverage, width: float) -> Coverage:
    size = (round(width), line.shape[0])
    return np.asarray(cv2.resize(line, size, interpolation=cv2.INTER_AREA), np.float32)


def _symbol_only(draft: Draft) -> Sheet:
    """No words at all: what a detector claims here is wrong."""
    height, width = draft.symbol.cover.shape
    sheet = Sheet(height + 20, width + 20, draft.ground)
    sheet.place_figure(draft.symbol.colors, draft.symbol.cover, (10, 10))
    return sheet


def _lone_letter(draft: Draft) -> Sheet:
    """One large letter that is the symbol: figure, not text."""
    letter = draft.words(1)[0][:1]
    cover = set_line(letter.upper(), draft.font, SYMBOL_SIDE)
    sheet = Sheet(cover.shape[0] + 120, cover.shape[1] + 120, draft.ground)
    ink = draft.ink
    if draft.random.random() < 0.5:
        panel = _panel(cover.shape[0] + 80, cover.shape[1] + 80, draft.random)
        sheet.place_figure(draft.ink, panel, (20, 20))
        ink = contrasting(draft.ink, draft.random)
    sheet.place_figure(ink, cover, (60, 60))
    return sheet


def _letter_and_name(draft: Draft) -> Sheet:
    """One large letter as the symbol and the name beside or below it."""
    block = draft.block(int(draft.random.integers(30, 70)))
    letter = set_line(draft.words(1)[0][:1].upper(), draft.font, SYMBOL_SIDE)
    figure = in_ink(Symbol(np.empty((*letter.shape, 3), np.float32), letter), draft.ink)
    height = letter.shape[0] + 30 + block.shape[0]
    width = max(letter.shape[1], block.shape[1])
    sheet = Sheet(height + 20, width + 20, draft.ground)
    sheet.place_figure(figure.colors, figure.cover, (10, 10 + (width - letter.shape[1]) // 2))
    sheet.place_text(draft.ink, block, (10 + letter.shape[0] + 30, 10 + (width - block.shape[1]) // 2))
    return sheet


def _words_only(draft: Draft) -> Sheet:
    """A word mark."""
    block = draft.block(int(draft.random.integers(40, 120)))
    sheet = Sheet(block.shape[0] + 20, block.shape[1] + 20, draft.ground)
    sheet.place_text(draft.ink, block, (10, 10))
    return sheet


LAYOUTS: dict[str, tuple[float, Callable[[Draft], Sheet]]] = {
    "beside": (0.24, _beside),
    "above or below": (0.16, _above_or_below),
    "in line": (0.06, _in_line),
    "on a panel": (0.1, _on_panel),
    "across": (0.07, _across),
    "around": (0.09, _around),
    "words only": (0.06, _words_only),
    "letter and name": (0.04, _letter_and_name),
    "symbol only": (0.18, _symbol_only),
    "lone letter": (0.06, _lone_letter),
}
"""Share and layout; the shares are a guess at what registers hold, not a measurement."""
WITHOUT_WORDS = frozenset({"symbol only", "lone letter"})
