"""ALINE of one word against many at once, with NumPy over the many.

The rows of the dynamic programme run over the query, its columns over the places of the words, and each cell
is computed for all words together. The scores are multiples of one half, so float32 is exact and the result
equals that of `aline.align` (a test says so).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from marklens.text.features import PAD, Floats, inventory

Codes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]
_NEVER = np.float32(-1e6)
_CHUNK = 1024
"""Words a pass, of like length: small enough that its arrays stay in the cache."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """What steps are worth; any alphabet of codes, 0 is the pad.

    Attributes:
        match: float32 (codes, codes), score of one against one.
        pull: float32 (codes, codes), what each member of a one-against-two step takes off `expansion`.
        vowel: float32 (codes,), what a vowel takes off.
        skip: score of leaving one out, negative.
        expansion: score of a perfect one against two, or None where there are no such steps.
    """

    match: Floats
    pull: Floats
    vowel: Floats
    skip: float
    expansion: float | None

    def self_scores(self, words: Codes) -> Floats:
        """Scores (n,) of padded words (n, length) with themselves."""
        return np.asarray(self.match.diagonal()[words].sum(axis=1, where=words != PAD), np.float32)


@lru_cache(maxsize=1)
def sound_scheme() -> Scheme:
    """Kondrak's numbers for segment codes."""
    sounds = inventory()
    match = sounds.substitution - sounds.difference - sounds.vowel[:, None] - sounds.vowel[None, :]
    match[PAD, :] = match[:, PAD] = _NEVER
    return Scheme(match, sounds.difference, sounds.vowel, sounds.skip, sounds.expansion)


def pad(words: Sequence[bytes]) -> Codes:
    """Words as one array (n, longest), filled up with the pad."""
    width = max(map(len, words), default=0)
    joined = b"".join(word.ljust(width, b"\0") for word in words)
    return np.frombuffer(joined, np.uint8).reshape(len(words), width)


def scores(query: bytes, words: Codes, scheme: Scheme) -> Floats:
    """Best local alignment scores (n,) of one word against padded words (n, length)."""
    found = np.zeros(len(words), np.float32)
    if not query or not words.size:
        return found
    lengths = (words != PAD).sum(axis=1)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(words), _CHUNK):
        part = order[start : start + _CHUNK]
        longest = int(lengths[part[-1]])
        if longest:
            found[part] = _best(query, words[part, :longest].T.astype(np.intp, order="C"), scheme)
    return found


def similarities(query: bytes, words: Codes, scheme: Scheme) -> Floats:
    """Similarities (n,) of one word and padded words (n, length), 0..1: score / larger self score."""
    own = float(scheme.self_scores(np.frombuffer(query, np.uint8)[None, :])[0]) if query else 0.0
    largest = np.maximum(scheme.self_scores(words), own)
    found = np.divide(scores(query, words, scheme), largest, out=np.zeros_like(largest), where=largest > 0)
    return np.minimum(found, 1)


def _best(query: bytes, words: Places, scheme: Scheme) -> Floats:
    """Best scores (n,) against words (length, n), one word a column: each operation runs along the words."""
    width, count = words.shape
    skip, skipped = np.float32(scheme.skip), np.empty(count, np.float32)
    # a row of zeros before the words, and one that can never be reached before that
    previous = np.zeros((width + 1, count), np.float32)
    before = np.full((width + 1, count), _NEVER, np.float32)
    best = np.zeros((width + 1, count), np.float32)
    matches = {code: scheme.match[code].take(words) for code in set(query)}
    vowels = scheme.vowel.take(words)
    pulls = {code: scheme.pull[code].take(words) for code in set(query)} if scheme.expansion else {}
    for place, code in enumerate(query):
        row = previous + skip
        np.maximum(row[1:], previous[:-1] + matches[code], out=row[1:])
        if scheme.expansion is not None:
            _expand(row, previous, pulls[code], vowels, scheme.expansion - float(scheme.vowel[code]))
            if place:
                other = query[place - 1]
                cost = scheme.expansion - float(max(scheme.vowel[other], scheme.vowel[code]))
                _compress(row, before, pulls[other] + pulls[code] + vowels, cost)
        row[0] = 0
        np.maximum(row, 0, out=row)
        for column in range(2, width + 1):
            np.add(row[column - 1], skip, out=skipped)
            np.maximum(row[column], skipped, out=row[column])
        np.maximum(best, row, out=best)
        before, previous = previous, row
    return np.asarray(best.max(axis=0), np.float32)


def _expand(row: Floats, previous: Floats, pull: Floats, vowels: Floats, best: float) -> None:
    """One segment of the query against two of the word."""
    gain = np.float32(best) - np.maximum(vowels[:-1], vowels[1:])
    gain -= pull[:-1]
    gain -= pull[1:]
    gain += previous[:-2]
    np.maximum(row[2:], gain, out=row[2:])


def _compress(row: Floats, before: Floats, cost: Floats, best: float) -> None:
    """Two segments of the query against one of the word."""
    gain = before[:-1] - cost
    gain += np.float32(best)
    np.maximum(row[1:], gain, out=row[1:])
