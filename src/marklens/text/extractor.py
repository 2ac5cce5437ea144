"""Which text a mark says: what its record gives, or else what was read in its picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from marklens.core.types import ReadText
from marklens.text.normalizer import words_of

LEAST_CONFIDENCE = 0.5
"""Read text below this is more often noise than text."""


@dataclass(frozen=True, slots=True)
class MarkText:
    """The text of a mark.

    Attributes:
        text: as given or read.
        source: ``metadata`` for the record's, ``ocr`` for what was read in the picture.
        confidence: 1 for the record's; for read text the mean over its letters, 0..1.
    """

    text: str
    source: Literal["metadata", "ocr"]
    confidence: float


def mark_text(
    recorded: str | None, read: Iterable[ReadText] = (), least: float = LEAST_CONFIDENCE
) -> MarkText | None:
    """Choose the text of a mark.

    Args:
        recorded: the verbal element of the record, or None.
        read: pieces read in the picture, in reading order.
        least: pieces less sure than this are dropped.

    Returns:
        the record's text if it says anything (a lone dash does not), else the sure pieces joined by spaces,
        or None if there are none.
    """
    if recorded is not None and words_of(recorded):
        return MarkText(recorded.strip(), "metadata", 1.0)
    sure = [piece for piece in read if piece.confidence >= least and words_of(piece.text)]
    if not sure:
        return None
    letters = [len(piece.text.strip()) for piece in sure]
    weighted = sum(piece.confidence * count for piece, count in zip(sure, letters, strict=True))
    text = " ".join(piece.text.strip() for piece in sure)
    return MarkText(text, "ocr", min(1.0, max(0.0, weighted / sum(letters))))
