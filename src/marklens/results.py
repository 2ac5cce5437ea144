"""A query as the search compares it, and what the search answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marklens.core.types import Hit, LocalViews, ReadText, Vectors, View, ViewKind
from marklens.reranking.reranker import Reason
from marklens.text.explanation import Explanation


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search answers.

    Attributes:
        hits: best first.
        timings_ms: milliseconds by stage: preprocess, embed, retrieve, rerank, total.
        text: the words that counted: those given, else those read off the picture.
        query: the picture as it was compared; None for a search by name.
        note: why there are no hits, in one line; None where there are some.
    """

    hits: tuple[Hit, ...]
    timings_ms: Mapping[str, float]
    text: str | None
    query: "Query | None" = None
    note: str | None = None

    @property
    def views(self) -> tuple[View, ...]:
        """What the network saw of the query; nothing where it is a mark of the index."""
        return () if self.query is None else self.query.views

    @property
    def kinds(self) -> tuple[ViewKind, ...]:
        """Which views of the query were compared."""
        return () if self.query is None else self.query.kinds

    @property
    def reading(self) -> ReadText | None:
        """What was read off the picture, None where nothing is legible or nobody asked for it."""
        return None if self.query is None else self.query.reading


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a hit is one.

    Attributes:
        patches: which patches match which, None where no pictures are compared patch by patch.
        words: how the words sound alike, None where no words are compared.
    """

    patches: Reason | None
    words: Explanation | None


@dataclass(frozen=True, slots=True)
class Query:
    """A picture, or a mark of the index, as the search compares it.

    Attributes:
        views: what the network saw; none of a mark.
        kinds: which views they are.
        vectors: float32 (views, dims), unit length.
        local: patches and colours of the views; None where nothing is known of a mark's.
        reading: what was read off the picture, if that was asked for.
    """

    views: tuple[View, ...]
    kinds: tuple[ViewKind, ...]
    vectors: Vectors
    local: LocalViews | None
    reading: ReadText | None = None

    @classmethod
    def joined(cls, parts: "Sequence[Query]") -> "Query":
        """Several pictures of one mark as one query: each view of each picture is a view of it."""
        if len(parts) == 1:
            return parts[0]
        local = [part.local for part in parts if part.local is not None]
        return cls(
            tuple(view for part in parts for view in part.views),
            tuple(kind for part in parts for kind in part.kinds),
            np.concatenate([part.vectors for part in parts]),
            LocalViews.joined(local) if len(local) == len(parts) else None,
            next((part.reading for part in parts if part.reading is not None), None),
        )

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        shown = sum(view.pixels.nbytes + view.ink.nbytes for view in self.views)
        return self.vectors.nbytes + (0 if self.local is None else self.local.bytes) + shown
