"""Why a hit is one, in the documents and on the page of the search commands."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marklens.core.types import Hit
    from marklens.engine import Engine, Explained, SearchResult
    from marklens.pages.reasons import ReasonOnPage
    from marklens.text.explanation import Explanation


def reason_document(explained: "Explained") -> dict[str, Any]:
    """What ``--explain`` adds to a hit of a document.

    Patches count 0..48, row by row from the upper left; the shares of the matches sum to the similarity of
    the views, which the spatial score puts on the scale that all indexes share. The gains of the steps of an
    alignment sum to its score.
    """
    patches = explained.patches
    return {
        "views": None if patches is None else [view.label for view in patches.views],
        "similarity": None if patches is None else float(patches.matches.shares.sum()),
        "patches": None
        if patches is None
        else [
            {"query": int(ours), "mark": int(theirs), "similarity": float(alike), "share": float(share)}
            for ours, theirs, alike, share in zip(
                patches.matches.query,
                patches.matches.mark,
                patches.matches.similarities,
                patches.matches.shares,
                strict=True,
            )
        ],
        "words": None if explained.words is None else _words_document(explained.words),
    }


def _words_document(words: "Explanation") -> dict[str, Any]:
    aligned = words.alignment
    return {
        "score": words.total,
        "sound": words.sound,
        "spelling": words.spelling,
        "language": words.language,
        "alignment": None
        if aligned is None
        else {
            "similarity": aligned.similarity,
            "score": aligned.score,
            "steps": [
                {"query": ours, "mark": theirs, "gain": gain}
                for (ours, theirs), gain in zip(aligned.pairs, aligned.gains, strict=True)
            ],
            "before": list(aligned.before),
            "after": list(aligned.after),
        },
    }


def page_reasons(engine: "Engine", result: "SearchResult") -> "dict[int, ReasonOnPage]":
    """What the page shows of each hit's reasons, by rank; nothing for a hit whose picture is gone."""
    shown = {hit.rank: _page_reason(engine, result, hit) for hit in result.hits}
    return {rank: reason for rank, reason in shown.items() if reason is not None}


def _page_reason(engine: "Engine", result: "SearchResult", hit: "Hit") -> "ReasonOnPage | None":
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
