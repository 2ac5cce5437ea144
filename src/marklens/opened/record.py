"""What a report remembers of its search, so that it can be repeated and compared."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from marklens import __version__
from marklens.core.errors import UsageError
from marklens.core.types import Filter, Hit, by_channel
from marklens.engine import Engine
from marklens.opened.pictures import Loaded
from marklens.opened.question import Question
from marklens.opened.remembered import Record, RecordedPicture
from marklens.reranking.scoring import Weights
from marklens.settings import ScoringSettings, SearchSettings, Settings

SETTINGS = ("search", "scoring")
"""Sections of the settings that decide what a search finds; the rest is the index's."""
TOLERANCE = 1e-4
"""Scores that differ by less are the same: other processors round otherwise."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where answers come from.

    Attributes:
        version: SHA-256 of the index's manifest, which names the checksum of every file of it.
        model: hash of the network.
        settings: sections `SETTINGS` as they were.
    """

    version: str
    model: str
    settings: Mapping[str, Mapping[str, Any]]


def origin_of(engine: Engine, settings: Settings) -> Origin:
    """Where the answers of an opened index come from; its settings are those that it was opened with."""
    kept = settings.model_dump(mode="json", include=set(SETTINGS))
    return Origin(engine.version, engine.recipe["model"]["hash"], kept)


def make_record(
    origin: Origin, question: Question, weights: Weights, pictures: Sequence[Loaded], hits: Sequence[Hit]
) -> dict[str, Any]:
    """The record of a search, as JSON values.

    Args:
        origin: of the answer.
        question: what was asked.
        weights: of the channels, as they were applied.
        pictures: that were searched for.
        hits: that were found.

    Returns:
        the same for the same search, but for the date, which SOURCE_DATE_EPOCH can fix.
    """
    asked, wanted = question, question.wanted
    return {
        "marklens": __version__,
        "date": now(),
        "index": origin.version,
        "model": origin.model,
        "settings": {section: dict(values) for section, values in origin.settings.items()},
        "weights": by_channel(weights),
        "question": {
            "pictures": [
                {"file": picture.file, "sha256": picture.sha256, "pixels": picture.digest}
                for picture in pictures
            ],
            "mark": asked.mark,
            "text": asked.text,
            "top": asked.top,
            "vienna": list(wanted.vienna),
            "years": list(wanted.years) if wanted.years else None,
            "where": dict(wanted.attributes),
            "crop": asked.crop,
            "rerank": asked.rerank,
            "read": asked.read,
            "weights": dict(asked.weights),
            "aspect": asked.aspect,
            "mirrored": asked.mirrored,
        },
        "hits": [[hit.mark.id, round(hit.score, 6)] for hit in hits],
    }


def question_of(record: Record, pictures: Sequence[Path] = ()) -> Question:
    """The question that a record remembers.

    Args:
        record: from `remembered.read_record`.
        pictures: where its pictures are now; none takes the files that it names.

    Raises:
        UsageError: it names no file for a picture, or makes no sense.
    """
    asked = record.question
    files = tuple(pictures) or tuple(Path(picture.file) for picture in asked.pictures if picture.file)
    if asked.pictures and len(files) != len(asked.pictures):
        raise UsageError(
            f"pictures of the report: {len(asked.pictures)}, files known: {len(files)}; give the picture, or "
            "all of several"
        )
    return Question(
        pictures=files if asked.pictures else (),
        mark=asked.mark,
        text=asked.text,
        top=asked.top,
        wanted=Filter(asked.vienna, asked.years, asked.where),
        crop=asked.crop,
        rerank=asked.rerank,
        read=asked.read,
        weights=asked.weights,
        aspect=asked.aspect,
        mirrored=asked.mirrored,
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """How a repeated search differs from what its report tells.

    Attributes:
        since: date of the report.
        same_index, same_model, same_settings, same_marklens: whether they are.
        same_pictures: whether they are; None where none was searched for.
        same_hits: whether the same marks were found in the same order with the same scores.
        new: ids that were not found before.
        gone: ids that are not found any more.
    """

    since: str
    same_index: bool
    same_model: bool
    same_pictures: bool | None
    same_settings: bool
    same_marklens: bool
    same_hits: bool
    new: tuple[str, ...]
    gone: tuple[str, ...]


def compare(before: Record, after: Record) -> Changes:
    """Compare two records of one question."""
    ids, other_ids = [id for id, _ in before.hits], [id for id, _ in after.hits]
    scores = zip(before.hits, after.hits, strict=False)
    close = all(abs(old - new) <= TOLERANCE for (_, old), (_, new) in scores)
    return Changes(
        before.date,
        before.index == after.index,
        before.model == after.model,
        _same_pictures(before.question.pictures, after.question.pictures),
        _complete(before.settings) == _complete(after.settings) and before.weights == after.weights,
        before.marklens == after.marklens,
        ids == other_ids and close,
        tuple(id for id in other_ids if id not in ids),
        tuple(id for id in ids if id not in other_ids),
    )


def _complete(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Settings of a report, with the usual value of those that there were not when it was written."""
    usual = {"search": SearchSettings(), "scoring": ScoringSettings()}
    return {name: {**usual[name].model_dump(mode="json"), **settings.get(name, {})} for name in SETTINGS}


def _same_pictures(before: Sequence[RecordedPicture], after: Sequence[RecordedPicture]) -> bool | None:
    """Whether each is the same file, or another one with the same pixels; None for no pictures."""
    if not before:
        return None
    return len(before) == len(after) and all(
        old.sha256 == new.sha256 or (old.pixels is not None and old.pixels == new.pixels)
        for old, new in zip(before, after, strict=True)
    )


def now() -> str:
    """The time in UTC, to the second; that of SOURCE_DATE_EPOCH where it is set."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        moment = datetime.fromtimestamp(int(fixed), UTC) if fixed else datetime.now(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"SOURCE_DATE_EPOCH is {fixed!r}: give the seconds since 1970, or none") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
