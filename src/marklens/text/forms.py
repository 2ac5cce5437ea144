"""Texts made ready for comparison: their words as sounds and letters, alone or many side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from marklens.core.arrays import ranges
from marklens.core.types import Bools
from marklens.text.normalizer import Word, words_of
from marklens.text.sounds import Reader
from marklens.text.vocabulary import VOICES, Numbers, Vocabulary, voices_of


@dataclass(frozen=True, slots=True)
class TextForm:
    """A text made ready for comparison.

    Attributes:
        words: its words, without legal forms; none if nothing but punctuation is there.
        spoken: each word in every voice.
        voices: the whole text in every voice (`vocabulary.VOICES`), words run together.
    """

    words: tuple[Word, ...]
    spoken: tuple[tuple[bytes, ...], ...]
    voices: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """Many texts made ready for comparison.

    Attributes:
        vocabulary: the words.
        words: int64 (all words,), their numbers in the vocabulary, text after text.
        starts: int64 (n + 1,), where each text begins in `words`; no text is empty.
    """

    vocabulary: Vocabulary
    words: Numbers
    starts: Numbers

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, rows: Numbers) -> Self:
        """The texts of these rows, int64 (m,), in this order."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return type(self)(self.vocabulary, self.words[ranges(self.starts[rows], lengths)], ends)

    def heard(self) -> Bools:
        """Whether each word can be read aloud, bool (all words,)."""
        lengths = [starts[self.words + 1] - starts[self.words] for starts in self.vocabulary.starts[:VOICES]]
        return np.asarray(np.max(lengths, axis=0) > 0)


def form_of(text: str, reader: Reader = "rules") -> TextForm:
    """Make a text ready."""
    words = words_of(text)
    spoken = tuple(voices_of(word, reader) for word in words)
    joined = tuple(b"".join(said[voice] for said in spoken) for voice in range(VOICES + 1))
    return TextForm(words, spoken, joined)


def texts_of(forms: Sequence[TextForm], reader: Reader = "rules") -> Texts:
    """Put texts side by side; every one must have a word and come from the same reader."""
    numbers: dict[Word, int] = {}
    order = [numbers.setdefault(word, len(numbers)) for form in forms for word in form.words]
    starts = np.concatenate([[0], np.cumsum([len(form.words) for form in forms], dtype=np.int64)])
    return Texts(Vocabulary.of(numbers, reader), np.array(order, np.int64), starts.astype(np.int64))
