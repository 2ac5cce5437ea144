"""The extra `phonetics`: dictionaries and trained models."""

import pytest

from marklens.core.errors import MissingExtraError
from marklens.text import lexicon
from marklens.text.sounds import pronunciations, recipe

needs_extra = pytest.mark.skipif(not lexicon.available(), reason="the extra 'phonetics' is not installed")


@needs_extra
def test_known_words_come_from_the_dictionary() -> None:
    assert lexicon.pronounce("through", "en") == ("θɹu", "dictionary")
    assert lexicon.pronounce("château", "fr") == ("ʃato", "dictionary")


@needs_extra
@pytest.mark.parametrize("language", lexicon.LANGUAGES)
def test_coined_words_come_from_the_model(language: str) -> None:
    ipa, source = lexicon.pronounce("zorvixa", language)
    assert source == "model"
    assert ipa


@needs_extra
def test_the_reader_says_where_sounds_come_from() -> None:
    found = pronunciations("zorvixa3", "dictionary")[0]
    assert found.sources == ("model", "spelled")
    assert "gruut_lang_en" in recipe("dictionary")


def test_without_the_extra_the_rules_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexicon, "find_spec", lambda name: None)
    lexicon.pronounce.cache_clear()
    lexicon._dictionary.cache_clear()
    assert not lexicon.available()
    assert pronunciations("nike")[0].sources == ("rules",)
    with pytest.raises(MissingExtraError, match="phonetics"):
        pronunciations("nike", "dictionary")
