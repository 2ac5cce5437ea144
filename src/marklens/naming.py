"""Names beside pictures: which marks are called like a text, and how alike the names of candidates are."""

from collections.abc import Callable, Sequence

import numpy as np

from marklens.core.threads import once
from marklens.core.types import Candidate, Filter, Vectors, ViewKind
from marklens.retrieval.candidates import CandidateFinder
from marklens.retrieval.catalog import Catalog
from marklens.text.explanation import Explanation
from marklens.text.matcher import TextMatcher

NAMED = 100
"""Marks that a name brings to a search by picture."""
LEAST_TEXT = 0.4
"""Texts scoring below this are unrelated: docs/benchmarks.md, names."""


class NameSearch:
    """Searches the names of one index.

    Args:
        open_names: opens the texts of the marks; called at the first search by name.
        catalog: the marks.
        finder: compares the pictures of marks that a name brings.
    """

    def __init__(
        self, open_names: Callable[[], TextMatcher], catalog: Catalog, finder: CandidateFinder
    ) -> None:
        self._names, self._catalog, self._finder = once(open_names), catalog, finder

    def search(self, text: str, top: int, wanted: Filter | None) -> list[tuple[int, float]]:
        """The marks whose words look or sound most like these, best first, each with its score (0..1)."""
        allowed = self._catalog.allowed(wanted or Filter())
        return self._names().candidates(text, top, allowed, LEAST_TEXT)

    def join(
        self,
        text: str | None,
        vectors: Vectors,
        kinds: tuple[ViewKind, ...],
        known: Sequence[Candidate],
        wanted: Filter | None = None,
        names: int = NAMED,
    ) -> tuple[list[Candidate], Vectors]:
        """Candidates by picture, joined by the marks called like the text, with their text channel.

        Args:
            text: a name, or None.
            vectors: of the query's views, to compare the pictures of those marks too.
            kinds: of these views.
            known: what stage 1 brought.
            wanted: what every mark must satisfy.
            names: how many marks the text brings.

        Returns:
            the candidates, and float32 (n,), NaN for those without text.
        """
        if text is None:
            return list(known), np.full(len(known), np.nan, np.float32)
        found = self.search(text, names, wanted)
        missing = sorted({number for number, _ in found} - {candidate.number for candidate in known})
        candidates = [*known, *self._finder.compare(vectors, kinds, missing)]
        numbers = [candidate.number for candidate in candidates]
        scores = self._names().scores_of(text, np.array(numbers, np.int64))
        return candidates, np.array([scores.get(number, np.nan) for number in numbers], np.float32)

    def explain(self, text: str, words: str) -> Explanation | None:
        """How a name and the words of a mark sound alike; None where one of them says nothing."""
        return self._names().explain(text, words)
