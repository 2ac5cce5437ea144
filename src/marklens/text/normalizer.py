"""A mark's text as words that can be compared: case, accents, punctuation and legal forms do not count.

Latin, Greek and Cyrillic are written in plain Latin letters. Other scripts (Chinese, Arabic, …) are kept as
they are: such words are compared letter by letter only, since nothing here knows how they sound.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import accumulate

_JOINED_DOTS = re.compile(r"(?<![^\W_])((?:[^\W\d_]\.){2,}[^\W\d_]?)(?![^\W_])")
_LOOSE_ACCENTS = re.compile("[\u0300-\u036f]")
_AND = re.compile(r"\s*[&+]\s*")
MOST_WORDS, MOST_LETTERS = 16, 120
"""A mark's text is cut here: nobody remembers more, and the time of a comparison grows with the length."""

_INVISIBLE = (
    "\u00ad",
    "\u0640",
    *map(chr, range(0x200B, 0x2010)),
    "\u2060",
    *map(chr, range(0xFE00, 0xFE10)),
)
"""Soft hyphens, joiners, selectors of variants, and the line that stretches Arabic words."""
_SIGNS = str.maketrans(
    dict.fromkeys("™®©℠", " ") | dict.fromkeys("ʻʼʽ‘’‛′´`＇", "'") | dict.fromkeys(_INVISIBLE, "")
)
_KANA = str.maketrans({chr(code): chr(code + 0x60) for code in range(0x3041, 0x3097)})
"""Both kana say the same."""
_EASTERN_STARTS = r"株式会社|有限会社|合同会社|\(株\)|\(有\)|주식회사|\(주\)"
_EASTERN_FORMS = re.compile(
    rf"^(?:{_EASTERN_STARTS})(?=.)|(?<=.)(?:{_EASTERN_STARTS}|股份有限公司|有限责任公司|有限責任公司|有限公司)$"
)
"""Legal forms of scripts that part no words."""
_DOTTED_END = re.compile(r"(?<=[^\s,])[\s,]+((?:[^\W\d_][./]\s?)+[^\W\d_]?)\s*$")
_CYRILLIC = "пао|оао|зао|ооо|ао|тов"
_CYRILLIC_FORMS = re.compile(rf"^(?:{_CYRILLIC})\W+(?=\w)|(?<=\w)\W+(?:{_CYRILLIC})\W*$")
"""In Latin letters some of them are words as any."""
_SPECIAL = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "ħ": "h",
     "ə": "e", "ǝ": "e", "ŋ": "ng", "ŧ": "t", "ƒ": "f", "ĸ": "k", "ȷ": "j", "ɓ": "b", "ɗ": "d", "ƙ": "k"}
)  # fmt: skip
_VOICED = frozenset("\u3099\u309a")
"""Marks of kana that make other letters: ハ, バ and パ are three."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a mark.

    Attributes:
        text: folded to lower case and transliterated, accents kept: what is read aloud.
        letters: the same without accents, ``a-z0-9`` unless the script is another: what is seen.
        readable: whether its sounds can be told.
        weak: whether it says what or who rather than which ("tools", "the", "group").
    """

    text: str
    letters: str
    readable: bool
    weak: bool


def words_of(text: str) -> tuple[Word, ...]:
    """The words of a mark in their order, without legal forms; empty if nothing but punctuation is there."""
    folded = unicodedata.normalize("NFKC", text.translate(_SIGNS)).casefold().translate(_KANA)
    folded = _DOTTED_END.sub(_unless_a_form, folded.strip())
    for forms in (_EASTERN_FORMS, _CYRILLIC_FORMS):
        shorter = forms.sub("", folded)
        folded = shorter if any(map(str.isalnum, shorter)) else folded
    folded = _transliterate("".join(map(_with_plain_digit, folded)))
    folded = _LOOSE_ACCENTS.sub("", unicodedata.normalize("NFC", folded))
    folded = re.sub(r"(?<=\w)'(?=\w)", "", folded)
    folded = _JOINED_DOTS.sub(lambda found: found[0].replace(".", ""), folded)
    parts = _parts(_AND.sub(" and ", folded))
    return tuple(map(_word, _cut(_without_legal_forms(parts)[:MOST_WORDS])))


