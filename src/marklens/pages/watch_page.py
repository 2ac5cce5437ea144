"""The page of ``marklens watch``: every new filing beside the marks that it comes near to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marklens.pages.reasons import Overlay
from marklens.pages.rendering import render


@dataclass(frozen=True, slots=True)
class Party:
    """A filing or a mark as the page shows it.

    Attributes:
        title: its words, else its id.
        picture: ``data:`` address, or None for a placeholder.
        link: web address, or None.
        facts: name and value of what is known: number, filing date, Nice classes, owner, …
    """

    title: str
    picture: str | None
    link: str | None
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ConflictCard:
    """A mark of the portfolio that a filing comes near to.

    Attributes:
        mark: it.
        score: 0..1, of the likeness.
        channels: name and score of every channel that applies.
        views: the two views that matched: the filing's, then the mark's; none where words alone did.
        overlays: the two views with the patches that matched, none where that is not known.
        sounds: the alignment of the words, step by step.
        language: in which the words sound most alike.
        level: of the risk beside likeness: high, medium, low or unknown.
        reasons: why, one sentence each.
    """

    mark: Party
    score: float
    channels: Sequence[tuple[str, float]]
    views: Sequence[str]
    overlays: Sequence[Overlay]
    sounds: Sequence[tuple[str, str]]
    language: str
    level: str
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Case:
    """A new filing with its conflicts, the best first.

    Attributes:
        filing: it.
        cards: the conflicts.
        left_out: how many more there are than are shown.
    """

    filing: Party
    cards: Sequence[ConflictCard]
    left_out: int = 0


def watch_page(
    cases: Sequence[Case], faults: Sequence[tuple[str, str]], facts: Mapping[str, str] | None = None
) -> str:
    """Lay out a report as a self-contained HTML page.

    Args:
        cases: in the order shown.
        faults: file and reason of every filing that could not be looked at.
        facts: name to value for the footer.

    Returns:
        The document.
    """
    return render("watch.html.j2", cases=cases, faults=faults, facts=facts or {})
