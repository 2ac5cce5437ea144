"""What one running service is made of."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from marklens.api.inference import Inference
from marklens.api.keys import KeyRing
from marklens.api.limits import SMALL_BODY, RateLimits
from marklens.api.living_index import LivingIndex
from marklens.api.metrics import Metrics
from marklens.api.searching import Options, Searcher
from marklens.api.watching import ServedWatch
from marklens.core.byte_cache import ByteCache
from marklens.core.decoding import Decoder
from marklens.core.errors import ArtifactError, MarklensError
from marklens.core.resources import StopFlag
from marklens.engine import Engine
from marklens.indexing.folder import IndexFolder
from marklens.opened.record import Origin, origin_of
from marklens.settings import ServeSettings, Settings
from marklens.watching.conflicts import Criteria
from marklens.watching.recipe import recipe_of

Value = TypeVar("Value")
Work = Callable[[Searcher], dict[str, Any]]
PICTURE_WORKERS, PICTURE_QUEUE = 2, 512
"""Pictures for the page: short work beside the searches; a page asks for dozens at once."""
PICTURE_BYTES = 64 << 20
"""For thumbnails shown lately, some 10,000."""


class Service:
    """The parts that the routes share.

    Args:
        settings: how much may be asked for.
        index: what is searched.
        keys: who may ask; None lets everybody.
        hosts: names by which clients may call, in lower case; none lets any.
        watch: what is remembered of new filings; None keeps no watch.
        origin: what reports say of an engine.
    """

    def __init__(
        self,
        settings: ServeSettings,
        index: LivingIndex,
        keys: KeyRing | None = None,
        hosts: Collection[str] = (),
        watch: ServedWatch | None = None,
        *,
        origin: Callable[[Engine], Origin],
    ) -> None:
        self.watch, self._origin = watch, origin
        self.settings, self.index, self.keys, self.hosts = settings, index, keys, frozenset(hosts)
        self.rates = RateLimits(settings.rate, settings.rate_address)
        self.inference = Inference(settings.workers, settings.queue, settings.timeout)
        self.pictures = Inference(PICTURE_WORKERS, PICTURE_QUEUE, settings.timeout, "picture")
        self.decoder = Decoder(settings.workers, settings.decode_timeout)
        self.thumbnails = ByteCache[bytes](PICTURE_BYTES, len)
        self.metrics = Metrics()
        self.stopping = False
        gauge = self.metrics.gauge
        gauge("queue_depth", "Searches that wait.", lambda: self.inference.depth)
        gauge("searches_running", "Searches that run.", lambda: self.inference.running)
        gauge("index_marks", "Living marks of the index.", self._marks)
        gauge("index_openings", "How often the index was opened.", lambda: index.openings)
        gauge("index_stale", "1 while a changed index cannot be opened.", lambda: index.trouble is not None)

    def with_engine(self, work: Callable[[Engine], Value]) -> Value:
        """Do some work on the index as it is now; if it is changed just then, once more on the new one."""
        try:
            with self.index.lent() as engine:
                return work(engine)
        except ArtifactError:
            self.refresh()
        with self.index.lent() as engine:
            return work(engine)

    def search(self, work: Work, options: Options, stop: StopFlag) -> dict[str, Any]:
        """Do a search, see `with_engine`."""
        decode = self.decoder.decode
        return self.with_engine(
            lambda engine: work(Searcher(engine, self._origin(engine), decode, options, stop))
        )

    def refresh(self) -> bool:
        """Open the index anew if it has changed, see `LivingIndex.refresh`.

        Raises:
            ArtifactError: it cannot be opened now.
        """
        try:
            return self.index.refresh()
        except (MarklensError, OSError) as error:
            raise ArtifactError(str(error)) from error

    def most_bytes(self, path: str) -> int:
        """How large a request may be."""
        body, batch = self.settings.body_mb, self.settings.batch_mb
        megabytes = {"/search": body, "/watch/filings": body, "/batch": batch}
        return SMALL_BODY + (megabytes.get(path, 0) << 20)

    def close(self) -> None:
        """Finish what runs and close the index."""
        self.stopping = True
        self.inference.close()
        self.pictures.close()
        self.decoder.close()
        self.index.close()
        if self.watch is not None:
            self.watch.close()

    def _marks(self) -> float:
        try:
            with self.index.lent() as engine:
                return engine.catalog.counts().marks
        except ArtifactError:
            return 0


def make_service(
    root: Path,
    settings: Settings,
    keys: Path | None = None,
    hosts: Collection[str] = (),
    watch: Path | None = None,
) -> Service:
    """The service of an index folder, see `Service`; the index is not open yet."""
    folder = IndexFolder(root)

    def recipe(engine: Engine, criteria: Criteria) -> Mapping[str, Any]:
        return recipe_of(engine, settings.scoring.model_dump(), settings.search.model_dump(), criteria)

    index = LivingIndex(folder.manifest, lambda: _open_warm(root, settings))
    ring = None if keys is None else KeyRing(keys)
    watched = None if watch is None else ServedWatch(watch, recipe, root)
    # pages of one search are cut from one ranking, which is as long as stage 1 goes
    serve = settings.serve.model_copy(update={"top": min(settings.serve.top, settings.search.depth)})
    return Service(serve, index, ring, hosts, watched, origin=lambda engine: origin_of(engine, settings))


def _open_warm(root: Path, settings: Settings) -> Engine:
    """Open an index and let it do everything once, so that the first search is as fast as the next.

    All connections are opened too: one that is opened later may meet a catalog that has been replaced.
    """
    import numpy as np

    from marklens.assembly import open_engine

    engine = open_engine(root, settings)
    picture = np.full((64, 64, 3), 255, np.uint8)
    picture[16:48, 16:48] = 0
    try:
        engine.catalog.connect(settings.serve.workers + PICTURE_WORKERS + 1)
        engine.search(picture, top=1)
        engine.search_text("warm", top=1)
    except BaseException:
        engine.close()
        raise
    return engine
