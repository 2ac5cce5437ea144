"""Words as arrays: how each sounds in every language and how it is spelled, ready for `aline_batch`."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from marklens.core.arrays import ranges
from marklens.text.aline_batch import Codes
from marklens.text.lexicon import LANGUAGES
from marklens.text.normalizer import Word
from marklens.text.sounds import Reader, readings

Numbers = npt.NDArray[np.int64]

VOICES = len(LANGUAGES)
"""Voices 0 to 4 are the languages; the next (this number) is the spelling."""
SPELLING = VOICES

_LETTERS = {letter: code for code, letter in enumerate("abcdefghijklmnopqrstuvwxyz0123456789", 1)}


def letter_codes(letters: str) -> bytes:
    """Codes 1..36 for a-z0-9; other scripts share 37..255, so two letters clash rarely, but they can."""
    return bytes(_LETTERS.get(letter) or 37 + ord(letter) % 219 for letter in letters)


def voices_of(word: Word, reader: Reader = "rules") -> tuple[bytes, ...]:
    """Segment codes in every language, then letter codes; no sounds where the script cannot be read."""
    said = readings(word.text, reader) if word.readable else (b"",) * VOICES
    return (*said, letter_codes(word.letters))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Distinct words.

    Attributes:
        codes: uint8 (voices + 1, each of its length): all words of a voice, one after the other.
        starts: int64 (voices + 1, words + 1): where each word begins in its voice.
        weak: bool (words,), words that count little.
    """

    codes: tuple[Codes, ...]
    starts: tuple[Numbers, ...]
    weak: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, words: Iterable[Word], reader: Reader = "rules") -> "Vocabulary":
        """The words in their order, none left out."""
        growing = GrowingVocabulary(reader)
        for word in words:
            growing.append(word)
        return growing.finish()

    def __len__(self) -> int:
        return len(self.weak)

    def part(self, first: int, last: int) -> Self:
        """The words from `first` to before `last`."""
        ends = [(int(starts[first]), int(starts[last])) for starts in self.starts]
        return type(self)(
            tuple(codes[begin:end] for codes, (begin, end) in zip(self.codes, ends, strict=True)),
            tuple(
                starts[first : last + 1] - begin for starts, (begin, _) in zip(self.starts, ends, strict=True)
            ),
            self.weak[first:last],
        )

    def __add__(self, other: "Vocabulary") -> "Vocabulary":
        """These words and then the others; a word of both comes twice, which costs room and nothing else."""
        return Vocabulary(
            tuple(map(np.concatenate, zip(self.codes, other.codes, strict=True))),
            tuple(
                np.concatenate([mine, mine[-1] + theirs[1:]])
                for mine, theirs in zip(self.starts, other.starts, strict=True)
            ),
            np.concatenate([self.weak, other.weak]),
        )

    def padded(self, voice: int, words: Numbers) -> Codes:
        """Codes (n, longest) of these words in a voice, filled up with 0."""
        starts = self.starts[voice]
        return _padded(self.codes[voice], starts[words], starts[words + 1] - starts[words])

    def joined(self, voice: int, words: Numbers, texts: Numbers) -> Codes:
        """Codes (n, longest) of whole texts: text i is ``words[texts[i]:texts[i + 1]]`` spoken in one go."""
        starts = self.starts[voice]
        lengths = starts[words + 1] - starts[words]
        flat = self.codes[voice][ranges(starts[words], lengths)]
        ends = np.concatenate([[0], np.cumsum(lengths)])[texts]
        return _padded(flat, ends[:-1], np.diff(ends))

    def lengths(self, words: Numbers) -> Numbers:
        """Letters of these words."""
        starts = self.starts[SPELLING]
        return starts[words + 1] - starts[words]


class GrowingVocabulary:
    """A vocabulary that words are appended to: a few dozen bytes a word.

    Args:
        reader: who reads the words aloud.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader: Reader = reader
        self._codes = [bytearray() for _ in range(VOICES + 1)]
        self._starts = [array("q", [0]) for _ in range(VOICES + 1)]
        self._weak = bytearray()

    def append(self, word: Word) -> None:
        """Read a word and keep it, even if it is there already."""
        for voice, said in enumerate(voices_of(word, self._reader)):
            self._codes[voice] += said
            self._starts[voice].append(len(self._codes[voice]))
        self._weak.append(word.weak)

    def finish(self) -> Vocabulary:
        """What was appended so far, in arrays of its own."""
        return Vocabulary(
            tuple(np.frombuffer(bytes(each), np.uint8) for each in self._codes),
            tuple(np.array(each, np.int64) for each in self._starts),
            np.frombuffer(bytes(self._weak), np.bool_),
        )


def _padded(flat: Codes, starts: Numbers, lengths: Numbers) -> Codes:
    width = int(lengths.max(initial=0))
    columns = np.arange(width, dtype=np.int64)
    inside = columns < lengths[:, None]
    table = np.zeros(inside.shape, np.uint8)
    table[inside] = flat[ranges(starts, lengths)]
    return table
