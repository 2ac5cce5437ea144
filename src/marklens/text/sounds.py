"""How a word sounds in five languages.

The reader ``rules`` goes from letters to sounds by rules that are data (``data/letters_*.txt``): it reads any
word, coined ones too, the same way on every machine, and is the default. The reader ``dictionary`` (extra
``phonetics``, see `lexicon`) looks words up first and lets trained models read the others.

Nobody knows how the public will say a coined word, so each language's reading is kept, and two words are
compared reading by reading.
"""

import hashlib
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from marklens.text import lexicon
from marklens.text.features import inventory, segments_of
from marklens.text.lexicon import LANGUAGES
from marklens.text.normalizer import plain

Reader = Literal["rules", "dictionary"]
Source = Literal["rules", "dictionary", "model", "spelled"]

_VOWELS = "aeiouyàáâäãåèéêëìíîïòóôöõùúûüœ"
_CLASSES = {
    "V": f"[{_VOWELS}]",
    "C": f"[^{_VOWELS}]",
    "F": "[eiyéèêëíï]",
}
_RUNS = re.compile(r"\d|[^\W\d_]+")

Rule = tuple[str, re.Pattern[str] | None, Callable[[str, int], re.Match[str] | None] | None, str]
Readings = tuple[bytes, ...]
"""Segment codes (`features.Inventory`) of a word, one for each of `LANGUAGES`."""


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """A word as read in one language.

    Attributes:
        language: one of `LANGUAGES`.
        ipa: its sounds.
        sources: where the sounds of its parts (letters, digits) come from, in order.
    """

    language: str
    ipa: str
    sources: tuple[Source, ...]


@lru_cache(maxsize=2)
def recipe(reader: Reader) -> str:
    """Names the data that decide the words and their sounds; an index keeps it and refuses another."""
    data = hashlib.sha256()
    for file in sorted(files("marklens.text").joinpath("data").iterdir(), key=lambda file: file.name):
        data.update(file.read_bytes())
    mine = f"data-{data.hexdigest()[:12]}"
    return mine if reader == "rules" else f"{mine} {lexicon.recipe()}"


@lru_cache(maxsize=65536)
def readings(word: str, reader: Reader = "rules") -> Readings:
    """Read a word aloud in every language, as segment codes.

    Args:
        word: lower case, Latin letters and digits, accents welcome. What is no such letter stays silent.
        reader: who reads.

    Raises:
        MissingExtraError: the dictionary is not installed.
    """
    return tuple(
        b"".join(_codes(sound) for run in _RUNS.findall(word) for sound in _part(run, language, reader)[0])
        for language in LANGUAGES
    )


def pronunciations(word: str, reader: Reader = "rules") -> tuple[Pronunciation, ...]:
    """Read a word aloud in every language, as IPA with its sources; arguments as for `readings`."""
    return tuple(_spoken(word, language, reader) for language in LANGUAGES)


def _spoken(word: str, language: str, reader: Reader) -> Pronunciation:
    parts = [_part(run, language, reader) for run in _RUNS.findall(word)]
    ipa = "".join(sound for said, _ in parts for sound in said)
    return Pronunciation(language, ipa, tuple(source for _, source in parts))


@lru_cache(maxsize=4096)
def _codes(sound: str) -> bytes:
    """Segment codes of the IPA of a rule or of a word."""
    return inventory().encode(segments_of(sound))


def _part(run: str, language: str, reader: Reader) -> tuple[list[str], Source]:
    """IPA of letters, rule by rule, or of a digit; digits and what has no vowel letter are spelled out."""
    letters, digits = _names(language)
    if run.isdigit():
        return [digits.get(run, "")], "spelled"
    if len(run) == 1 or not any(letter in _VOWELS for letter in run + plain(run)):
        return [letters.get(letter, "") for letter in plain(run)], "spelled"
    if reader == "dictionary":
        ipa, source = lexicon.pronounce(run, language)
        return [ipa], source
    return _by_rules(run, language), "rules"


def _by_rules(word: str, language: str) -> list[str]:
    rules = _rules(language)
    word = "".join(letter if letter in rules else plain(letter) for letter in word)  # as read abroad
    said, place = [], 0
    while place < len(word):
        for letters, before, after, sound in rules.get(word[place], ()):
            end = place + len(letters)
            if (
                word.startswith(letters, place)
                and (before is None or before.search(word[:place]))
                and (after is None or after(word, end))
            ):
                said.append(sound)
                place = end
                break
        else:
            place += 1
    return said


@lru_cache(maxsize=len(LANGUAGES))
def _rules(language: str) -> dict[str, tuple[Rule, ...]]:
    """The rules of a language by first letter, in the order of the file."""
    text = files("marklens.text").joinpath("data", f"letters_{language}.txt").read_text(encoding="utf-8")
    rules: dict[str, list[Rule]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            letters, before, after, sound = line.split()
            left = None if before == "-" else re.compile(f"(?:{_expand(before)})$")
            right = None if after == "-" else re.compile(_expand(after)).match
            rules.setdefault(letters[0], []).append((letters, left, right, sound.replace("-", "")))
    for accented in _VOWELS + "çñ":
        rules.setdefault(accented, [(accented, None, None, _PLAIN_SOUNDS.get(accented, ""))])
    return {letter: tuple(some) for letter, some in rules.items()}


_PLAIN_SOUNDS = {
    **dict.fromkeys("àáâãå", "a"), "ä": "ɛ", **dict.fromkeys("èéêë", "e"), **dict.fromkeys("ìíîï", "i"),
    **dict.fromkeys("òóôõ", "o"), "ö": "ø", "œ": "ø", **dict.fromkeys("ùúû", "u"), "ü": "y",
    "ç": "s", "ñ": "ɲ",
}  # fmt: skip
"""Accented letters in languages that have no rule for them."""


def _expand(pattern: str) -> str:
    """Replace the class letters V, C and F of the rule files."""
    return "".join(_CLASSES.get(letter, letter) for letter in pattern)


@lru_cache(maxsize=len(LANGUAGES))
def _names(language: str) -> tuple[dict[str, str], dict[str, str]]:
    """Names of letters and digits."""
    text = files("marklens.text").joinpath("data", "spoken.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)

    def pairs(table: str) -> dict[str, str]:
        items = tables[table][language].split()
        return dict(zip(items[::2], items[1::2], strict=True))

    return pairs("letters"), pairs("digits")
