"""The hits of a search: a sequence that shows itself, and that can be taken along."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from marklens.core.errors import MissingExtraError, PictureError
from marklens.core.types import Hit, Mark, Scores, View
from marklens.core.wording import counted
from marklens.documents import Asked, search_document, text_document
from marklens.engine import Engine
from marklens.opened.pictures import Loaded
from marklens.opened.question import Question, weights_of
from marklens.opened.reasons import page_reason, page_reasons
from marklens.opened.record import Origin, make_record
from marklens.opened.table import COLUMNS, KINDS, lines_of, row_of
from marklens.pages.cards import channels
from marklens.pages.notebook import hits_fragment, reason_fragment
from marklens.pages.pictures import Picture
from marklens.pages.results_page import QueryOnPage, results_page
from marklens.results import Explained, SearchResult

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """A search that was made: what all its hits share.

    Attributes:
        engine: that searched.
        origin: which index, network and settings it searched with.
        question: what was asked.
        pictures: that were searched for, decoded; none where a mark or a name was.
        result: what was found.
        timings: milliseconds by stage, the decoding of the pictures among them.
    """

    engine: Engine
    origin: Origin
    question: Question
    pictures: tuple[Loaded, ...]
    result: SearchResult
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the query: its file, its id, or the words that were searched for."""
        files = " + ".join(picture.name for picture in self.pictures)
        return files or self.question.mark or self.question.text or ""

    @property
    def views(self) -> tuple[View, ...]:
        """What the network saw of the query, a mark of the index too; none where its picture is gone."""
        number = None if self.question.mark is None else self.engine.catalog.find(self.question.mark)
        if number is None or self.result.views:
            return self.result.views
        try:
            return self.engine.mark_views(number)
        except PictureError:
            return ()


class Hits(Sequence["Found"]):
    """What a search found, best first.

    In Jupyter it shows itself with pictures, in a terminal as a table. A slice is hits again.

    Args:
        asking: the search.
        part: those of its hits that are meant; None takes all.
    """

    def __init__(self, asking: Asking, part: tuple[Hit, ...] | None = None) -> None:
        self.asking = asking
        self.hits = asking.result.hits if part is None else part
        """The plain data."""

    @property
    def note(self) -> str | None:
        """Why the search found nothing, in one line; None where it found something."""
        return self.asking.result.note

    @property
    def timings_ms(self) -> Mapping[str, float]:
        """Milliseconds by stage: preprocess, embed, retrieve, rerank, total."""
        return self.asking.timings

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, place: int) -> "Found": ...
    @overload
    def __getitem__(self, place: slice) -> "Hits": ...
    def __getitem__(self, place: int | slice) -> "Found | Hits":
        if isinstance(place, slice):
            return Hits(self.asking, self.hits[place])
        return Found(self.asking, self.hits[place])

    def __iter__(self) -> Iterator["Found"]:
        return (Found(self.asking, hit) for hit in self.hits)

    def __repr__(self) -> str:
        title = f"{counted(len(self), 'hit')} for {self.asking.name}"
        if self.note:
            title += f": {self.note}"
        return "\n".join([title, *lines_of(self.hits)])

    def _repr_html_(self) -> str:
        return hits_fragment(self.asking.name, self.hits, _shown_picture(self.asking))

    def record(self) -> dict[str, Any]:
        """All that it takes to repeat the search and to compare what it finds, see `opened.record`.

        Of a slice it is the record of a search for so many as reach to its last hit.
        """
        asking, question, found = self.asking, self.asking.question, self.asking.result.hits
        last = max((hit.rank for hit in self.hits), default=len(found))
        if last < len(found):
            question, found = replace(question, top=last), found[:last]
        weights = weights_of(asking.engine, question)
        return make_record(asking.origin, question, weights, asking.pictures, found)

    def to_dict(self, explain: bool = False) -> dict[str, Any]:
        """The document of ``marklens search --json``, or of ``search-text`` for a search by name.

        Args:
            explain: whether each hit gets its reason, patch by patch and sound by sound.
        """
        return {**self._document(explain), "record": self.record()}

    def _document(self, explain: bool) -> dict[str, Any]:
        asking, question, shown = self.asking, self.asking.question, self._shown
        if not asking.pictures and question.mark is None:
            assert question.text is not None
            return text_document(asking.engine, question.text, shown, question.wanted, explain)
        asked = Asked(asking.name, question.text, question.crop, question.wanted)
        document = search_document(asking.engine, asked, shown, asking.timings, explain)
        if question.mark is not None:
            document["query"]["mark_id"] = question.mark
        return document

    def to_html(self) -> str:
        """The page of ``marklens search --html``: one file that holds everything it shows, and its record.

        The same search gives the same page, but for the date.
        """
        asking, question = self.asking, self.asking.question
        views = asking.views
        shown = QueryOnPage(asking.name, _shown_picture(asking), views, asking.result.text, question.unusual)
        record = self.record()
        facts = {"marks": f"{asking.engine.catalog.counts().marks:,}", **_facts(record)}
        reasons = page_reasons(asking.engine, self._shown, views)
        kept = json.dumps(record, sort_keys=True)
        return results_page(shown, self.hits, question.wanted, None, facts, reasons, kept, self.note)

    @property
    def _shown(self) -> SearchResult:
        return replace(self.asking.result, hits=self.hits)

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each hit: rank, score, that of every channel, the views that matched, all of the mark.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtraError("to_pandas", "notebook") from None
        rows = pandas.DataFrame([row_of(hit) for hit in self.hits], columns=list(COLUMNS))
        return rows.astype(KINDS)  # the same whatever is missing, also of no hits


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Found:
    """One hit, with what is asked most of it; equal to another of the same mark of the same open index.

    Attributes:
        asking: the search that found it.
        hit: the plain data: rank, score, scores, views, mark.
    """

    asking: Asking
    hit: Hit

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Found):
            return NotImplemented
        return self.hit.number == other.hit.number and self.asking.engine is other.asking.engine

    def __hash__(self) -> int:
        return hash((self.hit.number, id(self.asking.engine)))

    @property
    def rank(self) -> int:
        """1 is the best."""
        return self.hit.rank

    @property
    def score(self) -> float:
        """How alike, 0..1."""
        return self.hit.score

    @property
    def scores(self) -> Scores:
        """Of each channel, 0..1; None where one does not apply."""
        return self.hit.scores

    @property
    def mark(self) -> Mark:
        """What was found."""
        return self.hit.mark

    @property
    def id(self) -> str:
        """Of the mark."""
        return self.hit.mark.id

    @property
    def path(self) -> Path:
        """Of its picture."""
        return self.hit.mark.path

    @property
    def name(self) -> str:
        """What the mark says, else its id."""
        return self.hit.words or self.hit.mark.id

    def explain(self) -> "Reason":
        """Why it is a hit: shows the matching patches of both pictures in Jupyter."""
        return Reason(self.asking, self.hit)

    def __repr__(self) -> str:
        said = ", ".join(f"{name} {score:.2f}" for name, score in channels(self.scores))
        return f"{self.rank}. {self.name}: {self.score:.3f} ({said})"

    def _repr_html_(self) -> str:
        return hits_fragment(self.asking.name, [self.hit])


