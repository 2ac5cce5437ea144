"""One query's whole way: picture → views → vectors → candidates → hits."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.ports import VectorStore
from marklens.core.resources import StopFlag
from marklens.core.stopwatch import Stopwatch
from marklens.core.threads import one_blas_thread
from marklens.core.types import (
    Candidate,
    Filter,
    Hit,
    Pixels,
    Scores,
    Vectors,
    View,
    ViewKind,
)
from marklens.naming import NAMED, NameSearch
from marklens.preprocessing.mask_store import decode_mask
from marklens.preprocessing.pipeline import ViewMaker
from marklens.query_maker import QueryMaker
from marklens.reranking.aspects import why_no_mark, why_nothing_counts
from marklens.reranking.reranker import Ranked, Reranker
from marklens.reranking.scoring import Calibration, Channels, Weights
from marklens.results import Explained, Query, SearchResult
from marklens.retrieval.candidates import CandidateFinder
from marklens.retrieval.catalog import Catalog
from marklens.text.extractor import words_said
from marklens.text.matcher import TextMatcher

Worth = Callable[[float, Scores], bool]
"""Whether a mark of this score, made of these channels, shall become a hit."""
NO_NAME = "no mark that the filter leaves is called like this"


class Engine:
    """Searches one index.

    Args:
        queries: makes what is compared, as the index's marks were described.
        store: the vectors of all views.
        catalog: the marks.
        reranker: scores the candidates.
        recipe: how the vectors came about, for reports.
        open_names: opens the texts of the marks; called at the first search by name.
        depth: how many candidates stage 1 brings.
        mirrored: whether every query is asked for left to right as well, for copies that are mirrored.
        version: SHA-256 of the index's manifest, for reports.
        content: what tells the marks of the index from those it had before a change, for reports.
    """

    def __init__(
        self,
        queries: QueryMaker,
        store: VectorStore,
        catalog: Catalog,
        reranker: Reranker,
        recipe: Mapping[str, Any],
        open_names: Callable[[], TextMatcher],
        depth: int,
        mirrored: bool = False,
        version: str = "",
        content: Sequence[Any] = (),
    ) -> None:
        self._queries, self._reranker = queries, reranker
        self.store, self.catalog, self.recipe, self.depth = store, catalog, recipe, depth
        self.version, self.content, self._mirrored = version, content, mirrored
        self._finder = CandidateFinder(store, catalog)
        self._names = NameSearch(open_names, catalog, self._finder)
        self.token = object()
        """Another one for every opening: mark numbers belong to it."""

    @one_blas_thread()
    def search(
        self,
        picture: Pixels | Sequence[Pixels],
        top: int = 10,
        wanted: Filter | None = None,
        rerank: bool = True,
        text: str | None = None,
        read: bool = False,
        weights: Weights | None = None,
        stop: StopFlag | None = None,
        mirrored: bool = False,
        worth: Worth | None = None,
        names: int = NAMED,
    ) -> SearchResult:
        """Find the marks most like a picture, and like a name if one is given or read.

        Args:
            picture: decoded, uint8 (height, width, 3); or several of one mark, of which the best counts.
            top: how many hits, unless `worth` says.
            wanted: what every hit must satisfy; the graph is searched among those only.
            rerank: whether to go on after stage 1, where the index has what that takes.
            text: a name that counts beside the picture, and brings candidates of its own.
            read: whether the words on the picture take the place of a name that is not given.
            weights: of the channels, for this search alone; None takes the engine's.
            stop: looked at between the stages.
            mirrored: whether the picture is asked for left to right as well.
            worth: every mark that it takes becomes a hit, whatever its rank; None takes the first `top`.
            names: how many marks a name brings; as many as stage 1 does where names alone count.

        Raises:
            PictureError: there is nothing on the picture.
            Interrupted: `stop` was set.
        """
        watch = Stopwatch(stop)
        pictures = [picture] if isinstance(picture, np.ndarray) else picture
        query = self._queries.of_pictures(pictures, read and text is None, mirrored or self._mirrored, watch)
        if text is None and query.reading is not None:
            text = words_said(None, query.reading)
        watch.lap("preprocess")
        return self._found(query, top, wanted, rerank, text, weights, watch, worth, names)

    @one_blas_thread()
    def search_mark(
        self,
        number: int,
        top: int = 10,
        wanted: Filter | None = None,
        rerank: bool = True,
        text: str | None = None,
        weights: Weights | None = None,
        stop: StopFlag | None = None,
        mirrored: bool = False,
    ) -> SearchResult:
        """Find the marks most like a mark of the index, itself among them, by what is stored of it.

        Args:
            number: of the mark.
            top: how many hits.
            wanted: as `search`'s.
            rerank: as `search`'s.
            text: as `search`'s.
            weights: as `search`'s.
            stop: as `search`'s.
            mirrored: as `search`'s; the picture is read for it.
        """
        watch = Stopwatch(stop)
        vectors, kinds = self._finder.stored(number)
        query = Query((), kinds, vectors, self._reranker.stored(number) if rerank else None)
        if mirrored or self._mirrored:
            query = self._with_mirror(query, number, watch)
        watch.lap("preprocess")
        return self._found(query, top, wanted, rerank, text, weights, watch)

    @property
    def calibration(self) -> Calibration:
        """What puts the channels on one scale."""
        return self._reranker.calibration

    @property
    def weights(self) -> Weights:
        """Of the channels, unless a search brings its own."""
        return self._reranker.weights

    def close(self) -> None:
        """Close what is open of the index; no search may be under way."""
        self.catalog.close()

    def _found(
        self,
        query: Query,
        top: int,
        wanted: Filter | None,
        rerank: bool,
        text: str | None,
        weights: Weights | None,
        watch: Stopwatch,
        worth: Worth | None = None,
        names: int = NAMED,
    ) -> SearchResult:
        """Both stages for a query that is described."""
        weights = weights or self.weights
        names = self.depth if weights.only_text else names
        candidates = self.candidates(query.vectors, query.kinds, max(top, self.depth), wanted)
        candidates, texts = self._names.join(text, query.vectors, query.kinds, candidates, wanted, names)
        watch.lap("retrieve")
        ranked = self._reranker.rerank(query.local if rerank else None, candidates, texts, weights)
        said = [found for found in ranked if weights.count(found.scores)]  # of the rest a 0 would say nothing
        chosen = said[:top] if worth is None else [each for each in said if worth(each.score, each.scores)]
        hits = self._hits(
            [(each.candidate.number, each.score, each.scores, each.candidate.views) for each in chosen]
        )
        watch.lap("rerank")
        note = (
            None
            if said
            else why_no_mark(wanted, self.catalog.attribute_names)
            if not ranked
            else why_nothing_counts(weights, text)
        )
        return SearchResult(hits, _milliseconds(watch), text, query, note)

    def explain(self, result: SearchResult, hit: Hit) -> Explained:
        """Why a hit is one: what of it was compared, patch by patch and sound by sound."""
        patches = words = None
        query = result.query
        if query is not None and query.local is not None and hit.scores.spatial is not None:
            patches = self._reranker.reason(query.local, query.kinds, hit.number)
        if result.text is not None and hit.words is not None:
            words = self._names.explain(result.text, hit.words)
        return Explained(patches, words)

    def mark_views(self, number: int) -> tuple[View, ...]:
        """What the network saw of a mark, see `views_again`."""
        return views_again(self.catalog, self._queries.maker, number)

    def _with_mirror(self, query: Query, number: int, watch: Stopwatch) -> Query:
        """A mark of the index asked for left to right as well; as it is where its picture has changed."""
        try:
            views = self.mark_views(number)
        except PictureError:
            return query
        watch.lap("preprocess")
        return self._queries.with_mirror(query, views, watch)

    def ranked(self, number: int, depth: int) -> list[Ranked]:
        """Both stages for a mark of the index, by what is stored of it: no picture is read."""
        return self._reranker.rerank(self._reranker.stored(number), self.similar(number, depth))

    def compared(
        self, number: int, depth: int, text: str | None = None
    ) -> tuple[Sequence[Candidate], Channels]:
        """As `ranked`, but what each channel says, before it is weighed: for fitting and measuring.

        Args:
            number: of the mark that is asked for.
            depth: how many candidates stage 1 brings.
            text: a name that brings candidates too and counts as the text channel.
        """
        vectors, kinds = self._finder.stored(number)
        candidates, texts = self._names.join(text, vectors, kinds, self.candidates(vectors, kinds, depth))
        return candidates, self._reranker.channels(self._reranker.stored(number), candidates, texts)

    @property
    def reranks(self) -> bool:
        """Whether there is more than stage 1 to rank by."""
        return self._reranker.store is not None

    def search_text(self, text: str, top: int = 10, wanted: Filter | None = None) -> SearchResult:
        """Find the marks whose words look or sound most like these.

        Args:
            text: a name; one that says nothing, such as a lone dash, finds nothing.
            top: how many hits; marks scoring below `LEAST_TEXT` are left out.
            wanted: what every hit must satisfy.
        """
        watch = Stopwatch()
        found = self._names.search(text, top, wanted)
        watch.lap("retrieve")
        hits = self._hits([(number, score, Scores(text=score), ()) for number, score in found])
        watch.lap("rerank")
        return SearchResult(hits, _milliseconds(watch), text, note=None if hits else NO_NAME)

    def similar(self, number: int, depth: int) -> list[Candidate]:
        """Stage 1 for a mark of the index, by its stored vectors: no picture is read."""
        return self.candidates(*self._finder.stored(number), depth)

    def candidates(
        self, vectors: Vectors, kinds: tuple[ViewKind, ...], depth: int, wanted: Filter | None = None
    ) -> list[Candidate]:
        """Stage 1, see `CandidateFinder.find`."""
        return self._finder.find(vectors, kinds, depth, wanted)

    def _hits(self, found: Sequence[tuple[int, float, Scores, tuple[ViewKind, ...]]]) -> tuple[Hit, ...]:
        """Marks by number with their score, that of every channel and the views that matched, best first."""
        numbers = [number for number, *_ in found]
        marks, readings = self.catalog.marks(numbers), self.catalog.readings(numbers)
        return tuple(
            Hit(
                rank,
                number,
                marks[number],
                score,
                scores,
                views,
                readings.get(number),
                words_said(marks[number].text, readings.get(number)),
            )
            for rank, (number, score, scores, views) in enumerate(found, start=1)
        )


def views_again(catalog: Catalog, maker: ViewMaker, number: int) -> tuple[View, ...]:
    """The views of a mark as they were indexed, from its picture and its stored text mask.

    Raises:
        PictureError: the picture is gone or another one.
    """
    mask = catalog.mask(number)
    picture = read_picture(catalog.marks([number])[number].path)
    return maker.rebuild(picture, None if mask is None else decode_mask(mask))


def _milliseconds(watch: Stopwatch) -> dict[str, float]:
    """By the stages that a search reports; a remembered picture took no time to prepare and embed."""
    names = ("preprocess", "embed", "retrieve", "rerank")
    stages = {stage: watch.seconds.get(stage, 0.0) * 1e3 for stage in names}
    return {**stages, "total": sum(stages.values())}
