"""ALINE: the best local alignment of two words, sound by sound, and how similar it makes them.

G. Kondrak, "A New Algorithm for the Alignment of Phonetic Sequences", NAACL 2000, and his thesis of 2002.
Besides substitution and skipping it knows compression and expansion: one sound against two, as the *uw* of
English *tooth* against the *i* of Latin *dentis*. This is the plain version; `aline_batch` is the fast one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marklens.text.features import Floats, Inventory, inventory

Step = tuple[int, int]
_STEPS: tuple[Step, ...] = ((1, 2), (2, 1), (1, 1), (0, 1), (1, 0))
"""How many segments of each side a step takes; of equally good ones the first is shown, as in NLTK's port."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """The best local alignment of two words.

    Attributes:
        score: Kondrak's similarity score, 0 or more.
        similarity: score / the larger of the two words' scores with themselves, 0..1.
        pairs: IPA of the first word and of the second, step by step; an empty string is a skipped place.
        gains: what each step adds to the score, exactly: they sum to it.
        before: what stands unaligned before the aligned part of the first and of the second word.
        after: what stands unaligned after it.
    """

    score: float
    similarity: float
    pairs: tuple[tuple[str, str], ...]
    gains: tuple[float, ...]
    before: tuple[str, str]
    after: tuple[str, str]


def align(first: bytes, second: bytes) -> Alignment:
    """Align two words.

    Args:
        first: segment codes of a word (`Inventory.encode`).
        second: segment codes of the other.
    """
    sounds = inventory()
    table = _table(first, second, sounds)
    row, column = (int(place) for place in np.unravel_index(np.argmax(table), table.shape))
    end_row, end_column = row, column
    pairs: list[tuple[str, str]] = []
    gains: list[float] = []
    while table[row, column] > 0:
        up, left = _step_back(table, row, column, first, second, sounds)
        pairs.append((_ipa(first[row - up : row], sounds), _ipa(second[column - left : column], sounds)))
        gains.append(float(table[row, column] - table[row - up, column - left]))
        row, column = row - up, column - left
    score = float(table[end_row, end_column])
    return Alignment(
        score,
        _ratio(score, self_score(first), self_score(second)),
        tuple(reversed(pairs)),
        tuple(reversed(gains)),
        (_ipa(first[:row], sounds), _ipa(second[:column], sounds)),
        (_ipa(first[end_row:], sounds), _ipa(second[end_column:], sounds)),
    )


def similarity(first: bytes, second: bytes) -> float:
    """s(x, y) / max(s(x, x), s(y, y)), 0..1; 0 if either is empty."""
    score = float(_table(first, second, inventory()).max())
    return _ratio(score, self_score(first), self_score(second))


def self_score(word: bytes) -> float:
    """The score of a word with itself, sound by sound: each consonant counts C_sub, each vowel 2 C_vwl less.

    Only where three like vowels follow one another can one against two score higher: similarity stops at 1.
    """
    sounds = inventory()
    return sum(sounds.substitution - 2 * float(sounds.vowel[code]) for code in word)


def _ratio(score: float, first: float, second: float) -> float:
    return min(1.0, score / max(first, second)) if first and second else 0.0


def _table(first: bytes, second: bytes, sounds: Inventory) -> Floats:
    """Best score (len + 1, len + 1) of a local alignment that ends at each pair of places."""
    table: npt.NDArray[np.float32] = np.zeros((len(first) + 1, len(second) + 1), np.float32)
    for row in range(1, len(first) + 1):
        for column in range(1, len(second) + 1):
            table[row, column] = max(
                0.0, *(_reach(table, row, column, step, first, second, sounds) for step in _STEPS)
            )
    return table


def _reach(
    table: Floats, row: int, column: int, step: Step, first: bytes, second: bytes, sounds: Inventory
) -> float:
    """Score at a place if the last step was this one."""
    up, left = step
    if up > row or left > column:
        return -np.inf
    gain = _gain(first[row - up : row], second[column - left : column], sounds)
    return float(table[row - up, column - left]) + gain


def _gain(some: bytes, others: bytes, sounds: Inventory) -> float:
    """Kondrak's σ of a step: σ_skip, σ_sub or σ_exp."""
    if not some or not others:
        return sounds.skip
    best = sounds.substitution if len(some) == len(others) else sounds.expansion
    apart = sum(float(sounds.difference[one, other]) for one in some for other in others)
    vowels = max(float(sounds.vowel[code]) for code in some) + max(
        float(sounds.vowel[code]) for code in others
    )
    return best - apart - vowels


def _step_back(table: Floats, row: int, column: int, first: bytes, second: bytes, sounds: Inventory) -> Step:
    here = float(table[row, column])
    return next(
        step for step in _STEPS if _reach(table, row, column, step, first, second, sounds) >= here - 1e-3
    )


def _ipa(codes: bytes, sounds: Inventory) -> str:
    return "".join(sounds.decode(codes))
