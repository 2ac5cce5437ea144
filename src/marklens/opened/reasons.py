"""Why a hit is one, as pages show it."""

from collections.abc import Sequence

from marklens.core.errors import PictureError
from marklens.core.types import Hit, View
from marklens.engine import Engine
from marklens.naming import LEAST_TEXT
from marklens.pages.reasons import ReasonOnPage
from marklens.results import SearchResult


def page_reasons(
    engine: Engine, result: SearchResult, views: Sequence[View] | None = None
) -> dict[int, ReasonOnPage]:
    """What a page shows of each hit's reasons, by rank; the sounds alone for a hit whose picture is gone.

    Args:
        engine: that searched.
        result: what it found.
        views: of the query, where the result has none because it is a mark of the index.
    """
    shown = {hit.rank: page_reason(engine, result, hit, views) for hit in result.hits}
    return {rank: reason for rank, reason in shown.items() if reason is not None}


def page_reason(
    engine: Engine, result: SearchResult, hit: Hit, views: Sequence[View] | None = None
) -> ReasonOnPage | None:
    """What a page shows of one hit's reason; None where there is nothing to show. Arguments as above."""
    seen = result.views if views is None else views
    explained = engine.explain(result, hit)
    words = explained.words if explained.words is not None and explained.words.total >= LEAST_TEXT else None
    aligned = words.alignment.pairs if words is not None and words.alignment is not None else ()
    language = "" if words is None else words.language or ""
    alone = ReasonOnPage(None, None, None, aligned, language) if aligned else None
    if explained.patches is None or explained.patches.row >= len(seen):
        return alone
    theirs = explained.patches.views[1]
    try:
        mark = {view.kind: view for view in engine.mark_views(hit.number)}[theirs]
    except (PictureError, KeyError):  # the picture has changed since
        return alone
    query = seen[explained.patches.row]
    return ReasonOnPage(query, mark, explained.patches.matches, aligned, language)
