"""The door for programs and notebooks: open an index, ask it, look at what comes back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from marklens.assembly import open_engine
from marklens.build_assembly import build
from marklens.classifying.voting import NEIGHBOURS, Level, Suggestion
from marklens.core.errors import MarklensError, PictureError, UsageError
from marklens.core.resources import graceful_stop
from marklens.datasets.opening import open_dataset
from marklens.engine import Engine
from marklens.indexing.summary import describe_index
from marklens.opened.hits import Asking, Hits
from marklens.opened.pictures import Loaded, load, several
from marklens.opened.question import Question, arguments_of, asked_for, crop_text
from marklens.opened.quiet import Quiet
from marklens.opened.record import Origin, origin_of
from marklens.opened.vienna import suggest_for
from marklens.questions import read_crop
from marklens.reranking.aspects import Aspect
from marklens.results import SearchResult
from marklens.settings import Settings, load_settings

if TYPE_CHECKING:
    from marklens.opened.pictures import OnePicture

Years = str | int | tuple[int, int] | None


class Index:
    """An index that is open for searching; any number of threads may ask it at once.

    Use it as a context manager, or close it.

    Args:
        root: its folder.
        engine: that searches it.
        origin: what reports say of it.
    """

    def __init__(self, root: Path, engine: Engine, origin: Origin) -> None:
        self.root, self.engine, self.origin = root, engine, origin

    @classmethod
    def open(cls, root: str | Path, settings: Settings | None = None) -> Self:
        """Open an index folder.

        Args:
            root: the folder that ``marklens index build`` made.
            settings: None reads them from the environment and marklens.toml, as the commands do.

        Raises:
            UsageError: there is no index.
            ArtifactError: it is unfinished or damaged, or being changed.
            IndexMismatchError: it was made with another network or preprocessing.
        """
        root, settings = Path(root), settings or load_settings()
        engine = open_engine(root, settings)
        return cls(root, engine, origin_of(engine, settings))

    @classmethod
    def build(
        cls,
        dataset: str | Path,
        root: str | Path,
        *,
        limit: int | None = None,
        settings: Settings | None = None,
    ) -> Self:
        """Build or finish the index of a dataset, as ``marklens index build`` does, and open it.

        Args:
            dataset: a folder of pictures, an L3D folder or a manifest.
            root: the folder of the index.
            limit: take only the first marks.
            settings: as `open`'s.

        Raises:
            UsageError: the dataset is not there.
            DatasetError: nothing usable is in it.
            Interrupted: stopped by Ctrl-C; the same call goes on from there.
        """
        settings = settings or load_settings()
        with graceful_stop() as stop:
            build(Path(root), open_dataset(Path(dataset)), settings, limit, Quiet(), stop)
        return cls.open(root, settings)

    def search(
        self,
        picture: "OnePicture | Sequence[OnePicture]",
        *,
        text: str | None = None,
        top: int = 10,
        crop: str | tuple[float, float, float, float] | None = None,
        vienna: str | Sequence[str] = (),
        years: Years = None,
        where: Mapping[str, str] | None = None,
        aspect: Aspect = "composite",
        weights: Mapping[str, float] | None = None,
        rerank: bool = True,
        read: bool = False,
        mirrored: bool = False,
    ) -> Hits:
        """Find the marks most like a picture.

        Args:
            picture: a file, its bytes, a picture of Pillow, or an array: uint8 (height, width) or (height,
                width, 3 or 4), RGB, 0..255. Of a list, one mark drawn in several ways, the best counts.
            text: the name on the mark; it counts beside the picture and brings marks of its own.
            top: how many hits.
            crop: the part that counts: x, y, width and height in pixels, or as text in percent.
            vienna: only marks with one of these Vienna codes, or their beginnings (``26``, ``26.04``).
            years: only marks of these years: one, the first and the last, or ``"1998-2005"``.
            where: only marks with all of these attributes.
            aspect: what counts: composite (everything), shape, colour or text, see `reranking.aspects`.
            weights: how much a channel counts (global, spatial, text, color), over those of the aspect.
            rerank: whether to go on after stage 1.
            read: whether the name is read off the picture where `text` gives none.
            mirrored: whether the picture is asked for left to right as well.

        Raises:
            UsageError: the call makes no sense, or a file is not there.
            MarklensError: the picture cannot be used.
        """
        return self.ask(
            Question(
                pictures=several(picture),
                text=text,
                top=top,
                wanted=asked_for(vienna, years, where),
                crop=crop_text(crop),
                rerank=rerank,
                read=read,
                weights=dict(weights or {}),
                aspect=aspect,
                mirrored=mirrored,
            )
        )

    def search_mark(
        self,
        id: str,
        *,
        text: str | None = None,
        top: int = 10,
        vienna: str | Sequence[str] = (),
        years: Years = None,
        where: Mapping[str, str] | None = None,
        aspect: Aspect = "composite",
        weights: Mapping[str, float] | None = None,
        rerank: bool = True,
        mirrored: bool = False,
    ) -> Hits:
        """Find the marks most like a mark of the index, itself among them, by what is stored of it.

        Args:
            id: of the mark, or its file name.
            text: as `search`'s.
            top: as `search`'s.
            vienna: as `search`'s.
            years: as `search`'s.
            where: as `search`'s.
            aspect: as `search`'s.
            weights: as `search`'s.
            rerank: as `search`'s.
            mirrored: as `search`'s.

        Raises:
            UsageError: there is no such mark, or the call makes no sense.
        """
        return self.ask(
            Question(
                mark=id,
                text=text,
                top=top,
                wanted=asked_for(vienna, years, where),
                rerank=rerank,
                weights=dict(weights or {}),
                aspect=aspect,
                mirrored=mirrored,
            )
        )

    def search_text(
        self,
        text: str,
        *,
        top: int = 10,
        vienna: str | Sequence[str] = (),
        years: Years = None,
        where: Mapping[str, str] | None = None,
    ) -> Hits:
        """Find the marks whose words look or sound most like a name.

        Args:
            text: the name.
            top: as `search`'s.
            vienna: as `search`'s.
            years: as `search`'s.
            where: as `search`'s.

        Raises:
            UsageError: the name says nothing, or the call makes no sense.
        """
        return self.ask(Question(text=text, top=top, wanted=asked_for(vienna, years, where)))

    def ask(self, question: Question, before: str = "") -> Hits:
        """Answer a question; what the other searches come down to.

        Args:
            question: what is asked.
            before: what stands before the name of an option in a message: two dashes on the command line.

        Raises:
            UsageError: it makes no sense for this index, or a file is not there.
            MarklensError: the picture cannot be used.
        """
        started = perf_counter()
        part = read_crop(question.crop, before)
        pictures = tuple(load(picture, part, before) for picture in question.pictures)
        decoding = (perf_counter() - started) * 1e3
        result = self._result(question, pictures)
        timings = dict(result.timings_ms)
        if pictures:
            timings |= {stage: timings[stage] + decoding for stage in ("preprocess", "total")}
        return Hits(Asking(self.engine, self.origin, question, pictures, result, timings))

    def _result(self, question: Question, pictures: Sequence[Loaded]) -> SearchResult:
        engine, asked = self.engine, arguments_of(self.engine, question)
        if pictures:
            pixels = [picture.pixels for picture in pictures]
            try:
                return engine.search(pixels, read=question.read, **asked)
            except PictureError as error:
                names = ", ".join(picture.file or picture.name for picture in pictures)
                raise MarklensError(f"{names} cannot be searched for: {error}") from error
        if question.mark is not None:
            number = engine.catalog.find(question.mark)
            if number is None:
                raise UsageError(f"the index has no mark '{question.mark}': give an id or a file name of it")
            return engine.search_mark(number, **asked)
        assert question.text is not None  # the question saw to it
        return engine.search_text(question.text, question.top, question.wanted)

    def suggest_vienna(
        self,
        picture: "OnePicture | Sequence[OnePicture]",
        *,
        top: int = 5,
        level: Level = "section",
        neighbours: int = NEIGHBOURS,
        crop: str | tuple[float, float, float, float] | None = None,
    ) -> tuple[Suggestion, ...]:
        """Vienna codes for a new mark, by those of the marks like it, see `marklens.classifying.voting`.

        Args:
            picture: as `search`'s.
            top: how many codes at most.
            level: of the codes: category (26), division (26.04) or section (26.04.01).
            neighbours: how many marks vote.
            crop: as `search`'s.

        Raises:
            UsageError: the call makes no sense, or no mark of the index has codes of this level.
            MarklensError: the picture cannot be used.
        """
        hits = self.search(picture, top=self.engine.depth, crop=crop)
        return suggest_for(self.engine, [(hit.mark, hit.score) for hit in hits], level, top, neighbours)

    def info(self) -> dict[str, Any]:
        """What the index holds and how it was made: the document of ``marklens index info --json``."""
        return describe_index(self.root)

    def __len__(self) -> int:
        return self.engine.catalog.counts().marks

    def __repr__(self) -> str:
        return f"Index({str(self.root)!r}): {len(self):,} marks"

    def close(self) -> None:
        """Close what is open; no search may be under way."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
