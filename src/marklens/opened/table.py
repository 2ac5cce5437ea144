"""Hits as rows: for data frames, and as lines for terminals."""

from collections.abc import Sequence
from dataclasses import asdict

from marklens.core.types import Hit

NAME_WIDTH = 28
"""Letters of a name or id in the lines for terminals."""
COLUMNS = (
    "rank", "id", "file", "text", "year", "vienna_codes", "score", "score_global", "score_spatial",
    "score_text", "score_color", "query_view", "mark_view", "attributes",
)  # fmt: skip
"""Of a row."""
KINDS = {
    "rank": "int64",
    "year": "Int64",
    **{name: "float64" for name in COLUMNS if name.startswith("score")},
}
"""Of the columns of numbers, as pandas calls them."""
_HEADS = ("rank", "score", "id", "text", "global", "spatial", "words", "color")
_LEFT = ("id", "text")


def row_of(hit: Hit) -> tuple[object, ...]:
    """All of a hit, in the order of `COLUMNS`."""
    mark = hit.mark
    about = (hit.rank, mark.id, mark.file, hit.words, mark.year, mark.vienna_codes)
    views = tuple(view.label for view in hit.views) or (None, None)
    return *about, hit.score, *asdict(hit.scores).values(), *views, dict(mark.attributes)


def lines_of(hits: Sequence[Hit]) -> list[str]:
    """A heading and a line for each hit, in columns; nothing for no hits."""
    if not hits:
        return []
    rows = [[_shortened(cell) for cell in row] for row in (_HEADS, *map(_cells, hits))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_placed, row, widths, _HEADS)).rstrip() for row in rows]


def _cells(hit: Hit) -> Sequence[str]:
    scores = ["–" if score is None else f"{score:.2f}" for score in asdict(hit.scores).values()]
    return [str(hit.rank), f"{hit.score:.3f}", hit.mark.id, hit.words or "–", *scores]


def _placed(cell: str, width: int, head: str) -> str:
    return cell.ljust(width) if head in _LEFT else cell.rjust(width)


def _shortened(cell: str) -> str:
    line = " ".join(cell.split())
    return line if len(line) <= NAME_WIDTH else f"{line[: NAME_WIDTH - 1]}…"
