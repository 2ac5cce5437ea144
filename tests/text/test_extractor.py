"""The record comes first, what was read in the picture second."""

import pytest

from marklens.core.types import ReadText
from marklens.text.extractor import MarkText, mark_text


def test_the_record_wins() -> None:
    assert mark_text(" ACME ", [ReadText("ACNE", 0.99)]) == MarkText("ACME", "metadata", 1.0)


@pytest.mark.parametrize("recorded", [None, "", "-", "  "])
def test_an_empty_record_gives_way_to_read_text(recorded: str | None) -> None:
    found = mark_text(recorded, [ReadText("ACME", 0.9), ReadText("foods", 0.6)])
    assert found is not None
    assert (found.text, found.source) == ("ACME foods", "ocr")
    assert found.confidence == pytest.approx((0.9 * 4 + 0.6 * 5) / 9)


def test_unsure_pieces_are_dropped() -> None:
    found = mark_text(None, [ReadText("ACME", 0.9), ReadText("lI|", 0.2), ReadText("--", 0.99)])
    assert found == MarkText("ACME", "ocr", 0.9)
    assert mark_text(None, [ReadText("lI|", 0.2)]) is None
    assert mark_text(None) is None


def test_the_least_confidence_can_be_set() -> None:
    assert mark_text(None, [ReadText("ACME", 0.3)], least=0.2) == MarkText("ACME", "ocr", 0.3)