def _unless_a_form(found: re.Match[str]) -> str:
    """A last word of letters with dots, unless it is a legal form that without dots is a word as any."""
    return "" if "".join(filter(str.isalpha, found[1])) in _dotted_forms() else found[0]


def _with_plain_digit(letter: str) -> str:
    """The digits of all scripts as 0 to 9."""
    return letter if letter.isascii() else str(unicodedata.decimal(letter, letter))


def _parts(text: str) -> list[str]:
    """Split where neither letters, digits nor marks of letters (such as Indic vowel signs) stand."""
    kept = (letter if letter.isalnum() or unicodedata.category(letter)[0] == "M" else " " for letter in text)
    return [part for part in "".join(kept).split() if any(map(str.isalnum, part)) and plain(part)]


def _cut(parts: list[str]) -> Iterator[str]:
    """No more than `MOST_LETTERS`; a digit counts as four, since it is spelled out."""
    left = MOST_LETTERS
    for part in parts:
        if left <= 0:
            return
        costs = accumulate(4 if letter.isdigit() else 1 for letter in part)
        fits = sum(cost <= left for cost in costs)
        yield part[: max(1, fits)]
        left -= len(part) + 3 * sum(map(str.isdigit, part))


def _word(text: str) -> Word:
    letters = plain(text)
    return Word(text, letters, letters.isascii(), letters in _weak_words())


def plain(text: str) -> str:
    """Without accents."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPECIAL))
    kept = (letter for letter in decomposed if letter in _VOICED or not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", "".join(kept))


def _transliterate(text: str) -> str:
    """Greek and Cyrillic in Latin letters; the rest as it is."""
    if text.isascii():
        return text
    table, longest = _transliteration()
    if not any(letter in table for letter in unicodedata.normalize("NFD", text)):
        return text
    plain = "".join(_bare(letter, table) for letter in unicodedata.normalize("NFC", text))
    return "".join(_replaced(plain, table, longest))


def _bare(letter: str, table: dict[str, str]) -> str:
    """A Greek or Cyrillic letter without its accent; й and ї are letters of their own."""
    if letter in table:
        return letter
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base in table else letter


def _replaced(text: str, table: dict[str, str], longest: int) -> Iterator[str]:
    place = 0
    while place < len(text):
        for length in range(longest, 0, -1):
            piece = text[place : place + length]
            if piece in table:
                yield table[piece]
                break
        else:
            length, piece = 1, text[place]
            yield piece
        place += length


def _without_legal_forms(parts: list[str]) -> list[str]:
    """Drop legal forms at the end, and such as stand first; never the whole name."""
    ends, starts = _legal_forms()
    kept = list(parts)
    while shorter := _shorter(kept, ends):
        kept = kept[:-shorter]
    if len(kept) > 1 and kept[0] in starts:
        kept = kept[1:]
    return kept


AND = ("and", "und", "et")
"""Between a name or a legal form and the next form: GmbH & Co. KG, GmbH und Co. KG."""


def _shorter(parts: list[str], forms: frozenset[str]) -> int:
    """How many of the last parts are one legal form: ``s.p.a.``, ``sp. z o.o.``, ``gmbh & co. kg``."""
    for count in (4, 3, 2, 1):
        form = plain("".join(parts[-count:]))
        if count < len(parts) and form in forms:
            return count + (parts[-count - 1] in AND and count + 1 < len(parts))
    return 0


def _lines(name: str) -> list[str]:
    text = files("marklens.text").joinpath("data", name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def _weak_words() -> frozenset[str]:
    return frozenset(" ".join(_lines("weak_words.txt")).split()) | _dotted_forms()


@lru_cache(maxsize=1)
def _legal_forms() -> tuple[frozenset[str], frozenset[str]]:
    forms = " ".join(_lines("legal_forms.txt")).split()
    starts = frozenset(form[1:] for form in forms if form.startswith("^"))
    return frozenset(form for form in forms if form[0] not in "^."), starts


@lru_cache(maxsize=1)
def _dotted_forms() -> frozenset[str]:
    forms = " ".join(_lines("legal_forms.txt")).split()
    return frozenset(form[1:] for form in forms if form.startswith("."))


@lru_cache(maxsize=1)
def _transliteration() -> tuple[dict[str, str], int]:
    pairs = [line.split("\t") for line in _lines("transliteration.tsv")]
    return {pair[0]: pair[1] for pair in pairs}, max(len(pair[0]) for pair in pairs)
