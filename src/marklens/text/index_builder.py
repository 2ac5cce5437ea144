"""Takes the texts of marks one by one, while an index is built, and keeps each distinct word once."""

from array import array
from collections.abc import Iterable

import numpy as np

from marklens.text.forms import Texts
from marklens.text.normalizer import words_of
from marklens.text.postings import Postings
from marklens.text.sounds import Reader
from marklens.text.text_index import TextIndex
from marklens.text.vocabulary import GrowingVocabulary, Numbers


class TextIndexBuilder:
    """Collects texts; a text costs its words' numbers, a new word its sounds.

    Args:
        reader: who reads the texts aloud; ``dictionary`` needs the extra ``phonetics``.
    """

    def __init__(self, reader: Reader = "rules") -> None:
        self._reader: Reader = reader
        self._vocabulary = GrowingVocabulary(reader)
        self._known: dict[str, int] = {}
        self._marks = array("q")
        self._words = array("i")
        self._starts = array("q", [0])

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, number: int, text: str) -> bool:
        """Take the text of a mark; return whether it says anything.

        Raises:
            MissingExtraError: the reader's extra is not installed.
        """
        words = words_of(text)
        if not words:
            return False
        for word in words:
            place = self._known.get(word.text)
            if place is None:
                place = self._known[word.text] = len(self._known)
                self._vocabulary.append(word)
            self._words.append(place)
        self._marks.append(number)
        self._starts.append(len(self._words))
        return True

    def finish(self) -> TextIndex:
        """The index of all texts so far.

        Raises:
            ValueError: a mark came twice.
        """
        words, starts = np.array(self._words, np.int64), np.array(self._starts, np.int64)
        texts = Texts(self._vocabulary.finish(), words, starts)
        return _index(np.array(self._marks, np.int64), texts, self._reader)


def build_index(texts: Iterable[tuple[int, str]], reader: Reader = "rules") -> TextIndex:
    """Index the texts of marks, given as number and text; those that say nothing are left out.

    Raises:
        MissingExtraError: the reader's extra is not installed.
        ValueError: a mark comes twice.
    """
    builder = TextIndexBuilder(reader)
    for number, text in texts:
        builder.add(number, text)
    return builder.finish()


def merge_indexes(index: TextIndex, more: TextIndex) -> TextIndex:
    """Both in one: how marks are added to an index without reading its texts again.

    Raises:
        ValueError: they have a mark in common, or different readers.
    """
    if index.reader != more.reader:
        raise ValueError(f"one index was read by {index.reader}, the other by {more.reader}")
    texts = Texts(
        index.texts.vocabulary + more.texts.vocabulary,
        np.concatenate([index.texts.words, more.texts.words + len(index.texts.vocabulary)]),
        np.concatenate([index.texts.starts, index.texts.starts[-1] + more.texts.starts[1:]]),
    )
    return _index(np.concatenate([index.numbers, more.numbers]), texts, index.reader)


def _index(marks: Numbers, texts: Texts, reader: Reader) -> TextIndex:
    """Put texts in the order of their marks and index them."""
    order = np.argsort(marks, kind="stable")
    marks, texts = marks[order], texts.take(order)
    twice = np.flatnonzero(np.diff(marks) == 0)
    if len(twice):
        raise ValueError(f"mark {marks[twice[0]]} has two texts")
    return TextIndex(marks, texts, Postings.of(texts), reader)
