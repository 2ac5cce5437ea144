"""The usual ways to compare two names, beside ours; all get the same normalised words."""

from collections.abc import Callable
from functools import lru_cache

from marklens.text import lexicon
from marklens.text.aline_batch import pad, similarities, sound_scheme
from marklens.text.forms import TextForm, form_of, texts_of
from marklens.text.normalizer import words_of
from marklens.text.phonetic import compare
from marklens.text.sounds import Reader
from marklens.text.vocabulary import VOICES

Measure = Callable[[str, str], float]


def measures() -> dict[str, Measure]:
    """Every measure by name."""
    import jellyfish
    from rapidfuzz.distance import Levenshtein

    found: dict[str, Measure] = {
        "Marklens (rules)": lambda one, other: _marklens(one, other, "rules"),
        "ALINE, English": lambda one, other: _aline(one, other, range(1)),
        "ALINE, best of five languages": lambda one, other: _aline(one, other, range(VOICES)),
        "Levenshtein": lambda one, other: Levenshtein.normalized_similarity(_plain(one), _plain(other)),
        "Jaro-Winkler": lambda one, other: jellyfish.jaro_winkler_similarity(_plain(one), _plain(other)),
        "Double Metaphone": _double_metaphone,
    }
    if lexicon.available():
        found["Marklens (dictionary)"] = lambda one, other: _marklens(one, other, "dictionary")
        found["ALINE, English (dictionary)"] = lambda one, other: _aline(one, other, range(1), "dictionary")
    return found


@lru_cache(maxsize=4096)
def cached_form(text: str, reader: Reader = "rules") -> TextForm:
    """A text made ready, once."""
    return form_of(text, reader)


def _marklens(one: str, other: str, reader: Reader) -> float:
    """Our whole comparison."""
    first, second = cached_form(one, reader), cached_form(other, reader)
    return float(compare(first, texts_of([second], reader)).total[0])


def _aline(one: str, other: str, voices: range, reader: Reader = "rules") -> float:
    """Kondrak's similarity of the whole texts, words run together."""
    first, second = cached_form(one, reader), cached_form(other, reader)
    return max(
        float(similarities(first.voices[voice], pad([second.voices[voice]]), sound_scheme())[0])
        for voice in voices
    )


def _plain(text: str) -> str:
    """Without case, accents and punctuation: they would decide otherwise."""
    return " ".join(word.letters for word in words_of(text))


def _double_metaphone(one: str, other: str) -> float:
    """Levenshtein similarity of the codes, the better of primary and secondary."""
    from metaphone import doublemetaphone
    from rapidfuzz.distance import Levenshtein

    codes = [
        [code for code in doublemetaphone(_plain(text).replace(" ", "")) if code] for text in (one, other)
    ]
    likes = [Levenshtein.normalized_similarity(first, second) for first in codes[0] for second in codes[1]]
    return max(likes, default=0.0)
