"""What a worker thread does for one search: from bytes to the document."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import PurePath
from typing import Any

from marklens.api.pictures import gone
from marklens.api.problems import ProblemError
from marklens.core.artifacts import sha256 as file_sha256
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.stopwatch import Stopwatch
from marklens.core.types import Crop, Filter, Pixels
from marklens.documents import Asked, search_document, text_document
from marklens.engine import Engine
from marklens.opened.pictures import Loaded
from marklens.opened.question import Question, arguments_of, weights_of
from marklens.opened.record import Origin, make_record
from marklens.pages.pictures import address_of
from marklens.reranking.aspects import Aspect
from marklens.results import SearchResult
from marklens.text.extractor import words_said

Decode = Callable[[bytes, Crop | None], Pixels]
Upload = tuple[bytes, str | None]
"""A picture and the name of its file."""


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
    weights: Mapping[str, float] = field(default_factory=dict)
    aspect: Aspect = "composite"
    mirrored: bool = False

    def question(self, pictures: tuple[bytes, ...] = (), mark: str | None = None) -> Question:
        """The same as programs ask it.

        Raises:
            UsageError: it makes no sense.
        """
        return Question(
            pictures=pictures,
            mark=mark,
            text=self.text,
            top=self.offset + self.top,
            wanted=self.wanted,
            crop=self.crop,
            rerank=self.rerank,
            read=self.read,
            weights=self.weights,
            aspect=self.aspect,
            mirrored=self.mirrored,
        )


@dataclass(frozen=True, slots=True)
class Searcher:
    """Searches an index as it is now.

    Attributes:
        engine: of the index.
        origin: what reports say of it.
        decode: makes pictures of uploads.
        options: how it shall go.
        stop: ends it early.
    """

    engine: Engine
    origin: Origin
    decode: Decode
    options: Options
    stop: StopFlag

    def uploads(self, uploads: Sequence[Upload]) -> dict[str, Any]:
        """Search for uploaded pictures of one mark.

        Raises:
            UsageError: the question makes no sense.
            PictureError: one of them cannot be used.
            Interrupted: `stop` was set.
        """
        question = self.options.question(tuple(data for data, _ in uploads))
        watch = Stopwatch(self.stop)
        loaded = []
        for data, name in uploads:
            pixels, named = self.decode(data, self.options.part), plain_name(name)
            loaded.append(Loaded(named, pixels, sha256(data).hexdigest(), named if name else None))
            watch.lap("preprocess")
        return self._searched(question, loaded, watch.seconds["preprocess"])

    def mark(self, id: str) -> dict[str, Any]:
        """Search for a mark of the index, by what is stored of it; a part of it, by its picture."""
        engine, options = self.engine, self.options
        number = mark_number(engine, id)
        mark = engine.catalog.marks([number])[number]
        if options.part is None and options.read and options.text is None:
            reading = engine.catalog.readings([number]).get(number)
            options = replace(options, text=words_said(mark.text, reading))
        if options.part is not None:
            watch = Stopwatch(self.stop)
            try:
                pixels = read_picture(mark.path, options.part)
            except PictureError as error:
                if error.kind == "crop":
                    raise
                raise gone() from None
            picture = Loaded(mark.file, pixels, file_sha256(mark.path), mark.file)
            watch.lap("preprocess")
            document = self._searched(options.question((b"",)), [picture], watch.seconds["preprocess"])
        else:
            question = options.question(mark=id)
            result = engine.search_mark(number, stop=self.stop, **arguments_of(engine, question))
            document = self._document(question, [], result, result.timings_ms, mark.file)
        document["query"]["mark_id"] = id
        return document

    def name(self, text: str) -> dict[str, Any]:
        """Search for a name."""
        question = replace(self.options, text=text).question()
        result = self.engine.search_text(text, question.top, question.wanted)
        document = text_document(
            self.engine, text, self._shown(result), question.wanted, self.options.explain, self.stop
        )
        return {**document, "record": self._record(question, (), result)}

    def _searched(self, question: Question, loaded: Sequence[Loaded], decoding: float) -> dict[str, Any]:
        pixels, asked = [picture.pixels for picture in loaded], arguments_of(self.engine, question)
        result = self.engine.search(pixels, read=question.read, stop=self.stop, **asked)
        timings = dict(result.timings_ms)
        for stage in ("preprocess", "total"):
            timings[stage] += decoding * 1e3
        names = " + ".join(picture.name for picture in loaded)
        return self._document(question, loaded, result, timings, names)

    def _document(
        self,
        question: Question,
        loaded: Sequence[Loaded],
        result: SearchResult,
        timings: Mapping[str, float],
        name: str,
    ) -> dict[str, Any]:
        asked, shown = Asked(name, question.text, question.crop, question.wanted), self._shown(result)
        document = search_document(self.engine, asked, shown, timings, self.options.explain, self.stop)
        if self.options.show_views and result.views:
            rows = [(view.kind.label, address_of(view.pixels)) for view in result.views]
            document["query"]["view_pictures"] = dict(reversed(rows))  # of several of a kind the first
            document["query"]["view_rows"] = [picture for _, picture in rows]
        return {**document, "record": self._record(question, loaded, result)}

    def _shown(self, result: SearchResult) -> SearchResult:
        return replace(result, hits=result.hits[self.options.offset :])

    def _record(self, question: Question, loaded: Sequence[Loaded], result: SearchResult) -> dict[str, Any]:
        weights = weights_of(self.engine, question)
        return make_record(self.origin, question, weights, loaded, result.hits)


def mark_number(engine: Engine, id: str) -> int:
    """The number of a living mark.

    Raises:
        ProblemError: there is none of this id.
    """
    number = engine.catalog.number(id)
    if number is None:
        raise ProblemError(404, "no-such-mark", "the index has no mark of this id")
    return number


def plain_name(name: str | None) -> str:
    """The name of a file without folders; browsers send some."""
    return PurePath((name or "picture").replace("\\", "/")).name[:255] or "picture"
