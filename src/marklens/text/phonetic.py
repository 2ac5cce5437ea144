"""How alike two marks' texts are, judged as an examiner would.

Three questions are asked, each of the sounds (ALINE, in every language that both are read in) and of the
letters (the same alignment over letters):

* How alike are the texts as a whole, spoken in one go? ("ACTIVECARE" and "ACTIVE CARE")
* How well do their words find a like word in the other, in any order? Weak words ("tools", "the") count
  little, the first strong word and long words count more. ("SEASON-ALL" and "ALL-SEASON")
* Is one text, or its strong part, contained in the other? ("FLEX" and "CONFORFLEX")

The best answer counts. The numbers below were chosen on the development third of the pairs in
``benchmarks/data/confusable_names.tsv`` (``python -m benchmarks.phonetics --tune``), never on the rest.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np

from marklens.text.aline_batch import Codes, Scheme, pad, scores, sound_scheme
from marklens.text.features import Floats
from marklens.text.forms import TextForm, Texts, form_of, texts_of
from marklens.text.vocabulary import SPELLING, VOICES, Numbers
from marklens.text.weighing import Weighing, query_weights, text_weights


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike one text and each of n others are; all float32 (n,), 0..1.

    Attributes:
        total: the answer.
        sound: by the sounds alone.
        spelling: by the letters alone.
    """

    total: Floats
    sound: Floats
    spelling: Floats

    def take(self, places: Numbers) -> Self:
        """Those at these places, in this order."""
        return type(self)(self.total[places], self.sound[places], self.spelling[places])


def similarity(one: str, other: str, weighing: Weighing | None = None) -> float:
    """How alike two texts are, 0..1; 0 if either says nothing."""
    first, second = form_of(one), form_of(other)
    if not first.words or not second.words:
        return 0.0
    return float(compare(first, texts_of([second]), weighing).total[0])


def compare(query: TextForm, texts: Texts, weighing: Weighing | None = None) -> Likeness:
    """Compare one text with many.

    Args:
        query: must have a word.
        texts: the others.
        weighing: what counts how much.
    """
    weighing = weighing or Weighing()
    sound = np.zeros(len(texts), np.float32)
    used, places = np.unique(texts.words, return_inverse=True)
    words = np.zeros((len(query.words), len(used)), np.float32)
    for voice in range(VOICES):
        whole, part = _voice(query, texts, used, voice, sound_scheme(), weighing)
        np.maximum(sound, whole, out=sound)
        np.maximum(words, part, out=words)
    spelling, letters = _voice(query, texts, used, SPELLING, letter_scheme(), weighing)
    mine, theirs = query_weights(query, weighing), text_weights(texts, weighing)
    sound = np.maximum(sound, _by_words(mine, theirs, texts, words[:, places], weighing))
    spelling = np.maximum(spelling, _by_words(mine, theirs, texts, letters[:, places], weighing))
    share = weighing.sound * _heard(mine, theirs, query, texts)
    total = (share * sound + (1 - share) * spelling).astype(np.float32)
    return Likeness(np.minimum(total, 1), np.minimum(sound, 1), np.minimum(spelling, 1))


def _heard(mine: Floats, theirs: Floats, query: TextForm, texts: Texts) -> Floats:
    """How much of the less readable of both texts can be read aloud, by weight: float32 (n,), 0..1."""
    own = mine @ np.array([any(said[:VOICES]) for said in query.spoken], np.float32) / mine.sum()
    begins = texts.starts[:-1]
    others = np.add.reduceat(theirs * texts.heard(), begins) / np.add.reduceat(theirs, begins)
    return np.asarray(np.minimum(own, others), np.float32)


def _voice(
    query: TextForm,
    texts: Texts,
    used: Numbers,
    voice: int,
    scheme: Scheme,
    weighing: Weighing,
) -> tuple[Floats, Floats]:
    """Answers of one voice: (n,) as a whole or contained, (query words, used words) word by word."""
    joined = texts.vocabulary.joined(voice, texts.words, texts.starts)
    whole = _whole(query.voices[voice], joined, scheme, weighing)
    table = texts.vocabulary.padded(voice, used)
    own = scheme.self_scores(table)
    words = [
        _ratio(scores(said[voice], table, scheme), np.maximum(own, _own(said[voice], scheme)))
        for said in query.spoken
    ]
    return whole, np.stack(words)


def _whole(query: bytes, joined: Codes, scheme: Scheme, weighing: Weighing) -> Floats:
    """Likeness as a whole, or what containment is worth if that is more."""
    best, own, mine = scores(query, joined, scheme), scheme.self_scores(joined), _own(query, scheme)
    alike = _ratio(best, np.maximum(own, mine))
    small = np.minimum(own, mine)
    inside = _ratio(best, small)
    # a short text is contained in a long one by chance
    trust = np.clip((small - weighing.least) / (weighing.enough - weighing.least), 0, 1)
    contained = np.float32(weighing.contained) * trust * np.clip((inside - 0.6) / 0.4, 0, 1)
    return np.asarray(np.maximum(alike, contained), np.float32)


def _by_words(mine: Floats, theirs: Floats, texts: Texts, likeness: Floats, weighing: Weighing) -> Floats:
    """How well the words find a like word in the other text, in any order.

    Args:
        mine: weights of the query's words.
        theirs: weights of all words of the texts.
        texts: the others.
        likeness: float32 (query words, all words of the texts).
        weighing: what counts how much.
    """
    found = np.clip((likeness - weighing.floor) / (1 - weighing.floor), 0, 1)
    begins = texts.starts[:-1]
    covered_query = mine @ np.maximum.reduceat(found, begins, axis=1) / mine.sum()
    covered_text = np.add.reduceat(theirs * found.max(axis=0), begins) / np.add.reduceat(theirs, begins)
    low, high = np.minimum(covered_query, covered_text), np.maximum(covered_query, covered_text)
    both = weighing.lenient * high + (1 - weighing.lenient) * low
    return np.asarray(weighing.shuffled * both, np.float32)


def _own(word: bytes, scheme: Scheme) -> float:
    return float(scheme.self_scores(pad([word]))[0]) if word else 0.0


def _ratio(score: Floats, largest: Floats) -> Floats:
    return np.divide(score, largest, out=np.zeros_like(score), where=largest > 0)


@lru_cache(maxsize=1)
def letter_scheme() -> Scheme:
    """Letters as a scheme of alignment: a match is worth what a consonant is, a mismatch like two skips."""
    match = np.full((256, 256), -15, np.float32)
    np.fill_diagonal(match, 35)
    match[0, :] = match[:, 0] = -1e6
    return Scheme(match, np.zeros((256, 256), np.float32), np.zeros(256, np.float32), -10.0, None)
