"""The page of ``marklens demo``: what was measured, and rows of queries with their hits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marklens.core.types import Hit
from marklens.pages.cards import Card, make_card
from marklens.pages.pictures import Picture, data_uri
from marklens.pages.rendering import render

HITS_IN_A_ROW = 8


@dataclass(frozen=True, slots=True)
class DemoRow:
    """One query and what came back.

    Attributes:
        name: the brand that was searched for.
        picture: the query.
        hits: best first; the first `HITS_IN_A_ROW` are shown.
        right: ids of the marks that ought to be found.
        best_rank: rank of the best right mark, which may lie beyond `hits`; None where it was not found.
    """

    name: str
    picture: Picture
    hits: Sequence[Hit]
    right: frozenset[str]
    best_rank: int | None


@dataclass(frozen=True, slots=True)
class _Strip:
    """What the template needs of a row."""

    name: str
    picture: str | None
    cards: list[Card]
    best_rank: int | None


def demo_page(
    title: str,
    summary: Mapping[str, str],
    rows: Sequence[DemoRow],
    facts: Mapping[str, object] | None = None,
) -> str:
    """Lay out the demo as a self-contained HTML page; failures get a section of their own.

    Args:
        title: one sentence that says what was searched in what.
        summary: name to value of the figures that matter most, as they shall be shown: marks, seconds, …
        rows: queries to show; those whose best rank is not 1 are failures.
        facts: name to value for the footer: model, version, …

    Returns:
        The document. A picture that cannot be read leaves a placeholder.
    """
    return render(
        "demo.html.j2",
        title=title,
        summary=summary,
        found=[_strip(row) for row in rows if row.best_rank == 1],
        failures=[_strip(row) for row in rows if row.best_rank != 1],
        facts=facts or {},
    )


def _strip(row: DemoRow) -> _Strip:
    shown = row.hits[:HITS_IN_A_ROW]
    cards = [make_card(hit, right=hit.mark.id in row.right) for hit in shown]
    return _Strip(row.name, data_uri(row.picture), cards, row.best_rank)
