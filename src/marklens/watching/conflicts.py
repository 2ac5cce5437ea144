"""What a watch looks for, and what it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from marklens.core.attributes import first_of
from marklens.core.types import Filter, Hit, Mark, Scores, by_channel
from marklens.risk import Risk, judge
from marklens.watching.filings import filed, first_day, last_day

LINK_NAMES = ("link", "url", "href")


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is asked of every new filing.

    Attributes:
        threshold: least score of a conflict, 0..1, on the scale of the search.
        name_threshold: least likeness of the words, 0..1, from which a mark is a conflict whatever its
            picture; None looks at the score alone.
        top: conflicts of one filing at most, the best ones; as many again that only the words are alike of.
        wanted: what the marks of the portfolio must satisfy.
        read: whether words are read off the pictures of filings whose dataset gives none.
    """

    threshold: float
    name_threshold: float | None = None
    top: int = 10
    wanted: Filter = field(default_factory=Filter)
    read: bool = False

    def worth(self, score: float, scores: Scores) -> bool:
        """Whether a mark of this score, made of these, is a conflict."""
        return score >= self.threshold or self._sounds(scores)

    def chosen(self, hits: Sequence[Hit]) -> tuple[list[Hit], int]:
        """The conflicts among hits, best first, and how many more there are.

        Args:
            hits: best first.
        """
        near = [hit for hit in hits if hit.score >= self.threshold]
        named = [hit for hit in hits if hit.score < self.threshold and self._sounds(hit.scores)]
        named.sort(key=lambda hit: hit.scores.text or 0, reverse=True)  # among equals the better score first
        best = [*near[: self.top], *named[: self.top]]
        return best, len(near) + len(named) - len(best)

    def _sounds(self, scores: Scores) -> bool:
        words = scores.text
        return self.name_threshold is not None and words is not None and words >= self.name_threshold


@dataclass(frozen=True, slots=True)
class Conflict:
    """A new filing and a mark of the portfolio that are too alike.

    Attributes:
        filing: as a document, see `mark_document`.
        mark: as a document.
        score: 0..1, of the likeness alone.
        scores: that of every channel; None where it does not apply.
        views: the view of the filing and that of the mark that matched best.
        risk: what the register says beside that.
        left_out: how many more conflicts the filing has than were kept of it.
        shown: pictures and reasons for the page, until it is written.
    """

    filing: Mapping[str, Any]
    mark: Mapping[str, Any]
    score: float
    scores: Mapping[str, float | None]
    views: tuple[str, ...]
    risk: Risk
    left_out: int = 0
    shown: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """For programs, and for the state: everything but what is shown."""
        return {
            "filing": dict(self.filing),
            "mark": dict(self.mark),
            "score": self.score,
            "scores": dict(self.scores),
            "views": list(self.views),
            "risk": {"level": self.risk.level, "reasons": list(self.risk.reasons)},
            "left_out": self.left_out,
        }

    @staticmethod
    def remembered(document: Mapping[str, Any], shown: Mapping[str, Any]) -> "Conflict":
        """Undo `document`."""
        risk = Risk(document["risk"]["level"], tuple(document["risk"]["reasons"]))
        views = tuple(document["views"])
        return Conflict(
            document["filing"],
            document["mark"],
            document["score"],
            document["scores"],
            views,
            risk,
            document.get("left_out", 0),  # states of before have none
            shown,
        )


def make_conflict(
    filing: Mark, words: str | None, hit: Hit, left_out: int, shown: Mapping[str, Any]
) -> Conflict:
    """The conflict of a filing and a hit.

    Args:
        filing: that was searched for.
        words: that counted for it: given or read.
        hit: what was found.
        left_out: see `Conflict`.
        shown: see `Conflict`.
    """
    scores = by_channel(hit.scores)
    return Conflict(
        mark_document(filing, words),
        mark_document(hit.mark, hit.words),
        hit.score,
        scores,
        tuple(view.label for view in hit.views),
        _judged(filing, hit.mark),
        left_out,
        shown,
    )


def _judged(filing: Mark, mark: Mark) -> Risk:
    """The risk, and before its reasons what makes the filing no new one, or the mark no earlier one."""
    risk = judge(filing.attributes, mark.attributes)
    said = ["the same number: perhaps the mark itself"] if filing.id == mark.id else []
    ours, theirs = filed(filing), filed(mark)
    if ours and theirs and last_day(ours) < first_day(theirs):
        said.append(f"filed before the mark of the portfolio: {ours}, the mark {theirs}")
    return replace(risk, reasons=(*said, *risk.reasons))


def mark_document(mark: Mark, words: str | None) -> dict[str, Any]:
    """A mark for programs; `words` are those it is known by, given or read."""
    return {
        "id": mark.id,
        "file": mark.file,
        "text": mark.text,
        "words": words,
        "vienna_codes": list(mark.vienna_codes),
        "year": mark.year,
        "attributes": dict(mark.attributes),
    }


def link_of(attributes: Mapping[str, str]) -> str | None:
    """The web address of a mark, where it has one; nothing else becomes a link."""
    address = first_of(attributes, LINK_NAMES)
    return address if address and address.startswith(("https://", "http://")) else None
