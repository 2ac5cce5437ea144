"""What a worker thread does for one search: from bytes to the document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from time import perf_counter
from typing import Any

from marklens.api.pictures import data_uri
from marklens.api.problems import ProblemError
from marklens.core.errors import UsageError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.types import Crop, Filter, Pixels
from marklens.documents import Answer, Asked, search_document, text_document
from marklens.engine import Engine
from marklens.reranking.scoring import Weights

Decode = Callable[[bytes, Crop | None], Pixels]


@dataclass(frozen=True, slots=True)
class Options:
    """How a search shall go; see the fields of ``POST /search``."""

    top: int = 10
    offset: int = 0
    text: str | None = None
    read: bool = False
    crop: str | None = None
    part: Crop | None = None
    wanted: Filter = field(default_factory=Filter)
    rerank: bool = True
    explain: bool = False
    show_views: bool = False
    weights: Mapping[str, float] | None = None

    def weighted(self, engine: Engine) -> Weights | None:
        """The weights that were given, over the engine's.

        Raises:
            UsageError: nothing would count.
        """
        if not self.weights:
            return None
        try:
            return replace(engine.weights, **self.weights)
        except ValueError:
            raise UsageError("all weights are 0, so nothing would count") from None


def search_bytes(
    engine: Engine, decode: Decode, data: bytes, name: str | None, options: Options, stop: StopFlag
) -> dict[str, Any]:
    """Search for an uploaded picture.

    Raises:
        PictureError: it cannot be used.
        Interrupted: `stop` was set.
    """
    started = perf_counter()
    picture = decode(data, options.part)
    return _search(engine, picture, plain_name(name), options, stop, perf_counter() - started)


def search_by_mark(engine: Engine, id: str, options: Options, stop: StopFlag) -> dict[str, Any]:
    """Search for a mark of the index, by what is stored of it; a part of it, by its picture."""
    number = mark_number(engine, id)
    mark = engine.catalog.marks([number])[number]
    if options.read and options.text is None:
        reading = engine.catalog.readings([number]).get(number)
        options = replace(options, text=mark.text or (reading.text if reading else None))
    if options.part is not None:
        started = perf_counter()
        picture = read_picture(mark.path, options.part)
        document = _search(engine, picture, mark.file, options, stop, perf_counter() - started)
    else:
        asked = _asked(mark.file, options)
        top = options.offset + options.top
        result = engine.search_mark(
            number, top, options.wanted, options.rerank, options.text, options.weighted(engine), stop
        )
        result = replace(result, hits=result.hits[options.offset :])
        answer = Answer(asked, None, result, dict(result.timings_ms))
        document = search_document(engine, answer, options.explain)
    document["query"]["mark_id"] = id
    return document


def search_by_text(engine: Engine, text: str, options: Options) -> dict[str, Any]:
    """Search for a name."""
    result = engine.search_text(text, options.offset + options.top, options.wanted)
    result = replace(result, hits=result.hits[options.offset :])
    return text_document(engine, text, result, options.wanted, options.explain)


def mark_number(engine: Engine, id: str) -> int:
    """The number of a living mark.

    Raises:
        ProblemError: there is none of this id.
    """
    number = engine.catalog.number(id)
    if number is None:
        raise ProblemError(404, "no-such-mark", "the index has no mark of this id")
    return number


def _search(
    engine: Engine, picture: Pixels, name: str, options: Options, stop: StopFlag, decoding: float
) -> dict[str, Any]:
    result = engine.search(
        picture, options.offset + options.top, options.wanted, options.rerank, options.text, options.read,
        options.weighted(engine), stop,
    )  # fmt: skip
    timings = dict(result.timings_ms)
    for stage in ("preprocess", "total"):
        timings[stage] += decoding * 1e3
    result = replace(result, hits=result.hits[options.offset :])
    document = search_document(
        engine, Answer(_asked(name, options), picture, result, timings), options.explain
    )
    if options.show_views:
        shown = {view.kind.label: data_uri(view.pixels) for view in result.views}
        document["query"]["view_pictures"] = shown
    return document


def _asked(name: str, options: Options) -> Asked:
    return Asked(name, options.text, options.crop, options.wanted, options.rerank, options.read)


def plain_name(name: str | None) -> str:
    """The name of a file without folders; browsers send some."""
    return PurePath((name or "picture").replace("\\", "/")).name[:255] or "picture"
