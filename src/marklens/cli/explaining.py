"""Why a hit is one, on the page of the search commands."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marklens.core.types import Hit
    from marklens.engine import Engine, SearchResult
    from marklens.pages.reasons import ReasonOnPage


def page_reasons(engine: "Engine", result: "SearchResult") -> "dict[int, ReasonOnPage]":
    """What the page shows of each hit's reasons, by rank; nothing for a hit whose picture is gone."""
    shown = {hit.rank: page_reason(engine, result, hit) for hit in result.hits}
    return {rank: reason for rank, reason in shown.items() if reason is not None}


def page_reason(engine: "Engine", result: "SearchResult", hit: "Hit") -> "ReasonOnPage | None":
    """What a page shows of the reason for a hit; None where nothing was compared or its picture is gone."""
    from marklens.core.errors import PictureError
    from marklens.engine import LEAST_TEXT
    from marklens.pages.reasons import ReasonOnPage

    explained = engine.explain(result, hit)
    words = explained.words if explained.words is not None and explained.words.total >= LEAST_TEXT else None
    aligned = words.alignment.pairs if words is not None and words.alignment is not None else ()
    language = "" if words is None else words.language or ""
    if explained.patches is None:
        return ReasonOnPage(None, None, None, aligned, language) if aligned else None
    ours, theirs = explained.patches.views
    try:
        mark = {view.kind: view for view in engine.mark_views(hit.number)}[theirs]
    except (PictureError, KeyError):  # the picture has changed since
        return None
    query = {view.kind: view for view in result.views}[ours]
    return ReasonOnPage(query, mark, explained.patches.matches, aligned, language)
