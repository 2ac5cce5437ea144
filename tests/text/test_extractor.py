"""Which words a mark says."""

import pytest

from marklens.core.types import ReadText
from marklens.text.extractor import words_said


def test_the_record_comes_first() -> None:
    assert words_said(" ACME ", ReadText("ACNE", 0.99)) == "ACME"


@pytest.mark.parametrize("recorded", [None, "", " — ", "..."])
def test_a_record_that_says_nothing_leaves_it_to_the_picture(recorded: str | None) -> None:
    assert words_said(recorded, ReadText(" ACME foods", 0.9)) == "ACME foods"


@pytest.mark.parametrize("reading", [None, ReadText("lI|", 0.2), ReadText("--", 0.99)])
def test_noise_is_nothing_said(reading: ReadText | None) -> None:
    assert words_said(None, reading) is None
