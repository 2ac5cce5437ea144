"""How much the parts of a comparison count: words among themselves, sounds against letters."""

from dataclasses import dataclass

import numpy as np

from marklens.core.types import Bools
from marklens.text.features import Floats
from marklens.text.forms import TextForm, Texts
from marklens.text.vocabulary import Numbers


@dataclass(frozen=True, slots=True)
class Weighing:
    """What counts how much; shares and weights are 0..1.

    Attributes:
        sound: share of the sounds, the rest is the letters'.
        weak: weight of a weak word, a strong one has 1.
        later: weight of a strong word that is not the first strong one.
        lenient: share of the better covered of the two texts in the answer of the words.
        contained: what full containment is worth at most.
        shuffled: what the answer of the words is worth at most, as they may stand in another order.
        least: a contained text whose score with itself is no more than this is taken for chance,
        enough: from this score on it has its full worth (a consonant scores 35, a vowel 15).
        floor: likeness of two words that is mere chance; it counts as none.
    """

    sound: float = 0.5
    weak: float = 0.2
    later: float = 0.6
    lenient: float = 0.55
    contained: float = 0.75
    shuffled: float = 0.95
    least: float = 65.0
    enough: float = 165.0
    floor: float = 0.35


def query_weights(query: TextForm, weighing: Weighing) -> Floats:
    """Weights of the words of one text, float32 (words,)."""
    weak = np.array([word.weak for word in query.words])
    letters = np.array([len(word.letters) for word in query.words], np.int64)
    first = np.zeros(len(weak), bool)
    first[int(np.argmin(weak))] = True
    return np.asarray(_weight(weak, first, letters, weighing), np.float32)


def text_weights(texts: Texts, weighing: Weighing) -> Floats:
    """Weights of all words of all texts, float32 (all words,)."""
    weak = texts.vocabulary.weak[texts.words]
    text = np.repeat(np.arange(len(texts)), np.diff(texts.starts))
    strong = np.flatnonzero(~weak)
    first = np.zeros(len(weak), bool)
    if len(strong):
        first[strong[np.unique(text[strong], return_index=True)[1]]] = True
    return np.asarray(_weight(weak, first, texts.vocabulary.lengths(texts.words), weighing), np.float32)


def _weight(weak: Bools, first: Bools, letters: Numbers, weighing: Weighing) -> Floats:
    rank = np.where(weak, weighing.weak, np.where(first, 1.0, weighing.later))
    return np.asarray(rank * np.sqrt(np.minimum(letters, 9)), np.float32)
