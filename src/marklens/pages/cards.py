"""A hit as a page shows it."""

from dataclasses import dataclass
from pathlib import PurePath

from marklens.core.types import Hit, Mark, Scores, by_channel
from marklens.pages.pictures import data_uri
from marklens.pages.reasons import Overlay, ReasonOnPage, overlays


@dataclass(frozen=True, slots=True)
class Card:
    """What the templates need of one hit.

    Attributes:
        hit: the result.
        picture: ``data:`` address, or None for a placeholder.
        title: the mark's text, else its id.
        origin: year, id where the file name does not give it away, and file.
        channels: name and score of every channel that applies.
        views: the two views that matched: the query's, then the mark's.
        right: whether it is a right answer; None where nobody knows.
        overlays: the two views with the patches that matched, none where that is not known.
        sounds: the alignment of the words, sounds of the query and of the mark step by step.
        language: in which the words sound most alike.
    """

    hit: Hit
    picture: str | None
    title: str
    origin: str
    channels: tuple[tuple[str, float], ...]
    views: tuple[str, ...]
    right: bool | None = None
    overlays: tuple[Overlay, ...] = ()
    sounds: tuple[tuple[str, str], ...] = ()
    language: str = ""


def make_card(hit: Hit, right: bool | None = None, reason: ReasonOnPage | None = None) -> Card:
    """Gather what the templates need of one hit."""
    return Card(
        hit=hit,
        picture=data_uri(hit.mark.path),
        title=hit.words or hit.mark.id,
        origin=origin(hit.mark),
        channels=channels(hit.scores),
        views=tuple(view.label for view in hit.views),
        right=right,
        overlays=() if reason is None else overlays(reason),
        sounds=() if reason is None else reason.sounds,
        language="" if reason is None else reason.language,
    )


def origin(mark: Mark) -> str:
    """Year, id where the file name does not give it away, and file, in one line."""
    own_id = None if mark.id == PurePath(mark.file).stem else mark.id
    return " · ".join(str(part) for part in (mark.year, own_id, mark.file) if part)


def channels(scores: Scores) -> tuple[tuple[str, float], ...]:
    """Name and score of every channel that applies, in the order of the contract."""
    return tuple((name, score) for name, score in by_channel(scores).items() if score is not None)
