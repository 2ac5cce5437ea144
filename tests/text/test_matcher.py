"""The door of the room, and the reasons it gives."""

import numpy as np
import pytest

from marklens.text.index_builder import build_index
from marklens.text.matcher import TextMatcher
from marklens.text.phonetic import similarity

NAMES = {1: "Kwik Kopy", 4: "ACME Tools", 7: "北京"}


@pytest.fixture(scope="module")
def matcher() -> TextMatcher:
    return TextMatcher(build_index(NAMES.items()))


def test_candidates(matcher: TextMatcher) -> None:
    (number, score), *_ = matcher.candidates("Quick Copy", 5)
    assert number == 1
    assert score == pytest.approx(similarity("Quick Copy", "Kwik Kopy"))
    assert matcher.candidates("Quick Copy", 5, np.array([True, False])) == []
    assert matcher.candidates("—", 5) == []
    assert len(matcher.candidates("Quick Copy", 5, least=0.6)) == 1


def test_scores_of_texts_and_of_known_marks_agree(matcher: TextMatcher) -> None:
    given = matcher.scores("acme", {**NAMES, 8: None, 9: "—"})
    assert set(given) == {1, 4, 7}
    assert given == pytest.approx(matcher.scores_of("acme", np.array([1, 4, 7, 8, 9])))
    assert matcher.scores("", NAMES) == matcher.scores("acme", {}) == {}


def test_an_explanation_shows_the_alignment(matcher: TextMatcher) -> None:
    found = matcher.explain("Kwik", "Quick")
    assert found is not None
    assert (found.language, found.sound) == ("en", 1.0)
    assert found.alignment is not None
    assert found.alignment.pairs == (("k", "k"), ("w", "w"), ("ɪ", "ɪ"), ("k", "k"))
    assert found.total == pytest.approx(similarity("Kwik", "Quick"))


def test_an_unread_script_is_explained_by_its_letters(matcher: TextMatcher) -> None:
    found = matcher.explain("北京", "北京")
    assert found is not None
    assert (found.total, found.language, found.alignment) == (1.0, None, None)
    assert matcher.explain("—", "acme") is None
