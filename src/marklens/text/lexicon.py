"""How a word sounds by dictionary and by trained models, for the extra ``phonetics``.

The data packages of gruut (MIT: ``gruut_lang_en``, ``_de``, ``_fr``, ``_es``, ``_it``) hold a dictionary, an
SQLite file, and a conditional random field that reads words the dictionary lacks. Both are read here without
gruut itself, whose other needs (number words, dates, part-of-speech tags) a name search has no use for.
"""

import base64
import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from marklens.core.errors import MissingExtraError

LANGUAGES = ("en", "de", "fr", "es", "it")

Source = Literal["dictionary", "model"]

_ONE_AT_A_TIME = Lock()
"""A model keeps the word that it is reading, so threads take turns."""

_AROUND = 3
"""Letters that the models see before and after a letter."""


def available() -> bool:
    """Whether the extra is installed."""
    return find_spec("pycrfsuite") is not None and all(
        find_spec(f"gruut_lang_{language}") is not None for language in LANGUAGES
    )


def recipe() -> str:
    """Name and versions of the data: the same words get the same sounds only with the same ones."""
    return " ".join(f"gruut_lang_{language}-{_version(language)}" for language in LANGUAGES)


@lru_cache(maxsize=65536)
def pronounce(word: str, language: str) -> tuple[str, Source]:
    """IPA of a word without stress marks, and where it comes from.

    Args:
        word: lower case letters, accents included.
        language: ``en``, ``de``, ``fr``, ``es`` or ``it``.

    Raises:
        MissingExtraError: the extra is not installed.
    """
    seen = [_seen(word, place) for place in range(len(word))]
    with _ONE_AT_A_TIME:
        found = _dictionary(language).execute("SELECT phonemes FROM words WHERE word = ?", (word,)).fetchone()
        if found:
            return _plain(found[0].split()), "dictionary"
        labels = _model(language).tag(seen)
    sounds = [sound for label in labels for sound in _decode(label).split("|") if sound != "_"]
    return _plain(sounds), "model"


def _plain(sounds: list[str]) -> str:
    return "".join(sounds).replace("ˈ", "").replace("ˌ", "")


def _seen(word: str, place: int) -> Mapping[str, str | float | bool]:
    """What a model sees of one letter: the features gruut trained with."""
    features: dict[str, str | float | bool] = {"bias": 1.0, "grapheme": _encode(word[place])}
    if place == 0:
        features["begin"] = True
    for step in range(1, _AROUND + 1):
        if place >= step:
            features[f"grapheme-{step}"] = _encode(word[place - step])
        if place + step < len(word):
            features[f"grapheme+{step}"] = _encode(word[place + step])
    if place == len(word) - 1:
        features["end"] = True
    return features


def _encode(letter: str) -> str:
    return base64.b64encode(letter.encode()).decode("ascii")


def _decode(label: str) -> str:
    return base64.b64decode(label).decode()


@lru_cache(maxsize=5)
def _dictionary(language: str) -> sqlite3.Connection:
    """The dictionary's first pronunciations in memory: the file itself has no index by word."""
    path = _folder(language) / "lexicon.db"
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("ATTACH ? AS package", (str(path),))
    db.execute("CREATE TABLE words (word TEXT PRIMARY KEY, phonemes TEXT) WITHOUT ROWID")
    db.execute(
        "INSERT OR IGNORE INTO words"
        " SELECT word, phonemes FROM package.word_phonemes"
        " ORDER BY word, role LIKE '%:NN%' DESC, pron_order"  # a name is a noun
    )
    db.commit()
    db.execute("DETACH package")
    return db


@lru_cache(maxsize=5)
def _model(language: str) -> Any:
    import pycrfsuite

    tagger = pycrfsuite.Tagger()
    tagger.open(str(_folder(language) / "g2p" / "model.crf"))
    return tagger


def _folder(language: str) -> Path:
    spec = find_spec(f"gruut_lang_{language}")
    if spec is None or spec.origin is None:
        raise MissingExtraError("pronunciation by dictionary", "phonetics")
    return Path(spec.origin).parent


def _version(language: str) -> str:
    try:
        return version(f"gruut_lang_{language}")
    except PackageNotFoundError:
        raise MissingExtraError("pronunciation by dictionary", "phonetics") from None
