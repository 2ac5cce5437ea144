"""Finds, among many marks, those whose text sounds or looks like a given one.

Two stages: an inverted index of broad sound runs (`postings`) proposes some texts, and `phonetic.compare`
judges each of them. Everything is arrays in one safetensors file; `index_builder` makes it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from marklens.core.artifacts import load_arrays, save_arrays
from marklens.core.errors import ArtifactError, IndexMismatchError
from marklens.core.types import Bools
from marklens.text import sounds
from marklens.text.features import Floats
from marklens.text.forms import Texts, form_of
from marklens.text.phonetic import Likeness, compare
from marklens.text.postings import Postings
from marklens.text.sounds import Reader
from marklens.text.vocabulary import VOICES, Numbers, Vocabulary
from marklens.text.weighing import Weighing

CANDIDATES = 8000
"""Texts that are judged for a query; see ``python -m benchmarks.phonetics --size`` for what this loses."""


@dataclass(frozen=True, slots=True)
class TextIndex:
    """The texts of many marks.

    Attributes:
        numbers: int64 (n,), the marks' numbers, ascending.
        texts: their words.
        postings: by which the candidates are found.
        reader: who read the texts aloud, and reads the queries.
    """

    numbers: Numbers
    texts: Texts
    postings: Postings
    reader: Reader = "rules"

    def __len__(self) -> int:
        return len(self.numbers)

    def search(self, text: str, k: int, allowed: Bools | None = None) -> tuple[Numbers, Likeness]:
        """Find the marks whose text is most like this one.

        Args:
            text: any text; one that says nothing finds nothing.
            k: how many to return at most.
            allowed: bool (marks,), True for each mark number that may be returned; None allows all. Numbers
                past its end may not.

        Returns:
            mark numbers int64 (≤ k,), best first (equal ones by number), and how alike they are.
        """
        query = form_of(text, self.reader)
        rows = self.postings.best(query, self.reader, max(CANDIDATES, k), self._allowed_rows(allowed))
        if not len(rows):
            empty = np.zeros(0, np.float32)
            return np.zeros(0, np.int64), Likeness(empty, empty, empty)
        likeness = compare(query, self.texts.take(rows))
        best = np.lexsort((rows, -likeness.total))[:k]
        return self.numbers[rows[best]], likeness.take(best)

    def likeness(self, text: str, numbers: Numbers, weighing: Weighing | None = None) -> Floats:
        """How alike this text and the texts of these marks are.

        Args:
            text: the query's text.
            numbers: int64 (n,) mark numbers.
            weighing: what counts how much.

        Returns:
            float32 (n,), 0..1; NaN for a mark without text, and everywhere if the query says nothing.
        """
        query = form_of(text, self.reader)
        found = np.full(len(numbers), np.nan, np.float32)
        if not query.words or not len(self):
            return found
        rows = np.minimum(np.searchsorted(self.numbers, numbers), len(self) - 1)
        there = np.flatnonzero(self.numbers[rows] == numbers)
        if len(there):
            found[there] = compare(query, self.texts.take(rows[there]), weighing).total
        return found

    def save(self, path: Path) -> None:
        """Write everything to one file, atomically; equal texts give equal files."""
        vocabulary = self.texts.vocabulary
        arrays: dict[str, npt.NDArray[Any]] = {
            "numbers": self.numbers,
            "words": self.texts.words.astype(np.int32),
            "texts": self.texts.starts,
            "weak": vocabulary.weak,
            "postings": self.postings.rows,
            "grams": self.postings.starts,
            "mass": self.postings.mass,
        }
        for voice in range(VOICES + 1):
            arrays[f"codes.{voice}"] = vocabulary.codes[voice]
            arrays[f"starts.{voice}"] = vocabulary.starts[voice].astype(np.int32)
        # one entry only: safetensors keeps several in no fixed order
        save_arrays(path, arrays, {"recipe": recipe(self.reader)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ArtifactError: the file is missing or damaged.
            IndexMismatchError: it was made by another recipe.
            MissingExtraError: it was made with the extra ``phonetics``, which is not installed.
        """
        arrays, about = load_arrays(path)
        made = about.get("recipe", "")
        reader: Reader = "dictionary" if made.startswith("dictionary") else "rules"
        if made != recipe(reader):
            raise IndexMismatchError(
                f"{path} was made with {made!r}, this program makes {recipe(reader)!r}: "
                "build the text index again"
            )
        voices = range(VOICES + 1)
        try:
            vocabulary = Vocabulary(
                tuple(arrays[f"codes.{voice}"] for voice in voices),
                tuple(arrays[f"starts.{voice}"].astype(np.int64) for voice in voices),
                arrays["weak"],
            )
            texts = Texts(vocabulary, arrays["words"].astype(np.int64), arrays["texts"])
            postings = Postings(arrays["postings"], arrays["grams"], arrays["mass"])
            return cls(arrays["numbers"], texts, postings, reader)
        except KeyError as missing:
            raise ArtifactError(f"{path} is damaged ({missing} is missing): build it again") from None

    def _allowed_rows(self, allowed: Bools | None) -> Bools | None:
        """The mask by row of a mask by mark number."""
        if allowed is None or not len(self):
            return None
        inside = self.numbers < len(allowed)
        inside[inside] = allowed[self.numbers[inside]]
        return inside


def recipe(reader: Reader) -> str:
    """Changes whenever the same texts would give another index; raise the number when code changes that."""
    return f"{reader} 4 {sounds.recipe(reader)}"
