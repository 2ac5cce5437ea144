"""What a search compares is made of pictures here: views, vectors and patches, as those of the index were."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from marklens.core.byte_cache import ByteCache
from marklens.core.stopwatch import Stopwatch
from marklens.core.types import Pixels, ReadText, View
from marklens.embeddings.pca_reducer import PcaReducer
from marklens.embeddings.view_describer import ViewDescriber
from marklens.preprocessing.pipeline import ViewMaker, mirrored_views
from marklens.results import Query


class QueryMaker:
    """Makes queries for one index.

    Args:
        maker: makes views exactly as the index's were made.
        describer: runs the index's network.
        reducer: the index's reduction.
        cache_bytes: for pictures asked for lately, so that asking again with another filter costs no network.
    """

    def __init__(
        self, maker: ViewMaker, describer: ViewDescriber, reducer: PcaReducer, cache_bytes: int = 0
    ) -> None:
        self.maker, self._describer, self._reducer = maker, describer, reducer
        self._made = ByteCache[Query](cache_bytes, lambda query: query.bytes)

    def of_pictures(self, pictures: Sequence[Pixels], read: bool, mirrored: bool, watch: Stopwatch) -> Query:
        """The query of the pictures of one mark.

        Args:
            pictures: uint8 (height, width, 3) each, one or more.
            read: whether words are read off them.
            mirrored: whether each is asked for left to right as well.
            watch: takes the time of the stages ``preprocess`` and ``embed``.

        Raises:
            PictureError: there is nothing on one of them.
        """
        return Query.joined([self._of_picture(picture, read, mirrored, watch) for picture in pictures])

    def with_mirror(self, query: Query, views: tuple[View, ...], watch: Stopwatch) -> Query:
        """The query of a mark, joined by its views left to right; the same where they have no other side."""
        mirrored = mirrored_views(views)
        if not mirrored:
            return replace(query, views=views)
        return Query.joined([replace(query, views=views), self._seen(mirrored, None, watch)])

    def _of_picture(self, picture: Pixels, read: bool, mirrored: bool, watch: Stopwatch) -> Query:
        def make() -> Query:
            prepared = self.maker.prepare(picture, read)
            views = (*prepared.views, *(mirrored_views(prepared.views) if mirrored else ()))
            watch.lap("preprocess")
            return self._seen(views, prepared.text, watch)

        return self._made.get((_fingerprint(picture), read, mirrored), make)

    def _seen(self, views: tuple[View, ...], reading: ReadText | None, watch: Stopwatch) -> Query:
        pixels, inks = np.stack([view.pixels for view in views]), np.stack([view.ink for view in views])
        pooled, local = self._describer.describe(pixels, inks)
        vectors = self._reducer.reduce(pooled)
        watch.lap("embed")
        return Query(views, tuple(view.kind for view in views), vectors, local, reading)


def _fingerprint(picture: Pixels) -> tuple[bytes, tuple[int, ...]]:
    return blake2b(np.ascontiguousarray(picture).data, digest_size=16).digest(), picture.shape
