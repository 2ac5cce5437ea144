"""Which short runs of broad sounds a word has: the keys under which texts are found.

Every reading of a word becomes a string of broad classes (p, b → P; t, d → T; s, z, ts → S; …). Its runs of
two and three, those of its consonants alone, and for scripts that cannot be read the pairs of letters, are
its grams. Words that sound alike share most of them, whatever their spelling.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from marklens.text.aline_batch import Codes
from marklens.text.features import inventory
from marklens.text.vocabulary import SPELLING, VOICES, Numbers, Vocabulary

Grams = npt.NDArray[np.uint16]

_CLASSES = "PTKSFMNLRJWHieaou"
_VOWELS = 13
"""Classes from here on are vowels; 0 is a word's edge."""
_BASE = len(_CLASSES) + 1
_PAIRS = _BASE**3
_BARE_TRIPLES = _PAIRS + _BASE**2
_BARE_PAIRS = _BARE_TRIPLES + _VOWELS**3
_SCRIPT = _BARE_PAIRS + _VOWELS**2
_SCRIPT_SLOTS = 8192
COUNT = _SCRIPT + _SCRIPT_SLOTS
"""How many grams there are; fits 16 bits."""

_CHUNK = 100_000
"""Words a pass, to keep the memory of the pairs low."""


@lru_cache(maxsize=1)
def _class_of() -> Codes:
    """Class 1.. of every segment code."""
    return np.array([_CLASSES.find(kind) + 1 for kind in inventory().classes], np.uint8)


def grams_of(vocabulary: Vocabulary) -> tuple[Numbers, Grams]:
    """The distinct grams of all words.

    Returns:
        starts int64 (words + 1,) and grams uint16: word i has ``grams[starts[i]:starts[i + 1]]``, ascending.
    """
    count = len(vocabulary.weak)
    counts, found = [np.zeros(1, np.int64)], [np.zeros(0, np.uint16)]
    for first in range(0, count, _CHUNK):
        part = vocabulary.part(first, min(first + _CHUNK, count))
        keys = [_sound_keys(part, voice) for voice in range(VOICES)]
        distinct = distinct_keys(np.concatenate([*keys, _script_keys(part)]))
        counts.append(np.bincount(distinct // COUNT, minlength=len(part.weak)))
        found.append((distinct % COUNT).astype(np.uint16))
    return np.cumsum(np.concatenate(counts)), np.concatenate(found)


def distinct_keys(keys: Numbers) -> Numbers:
    """Distinct keys, ascending: many times faster than `np.unique`, which hashes."""
    ordered = np.sort(keys)
    return ordered[np.diff(ordered, prepend=-1) > 0]


def _sound_keys(vocabulary: Vocabulary, voice: int) -> Numbers:
    """``word × COUNT + gram`` of one voice."""
    classes, word = _edged(_class_of()[vocabulary.codes[voice]], vocabulary.starts[voice])
    consonants = classes < _VOWELS
    skeleton, owner = classes[consonants], word[consonants]
    return np.concatenate(
        [
            _runs_of_three(classes, word, _BASE, 0),
            _runs_of_two(classes, word, _BASE, _PAIRS),
            _runs_of_three(skeleton, owner, _VOWELS, _BARE_TRIPLES),
            _runs_of_two(skeleton, owner, _VOWELS, _BARE_PAIRS),
        ]
    )


def _script_keys(vocabulary: Vocabulary) -> Numbers:
    """Pairs of letters, of words without sounds only."""
    silent = np.flatnonzero(np.diff(vocabulary.starts[0]) == 0)
    table = vocabulary.padded(SPELLING, silent).astype(np.int64)
    if not table.size:
        return np.zeros(0, np.int64)
    edged = np.pad(table, ((0, 0), (1, 1)))
    pairs = (edged[:, :-1] * 257 + edged[:, 1:]) % _SCRIPT_SLOTS
    real = (edged[:, :-1] > 0) | (edged[:, 1:] > 0)
    return (silent[:, None] * COUNT + _SCRIPT + pairs)[real]


def _edged(classes: Codes, starts: Numbers) -> tuple[Numbers, Numbers]:
    """All words with one edge (0) before each and after the last, and whose each place is."""
    lengths = np.diff(starts)
    word = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths + 1)
    places = np.arange(len(classes), dtype=np.int64) + np.repeat(np.arange(1, len(lengths) + 1), lengths)
    row = np.zeros(len(classes) + len(lengths) + 1, np.int64)
    row[places] = classes
    return row, np.append(word, len(lengths))


def _runs_of_three(row: Numbers, word: Numbers, base: int, offset: int) -> Numbers:
    middle = row[1:-1]
    grams = (row[:-2] * base + middle) * base + row[2:]
    return (word[1:-1] * COUNT + offset + grams)[middle > 0]


def _runs_of_two(row: Numbers, word: Numbers, base: int, offset: int) -> Numbers:
    first, second = row[:-1], row[1:]
    owner = np.where(first > 0, word[:-1], word[1:])
    return (owner * COUNT + offset + first * base + second)[(first > 0) | (second > 0)]
