"""The inverted index: which texts have a gram, and which texts share most of a query's."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from marklens.core.arrays import ranges
from marklens.core.types import Bools
from marklens.text import grams
from marklens.text.features import Floats
from marklens.text.forms import TextForm, Texts
from marklens.text.sounds import Reader
from marklens.text.vocabulary import Numbers, Vocabulary

Rows = npt.NDArray[np.int32]

_CHUNK = 50_000
"""Texts a pass, to keep the memory of the pairs low."""


@dataclass(frozen=True, slots=True)
class Postings:
    """Rows of texts by gram.

    Attributes:
        rows: int32, for each gram the rows of the texts that have it, one gram after the other.
        starts: int64 (grams.COUNT + 1,), where each gram begins in `rows`.
        mass: float32 (n,), the summed rarity of each text's grams.
    """

    rows: Rows
    starts: Numbers
    mass: Floats

    @classmethod
    def of(cls, texts: Texts) -> Self:
        """Index texts by the grams of their words."""
        pairs = list(_pairs(texts))
        counts = np.array([np.bincount(keys, minlength=grams.COUNT) for _, keys in pairs], np.int64)
        totals = counts.reshape(-1, grams.COUNT).sum(axis=0)
        starts = np.concatenate([[0], np.cumsum(totals)]).astype(np.int64)
        rarity, mass = _rarity(starts, len(texts)), np.zeros(len(texts), np.float32)
        rows, free = np.empty(int(starts[-1]), np.int32), starts[:-1].copy()
        for (some, keys), count in zip(pairs, counts, strict=True):
            mass[some[0] : some[-1] + 1] = np.bincount(some - some[0], rarity[keys])
            rows[ranges(free, count)] = some[np.argsort(keys, kind="stable")]
            free += count
        return cls(rows, starts, mass)

    def best(self, query: TextForm, reader: Reader, count: int, allowed: Bools | None) -> Numbers:
        """Rows of the texts that share most with the query, at most `count`, ascending.

        What counts is the sum of two shares, in which each gram weighs its rarity: how much of the query the
        text has, and four times how much of the text the query has: long texts have much of any query.

        Args:
            query: a text; if it has no words nothing is found.
            reader: who reads it aloud.
            count: how many rows at most.
            allowed: bool (n,), True for each row that may be returned; None allows all.
        """
        if not query.words or not len(self.mass):
            return np.zeros(0, np.int64)
        asked = _grams_of(query, reader)
        rarity = _rarity(self.starts, len(self.mass))[asked]
        shared = np.zeros(len(self.mass), np.float32)
        for gram, worth in zip(asked.tolist(), rarity, strict=True):
            shared[self.rows[self.starts[gram] : self.starts[gram + 1]]] += worth
        # 4 is about the rarity of one common gram: without it, texts of a single gram would win
        shared *= 1 / np.float32(rarity.sum() + 1e-6) + 4 / (self.mass + 4)
        if allowed is not None:
            shared *= allowed
        best = np.argpartition(-shared, min(count, len(shared)) - 1)[:count]
        return np.sort(best[shared[best] > 0]).astype(np.int64)


def _grams_of(query: TextForm, reader: Reader) -> Numbers:
    """Distinct grams of the strong words, of all words if none is strong."""
    strong = [word for word in query.words if not word.weak] or list(query.words)
    _, found = grams.grams_of(Vocabulary.of(dict.fromkeys(strong), reader))
    return grams.distinct_keys(found.astype(np.int64))


def _pairs(texts: Texts) -> Iterator[tuple[Rows, grams.Grams]]:
    """Distinct pairs of text and gram, chunk by chunk, by row."""
    starts, found = grams.grams_of(texts.vocabulary)
    for first in range(0, len(texts), _CHUNK):
        last = min(first + _CHUNK, len(texts))
        words = texts.words[texts.starts[first] : texts.starts[last]]
        owner = np.repeat(np.arange(first, last), np.diff(texts.starts[first : last + 1]))
        lengths = starts[words + 1] - starts[words]
        keys = np.repeat(owner, lengths) * grams.COUNT + found[ranges(starts[words], lengths)]
        distinct = grams.distinct_keys(keys)
        yield (distinct // grams.COUNT).astype(np.int32), (distinct % grams.COUNT).astype(np.uint16)


def _rarity(starts: Numbers, count: int) -> Floats:
    """log(texts / texts that have the gram), float32 (grams.COUNT,); 0 for grams nobody has."""
    having = np.diff(starts)
    return np.where(having > 0, np.log((count + 1) / np.maximum(having, 1)), 0).astype(np.float32)
