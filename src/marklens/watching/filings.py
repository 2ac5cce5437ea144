"""What identifies a new filing, and when it was filed."""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from marklens.core.artifacts import encoded
from marklens.core.artifacts import sha256 as file_digest
from marklens.core.attributes import first_of
from marklens.core.errors import PictureError, UsageError
from marklens.core.file_names import follows_from
from marklens.core.types import Mark

DATE_NAMES = ("filing_date", "application_date", "date_filed", "filed", "date")
"""Attributes that say when a mark was filed, the first that is there."""
_DATE = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?(\d{2}))?)?(?![\d-])")


@dataclass(frozen=True, slots=True)
class Key:
    """What a filing is known by.

    Attributes:
        id: of the mark.
        file: its file where the id follows from that name, else None: a folder's marks may get other ids when
            another file of the same name comes.
        digest: SHA-256 of its picture and its words, in hexadecimal: another picture is another filing.
    """

    id: str
    file: str | None
    digest: str


def key_of(filing: Mark) -> Key:
    """What a filing is known by.

    Raises:
        PictureError: its picture cannot be read at all.
    """
    try:
        picture = file_digest(filing.path)
    except OSError as error:
        raise PictureError("unreadable", error.strerror or str(error)) from error
    return make_key(filing, picture, filing.file if follows_from(filing.id, filing.file) else None)


def make_key(filing: Mark, picture: str, file: str | None = None) -> Key:
    """The key of a filing.

    Args:
        filing: that is meant.
        picture: SHA-256 of its bytes, in hexadecimal.
        file: where its id follows from that name.
    """
    said = picture.encode("ascii") + b"\0" + encoded(" ".join((filing.text or "").split()))
    return Key(filing.id, file, sha256(said).hexdigest())


def filed(filing: Mark) -> str | None:
    """When a mark was filed: ``YYYY-MM-DD``, or only ``YYYY-MM`` or ``YYYY``; None where nobody knows."""
    written = first_of(filing.attributes, DATE_NAMES)
    match = _DATE.match(written.strip()) if written else None
    if match:
        try:
            return _checked(match)
        except ValueError:  # a typing error: the year is the better witness
            pass
    return None if filing.year is None else f"{filing.year:04d}"


def is_before(filing: Mark, since: date) -> bool:
    """Whether a mark was certainly filed before a day; one of unknown date was not."""
    when = filed(filing)
    return when is not None and last_day(when) < since


def read_day(text: str) -> date:
    """The first day that ``YYYY-MM-DD``, ``YYYY-MM`` or ``YYYY`` means.

    Raises:
        UsageError: it is something else.
    """
    match = _DATE.fullmatch(text.strip())
    try:
        if match is None:
            raise ValueError
        return first_day(_checked(match))
    except ValueError:
        raise UsageError(f"--since takes a day, as in 2026-08-01, or 2026-08 or 2026, not '{text}'") from None


def first_day(when: str) -> date:
    """The first day that a whole or partial date can mean."""
    year, month, day = (*map(int, when.split("-")), 1, 1)[:3]
    return date(year, month, day)


def _checked(match: re.Match[str]) -> str:
    """The parts of a date, after checking that there is such a day.

    Raises:
        ValueError: there is none.
    """
    parts = [part for part in match.groups() if part]
    date(*(int(part) for part in (*parts, "01", "01")[:3]))
    return "-".join(parts)


def last_day(when: str) -> date:
    """The last day that a whole or partial date can mean."""
    year, month, day = (*map(int, when.split("-")), 0, 0)[:3]
    month = month or 12
    return date(year, month, day or calendar.monthrange(year, month)[1])
