"""What a report remembers of its search, so that it can be repeated and compared."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from marklens import __version__
from marklens.core.errors import UsageError
from marklens.core.types import Filter, Hit
from marklens.opened.pictures import Loaded
from marklens.opened.question import Question
from marklens.reranking.scoring import Weights

META = "marklens-record"
"""Name of the element of a page that holds the record, as JSON."""
SETTINGS = ("search", "scoring")
"""Sections of the settings that decide what a search finds; the rest is the index's."""
_SAME = ("mark", "text", "top", "crop", "rerank", "read", "weights", "aspect")
"""What a question and its record hold alike."""
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
        "date": _now(),
        "index": origin.version,
        "model": origin.model,
        "settings": {section: dict(values) for section, values in origin.settings.items()},
        "weights": {name.rstrip("_"): value for name, value in asdict(weights).items()},
        "question": {
            "pictures": [{"file": picture.file, "sha256": picture.sha256} for picture in pictures],
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
        },
        "hits": [[hit.mark.id, round(hit.score, 6)] for hit in hits],
    }


def read_record(report: Path) -> dict[str, Any]:
    """The record of a page of ``search --html`` or a document of ``search --json``.

    Raises:
        UsageError: the file is not there, or holds none.
    """
    try:
        text = report.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{report} cannot be read ({error}): give a report of marklens search") from error
    try:
        record = (
            json.loads(text)["record"] if text.lstrip().startswith("{") else json.loads(_Meta(text).found)
        )
        if not isinstance(record["question"], dict) or not isinstance(record["hits"], list):
            raise TypeError("no question and hits")
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{report} holds no search to repeat: give a page of --html or a document of --json"
        ) from error
    return dict(record)


def question_of(record: Mapping[str, Any], pictures: Sequence[Path] = ()) -> Question:
    """The question that a record remembers.

    Args:
        record: from `read_record`.
        pictures: where its pictures are now; none takes the files that it names.

    Raises:
        UsageError: it is damaged, or names no file for a picture.
    """
    asked = dict(record["question"])
    try:
        files: list[Path] = [*pictures] or [Path(picture["file"]) for picture in asked["pictures"]]
        years = asked["years"]
        wanted = Filter(tuple(asked["vienna"]), (years[0], years[1]) if years else None, asked["where"])
        same = {
            name: asked[name]
            for name in ("mark", "text", "top", "crop", "rerank", "read", "weights", "aspect")
        }
        return Question(pictures=tuple(files) if asked["pictures"] else (), wanted=wanted, **same)
    except (KeyError, TypeError, IndexError) as error:
        raise UsageError(
            "the report names no file for its picture, or is damaged: give the picture"
        ) from error


@dataclass(frozen=True, slots=True)
class Changes:
    """How a repeated search differs from what its report tells.

    Attributes:
        since: date of the report.
        same_index, same_model, same_pictures, same_settings: whether they are.
        same_hits: whether the same marks were found in the same order with the same scores.
        new: ids that were not found before.
        gone: ids that are not found any more.
    """

    since: str
    same_index: bool
    same_model: bool
    same_pictures: bool
    same_settings: bool
    same_hits: bool
    new: tuple[str, ...]
    gone: tuple[str, ...]


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Compare two records of one question."""
    hits, others = before["hits"], after["hits"]
    ids, other_ids = [id for id, _ in hits], [id for id, _ in others]
    close = all(abs(old - new) <= TOLERANCE for (_, old), (_, new) in zip(hits, others, strict=False))
    digests = [
        [picture["sha256"] for picture in record["question"]["pictures"]] for record in (before, after)
    ]
    return Changes(
        str(before.get("date")),
        before.get("index") == after["index"],
        before.get("model") == after["model"],
        digests[0] == digests[1],
        before.get("settings") == after["settings"] and before.get("weights") == after["weights"],
        ids == other_ids and close,
        tuple(id for id in other_ids if id not in ids),
        tuple(id for id in ids if id not in other_ids),
    )


def _digests(record: Mapping[str, Any]) -> list[str]:
    return [picture["sha256"] for picture in record["question"]["pictures"]]


def _now() -> str:
    """The time in UTC, to the second; that of SOURCE_DATE_EPOCH where it is set."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(fixed), UTC) if fixed else datetime.now(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class _Meta(HTMLParser):
    """Finds the record in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the content of the one element that matters."""
        named = dict(attrs)
        if tag == "meta" and named.get("name") == META:
            self.found = named.get("content") or ""
