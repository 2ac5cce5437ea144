"""The door of the room: everything a search asks about the text of marks.

>>> matcher = TextMatcher(TextIndex.load(path))                       # doctest: +SKIP
>>> matcher.candidates("Kwik Kopy", 10)                               # doctest: +SKIP
[(4711, 0.94), …]
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marklens.core.types import Bools
from marklens.text.explanation import Explanation, explain
from marklens.text.forms import form_of, texts_of
from marklens.text.phonetic import compare
from marklens.text.text_index import TextIndex
from marklens.text.vocabulary import Numbers


@dataclass(frozen=True, slots=True)
class TextMatcher:
    """Compares the text of a query with the texts of marks.

    Attributes:
        index: the texts of all marks; its reader reads given texts too.
    """

    index: TextIndex

    def candidates(
        self, text: str, k: int, allowed: Bools | None = None, least: float = 0.0
    ) -> list[tuple[int, float]]:
        """The marks whose text is most like this one, best first, each with its score 0..1.

        Args:
            text: the query's text; one that says nothing finds nothing.
            k: how many at most.
            allowed: bool (marks,), True for each mark number that may be returned; None allows all.
            least: marks below this score are left out; unrelated names mostly score below 0.4.
        """
        numbers, likeness = self.index.search(text, k, allowed)
        found = zip(numbers.tolist(), likeness.total.tolist(), strict=True)
        return [(number, score) for number, score in found if score >= least]

    def scores(self, text: str, texts: Mapping[int, str | None]) -> dict[int, float]:
        """How alike this text and each of the given ones are, 0..1.

        Args:
            text: the query's text.
            texts: by mark number.

        Returns:
            score by mark number, without the marks whose text says nothing; empty if the query says nothing.
        """
        query = form_of(text, self.index.reader)
        forms = {number: form_of(words, self.index.reader) for number, words in texts.items() if words}
        forms = {number: form for number, form in forms.items() if form.words}
        if not query.words or not forms:
            return {}
        total = compare(query, texts_of(list(forms.values()), self.index.reader)).total
        return dict(zip(forms, total.tolist(), strict=True))

    def scores_of(self, text: str, numbers: Numbers) -> dict[int, float]:
        """As `scores`, for marks of the index, int64 (n,): their texts need not be read again."""
        found = self.index.likeness(text, numbers)
        known = ~np.isnan(found)
        return dict(zip(numbers[known].tolist(), found[known].tolist(), strict=True))

    def explain(self, text: str, other: str) -> Explanation | None:
        """Why two texts are alike, sound by sound; None if either says nothing."""
        return explain(text, other, self.index.reader)
