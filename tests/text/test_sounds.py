"""Any word can be read aloud, in five languages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marklens.text.features import inventory, segments_of
from marklens.text.lexicon import LANGUAGES
from marklens.text.normalizer import words_of
from marklens.text.sounds import pronunciations, readings


def said(word: str, language: str) -> str:
    return pronunciations(word)[LANGUAGES.index(language)].ipa


@pytest.mark.parametrize(
    ("language", "word", "ipa"),
    [
        ("en", "quick", "kwɪk"),
        ("en", "phone", "foʊn"),
        ("en", "light", "laɪt"),
        ("en", "cheese", "t͡ʃiz"),
        ("de", "schneider", "ʃnaɪdɐ"),
        ("de", "zeit", "t͡saɪt"),
        ("de", "bach", "bax"),
        ("de", "müller", "mylɐ"),
        ("de", "vogel", "foɡəl"),
        ("fr", "château", "ʃato"),
        ("fr", "eau", "o"),
        ("fr", "bonjour", "bɔ̃ʒuʁ"),
        ("fr", "quatre", "katʁ"),
        ("es", "jalapeño", "xalapeɲo"),
        ("es", "guillermo", "ɡiʝeɾmo"),
        ("es", "cerveza", "θeɾbeθa"),
        ("it", "chianti", "kjanti"),
        ("it", "gnocchi", "ɲoki"),
        ("it", "ciao", "t͡ʃao"),
        ("it", "famiglia", "famiʎa"),
    ],
)
def test_rules_read_common_words(language: str, word: str, ipa: str) -> None:
    assert said(word, language) == ipa


def test_what_has_no_vowel_is_spelled_out() -> None:
    found = pronunciations("bmw")[0]
    assert (found.ipa, found.sources) == ("biɛmdʌbəlju", ("spelled",))
    assert said("3m", "fr") == "tʁwaɛm"


def test_greek_and_cyrillic_are_read_through_latin_letters() -> None:
    (greek,), (cyrillic,) = words_of("Νίκη"), words_of("Газпром")
    assert said(greek.text, "it") == "niki"
    assert said(cyrillic.text, "de") == "ɡat͡spʁɔm"


def test_readings_are_the_codes_of_the_pronunciations() -> None:
    for word in ("church", "schatz", "3m", "château"):
        spoken = [inventory().encode(segments_of(said.ipa)) for said in pronunciations(word)]
        assert list(readings(word)) == spoken


@settings(deadline=None)
@given(st.text("abdfgiklmnoprstuvzàîöñ0123456789", min_size=1, max_size=12))
def test_every_word_has_a_sound_in_every_language(word: str) -> None:
    assert all(readings(word))
