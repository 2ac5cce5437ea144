"""A record as it is read back from a report, checked."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, InstanceOf, ValidationError

from marklens.core.errors import UsageError
from marklens.reranking.aspects import Aspect

META = "marklens-record"
"""Name of the element of a page that holds the record, as JSON."""
Text = Annotated[str, InstanceOf()]
"""Any; pydantic's own text must be valid Unicode, which file names need not be."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)  # what later versions remember too is passed over


class RecordedPicture(_Part):
    """A picture that was searched for.

    Attributes:
        file: where it was; None where it was no file.
        sha256: of its bytes, or of its pixels where there were none.
        pixels: SHA-256 of the pixels that were searched for; reports of before have none.
    """

    file: Text | None
    sha256: str
    pixels: str | None = None


class RecordedQuestion(_Part):
    """What was asked, see `opened.question.Question`."""

    pictures: tuple[RecordedPicture, ...]
    mark: Text | None
    text: Text | None
    top: int
    vienna: tuple[Text, ...]
    years: tuple[int, int] | None
    where: dict[Text, Text]
    crop: str | None
    rerank: bool
    read: bool
    weights: dict[str, float]
    aspect: Aspect
    mirrored: bool = False


class Record(_Part):
    """What a report remembers, see `opened.record.make_record`."""

    marklens: str
    date: str
    index: str
    model: str
    settings: dict[str, dict[str, Any]]
    weights: dict[str, float]
    question: RecordedQuestion
    hits: tuple[tuple[Text, float], ...]


def read_record(report: Path) -> Record:
    """The record of a page of ``search --html`` or a document of ``search --json``.

    Raises:
        UsageError: the file is not there, or holds none.
    """
    try:
        text = report.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{report} cannot be read ({error}): give a report of marklens search") from error
    try:
        is_json = text.lstrip().startswith("{")
        return Record.model_validate(json.loads(text)["record"] if is_json else json.loads(_Meta(text).found))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        said = f" ({place}: {first['msg']})" if place else ""
    except (ValueError, KeyError, TypeError, RecursionError, AssertionError):  # the last is HTMLParser's
        said = ""
    raise UsageError(
        f"{report} holds no search to repeat{said}: give a page of --html or a document of --json"
    )


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
