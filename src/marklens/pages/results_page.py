"""The page of ``marklens search --html``: one query, its views, its hits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marklens.core.types import Filter, Hit, View
from marklens.pages.cards import make_card
from marklens.pages.pictures import Picture, data_uri
from marklens.pages.reasons import ReasonOnPage
from marklens.pages.rendering import render


@dataclass(frozen=True, slots=True)
class QueryOnPage:
    """What was searched for.

    Attributes:
        name: the file name.
        picture: as it was given; None where it has gone, or where a name alone was searched for.
        views: what the network saw of it.
        text: the words searched for, or None.
        asked: how it was searched for, a phrase for each thing that is not as usual: a part, an aspect, …
    """

    name: str
    picture: Picture | None
    views: tuple[View, ...] = ()
    text: str | None = None
    asked: Sequence[str] = ()


def results_page(
    query: QueryOnPage,
    hits: Sequence[Hit],
    filter_: Filter | None = None,
    timings_ms: Mapping[str, float] | None = None,
    facts: Mapping[str, object] | None = None,
    reasons: Mapping[int, ReasonOnPage] | None = None,
    record: str = "",
    note: str | None = None,
) -> str:
    """Lay out one search as a self-contained HTML page.

    Args:
        query: what was searched for.
        hits: best first.
        filter_: what every hit had to satisfy.
        timings_ms: stage to milliseconds, ``total`` among them, shown in this order.
        facts: name to value about the index, for the footer: marks, model, built, …
        reasons: why a hit is one, by its rank.
        record: JSON that programs find in the page, for repeating the search.
        note: why there are no hits.

    Returns:
        The document. A picture that cannot be read leaves a placeholder.
    """
    return render(
        "results.html.j2",
        query=query,
        picture=None if query.picture is None else data_uri(query.picture),
        views=[(view.kind.label, data_uri(view.pixels)) for view in query.views],
        cards=[make_card(hit, reason=(reasons or {}).get(hit.rank)) for hit in hits],
        conditions=conditions(filter_ or Filter()),
        timings=timings_ms or {},
        facts=facts or {},
        record=record,
        note=note,
    )


def conditions(filter_: Filter) -> list[str]:
    """The filter in words, one phrase a condition."""
    phrases = [f"Vienna {' or '.join(filter_.vienna)}"] if filter_.vienna else []
    if filter_.years:
        phrases.append(f"years {filter_.years[0]}–{filter_.years[1]}")
    phrases += [f"{name} = {value}" for name, value in filter_.attributes.items()]
    return phrases if filter_.ids is None else [*phrases, f"{len(filter_.ids):,} ids"]
