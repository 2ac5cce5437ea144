"""What a mark says: the words of its record, or else what was read in its picture."""

from marklens.core.types import ReadText
from marklens.text.normalizer import words_of

LEAST_CONFIDENCE = 0.5
"""Read text below this is more often noise than text."""


def words_said(recorded: str | None, reading: ReadText | None = None) -> str | None:
    """The words of a mark.

    Args:
        recorded: the verbal element of the record, or None.
        reading: what was read in the picture, or None.

    Returns:
        the record's text if it says anything (a lone dash does not), else what was read if that is sure
        enough, or None.
    """
    if recorded is not None and words_of(recorded):
        return recorded.strip()
    if reading is not None and reading.confidence >= LEAST_CONFIDENCE and words_of(reading.text):
        return reading.text.strip()
    return None