@dataclass(frozen=True, slots=True, repr=False)
class Reason:
    """Why a hit is one; shows itself.

    Attributes:
        asking: the search.
        hit: that is explained.
    """

    asking: Asking
    hit: Hit

    @property
    def explained(self) -> Explained:
        """The plain data: which patches match which, how the words sound alike."""
        return self.asking.engine.explain(self.asking.result, self.hit)

    def __repr__(self) -> str:
        explained = self.explained
        lines = [f"{self.hit.mark.id}: {self.hit.score:.3f}"]
        if explained.patches is not None:
            ours, theirs = (view.label for view in explained.patches.views)
            matches = explained.patches.matches
            lines.append(
                f"{len(matches.shares)} patches match, {ours} view against {theirs} view: "
                f"{float(matches.shares.sum()):.2f} alike"
            )
        if explained.words is not None:
            lines.append(
                f"{self.asking.result.text} against {self.hit.words}: {explained.words.total:.2f} alike"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        reason = page_reason(self.asking.engine, self.asking.result, self.hit, self.asking.views)
        return reason_fragment(self.hit, reason)


def _facts(record: Mapping[str, Any]) -> dict[str, str]:
    """What the foot of a page says of its record."""
    pictures = " ".join(picture["sha256"][:12] for picture in record["question"]["pictures"])
    named = {"index": record["index"][:12], "network": record["model"][:12], "picture": pictures}
    shown = {name: value for name, value in named.items() if value}
    return {**shown, "date": record["date"], "Marklens": record["marklens"]}


def _shown_picture(asking: Asking) -> Picture | None:
    """Of the query; None where it is a name, or a mark that has gone."""
    if asking.pictures:
        return asking.pictures[0].pixels
    number = asking.engine.catalog.find(asking.question.mark or "")
    return None if number is None else asking.engine.catalog.marks([number])[number].path
