"""Why two texts are alike: the alignment of their sounds, as data to show to people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marklens.text.aline import Alignment, align
from marklens.text.aline_batch import pad, similarities, sound_scheme
from marklens.text.forms import TextForm, form_of, texts_of
from marklens.text.lexicon import LANGUAGES
from marklens.text.phonetic import compare
from marklens.text.sounds import Reader
from marklens.text.weighing import Weighing

Voices = Sequence[bytes]
"""A text or a word as each language reads it; empty where it cannot."""


@dataclass(frozen=True, slots=True)
class WordMatch:
    """A word and the word of the other text that sounds most like it.

    Attributes:
        word: of the first text, without accents.
        other: of the second.
        language: in which they sound most alike.
        alignment: of their sounds.
    """

    word: str
    other: str
    language: str
    alignment: Alignment


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two texts are alike.

    Attributes:
        total: how alike they are, 0..1 (`phonetic.compare`).
        sound: by their sounds alone.
        spelling: by their letters alone.
        language: in which the whole texts sound most alike; None if a script cannot be read.
        alignment: of the whole texts in that language.
        words: for each strong word of the first text, its best match.
    """

    total: float
    sound: float
    spelling: float
    language: str | None
    alignment: Alignment | None
    words: tuple[WordMatch, ...]


def explain(
    one: str, other: str, reader: Reader = "rules", weighing: Weighing | None = None
) -> Explanation | None:
    """Explain how alike two texts are; None if either says nothing."""
    first, second = form_of(one, reader), form_of(other, reader)
    if not first.words or not second.words:
        return None
    likeness = compare(first, texts_of([second], reader), weighing)
    whole = _closest(first.voices, [second.voices])
    matches = [
        _match(word.letters, said, second)
        for word, said in zip(first.words, first.spoken, strict=True)
        if not word.weak or all(each.weak for each in first.words)
    ]
    return Explanation(
        float(likeness.total[0]),
        float(likeness.sound[0]),
        float(likeness.spelling[0]),
        whole[1] if whole else None,
        whole[2] if whole else None,
        tuple(match for match in matches if match),
    )


def _match(word: str, said: Voices, other: TextForm) -> WordMatch | None:
    """The best match of a word among the words of the other text."""
    found = _closest(said, other.spoken)
    return None if found is None else WordMatch(word, other.words[found[0]].letters, *found[1:])


def _closest(said: Voices, others: Sequence[Voices]) -> tuple[int, str, Alignment] | None:
    """Which of the others sounds most alike, in which language, and how; None where none can be read.

    All are compared at once and only the likest pair is aligned step by step.
    """
    alike = np.full((len(others), len(LANGUAGES)), -1, np.float32)
    for voice, own in enumerate(said[: len(LANGUAGES)]):
        heard = [number for number, other in enumerate(others) if own and other[voice]]
        if heard:
            words = pad([others[number][voice] for number in heard])
            alike[heard, voice] = similarities(own, words, sound_scheme())
    if not alike.size or alike.max() < 0:
        return None
    other, voice = divmod(int(alike.argmax()), len(LANGUAGES))
    return other, LANGUAGES[voice], align(said[voice], others[other][voice])
