"""What the search commands and the API answer, as documents."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from marklens.core.stopwatch import Stopwatch
from marklens.core.types import by_channel

if TYPE_CHECKING:
    from marklens.core.resources import StopFlag
    from marklens.core.types import Filter, Hit
    from marklens.engine import Engine
    from marklens.results import Explained, SearchResult
    from marklens.text.explanation import Explanation


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        file: the name of the picture.
        text: the name on the mark.
        crop: as it was given.
        wanted: what every hit must satisfy.
    """

    file: str
    text: str | None
    crop: str | None
    wanted: "Filter"


def search_document(
    engine: "Engine",
    asked: Asked,
    result: "SearchResult",
    timings: Mapping[str, float],
    explain: bool,
    stop: "StopFlag | None" = None,
) -> dict[str, Any]:
    """The document of ``marklens search --json``.

    Args:
        engine: that searched.
        asked: what for.
        result: what it found.
        timings: milliseconds by stage, decoding included.
        explain: whether each hit gets its reason.
        stop: looked at before each reason.

    Raises:
        Interrupted: `stop` was set.
    """
    hits = [hit_document(hit) for hit in result.hits]
    if explain:
        _add_reasons(hits, engine, result, stop)
    return {
        "query": {
            "file": asked.file,
            "text": asked.text,
            "read_text": None if result.reading is None else asdict(result.reading),
            "crop": asked.crop,
            "views": [kind.label for kind in result.kinds],
            **filter_document(asked.wanted),
        },
        "hits": hits,
        **_noted(result),
        "timings_ms": _rounded(timings),
    }


def hit_document(hit: "Hit") -> dict[str, Any]:
    """One hit in the documents of the search commands."""
    scores = by_channel(hit.scores)
    return {
        "rank": hit.rank,
        "id": hit.mark.id,
        "file": hit.mark.file,
        "score": hit.score,
        "scores": scores,
        "views": [view.label for view in hit.views],
        "text": hit.mark.text,
        "read_text": None if hit.reading is None else asdict(hit.reading),
        "vienna_codes": list(hit.mark.vienna_codes),
        "year": hit.mark.year,
    }


def text_document(
    engine: "Engine",
    text: str,
    result: "SearchResult",
    wanted: "Filter",
    explain: bool,
    stop: "StopFlag | None" = None,
) -> dict[str, Any]:
    """The document of ``marklens search-text --json``; arguments as `search_document`'s."""
    hits = [hit_document(hit) for hit in result.hits]
    if explain:
        _add_reasons(hits, engine, result, stop)
    return {
        "query": {"text": text, **filter_document(wanted)},
        "hits": hits,
        **_noted(result),
        "timings_ms": _rounded(result.timings_ms),
    }


def _add_reasons(
    hits: Sequence[dict[str, Any]], engine: "Engine", result: "SearchResult", stop: "StopFlag | None"
) -> None:
    watch = Stopwatch(stop)
    for document, hit in zip(hits, result.hits, strict=True):
        document["reason"] = reason_document(engine.explain(result, hit))
        watch.lap("reasons")


def _noted(result: "SearchResult") -> dict[str, str]:
    """Why there are no hits, where there are none."""
    return {} if result.note is None else {"note": result.note}


def _rounded(timings: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(value, 3) for stage, value in timings.items()}


def filter_document(wanted: "Filter") -> dict[str, Any]:
    """A filter as the documents of the search commands show it."""
    return {
        "vienna": list(wanted.vienna),
        "years": list(wanted.years) if wanted.years else None,
        "attributes": dict(wanted.attributes),
    }


def reason_document(explained: "Explained") -> dict[str, Any]:
    """What ``--explain`` adds to a hit of a document.

    `row` counts the query's views: several pictures, or mirrored ones, have several of a kind. Patches count
    0..48, row by row from the upper left; the shares of the matches sum to the similarity of
    the views, which the spatial score puts on the scale that all indexes share. The gains of the steps of an
    alignment sum to its score.
    """
    patches = explained.patches
    return {
        "views": None if patches is None else [view.label for view in patches.views],
        "row": None if patches is None else patches.row,
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
