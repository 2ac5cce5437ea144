"""The fields of a metadata entry, whatever shape they come in: Vienna codes, years, texts, attributes."""

import json
import math
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from marklens.core.attributes import written
from marklens.core.ports import OnFault
from marklens.core.types import Fault, Mark

Report = Callable[[str, str], None]
"""Called with the kind and the reason of a fault."""

KNOWN_KEYS = frozenset({"file", "id", "text", "vienna_codes", "year"})
YEARS = range(1800, 2101)
"""The oldest marks still registered are of the 1870s; a year outside this range is a typing error."""
LAST_VIENNA_CATEGORY = 29
"""The Vienna Classification has categories 1 to 29 (WIPO, 9th edition)."""

_DOTTED = re.compile(r"(\d{1,2})(?:\.(\d{1,2}))?(?:\.(\d{1,2}))?\.?")
_COMPACT = re.compile(r"\d{5,6}")
_YEAR = re.compile(r"(\d{4})(?:\.0*|[-/]\d{1,2}.*|\.\d{1,2}\.\d.*)?", re.ASCII)
_SEPARATORS = re.compile(r"[;,|\s]+")
_SURROGATES = re.compile("[\ud800-\udfff]")
"""Half a character, as JSON's escapes may give; no file and no database takes it."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one entry after parsing, as a `Mark` wants them."""

    text: str | None
    vienna_codes: tuple[str, ...]
    year: int | None
    attributes: Mapping[str, str]


def parse_fields(entry: Mapping[str, Any], report: Report, known: Collection[str] = KNOWN_KEYS) -> Fields:
    """Parse the optional fields of an entry; what cannot be parsed is reported and left out.

    Args:
        entry: keys and values as the metadata gives them.
        report: called for each fault: ``bad-vienna-code``, ``bad-year``.
        known: keys that are no attributes.
    """
    return Fields(
        text=parse_text(entry.get("text")),
        vienna_codes=parse_vienna_codes(entry.get("vienna_codes"), report),
        year=_year_or_fault(entry.get("year"), report),
        attributes=_attributes(entry, known),
    )


def parse_vienna_codes(value: Any, report: Report) -> tuple[str, ...]:
    """Bring Vienna codes to ``NN.NN.NN``, or ``NN.NN`` and ``NN`` where only these levels are given.

    Args:
        value: a list of codes, one string with one or more of them (separated by ``;``, ``,``, ``|`` or
            blanks), or None.
        report: called once for each code that is none.

    Returns:
        the codes in their order, each once.
    """
    codes: dict[str, None] = {}
    for item in _items(value):
        code = normalize_vienna_code(item)
        if code is None:
            report("bad-vienna-code", f"{_shown(item)} is no Vienna code such as 27.05.01")
        else:
            codes[code] = None
    return tuple(codes)


def normalize_vienna_code(value: Any) -> str | None:
    """``"27.5.1"``, ``"270501"`` and 270501 give ``"27.05.01"``; what is no Vienna code gives None."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return _normalized(str(value).strip())


@lru_cache(maxsize=16384)  # a dataset has some thousand spellings of its codes, and millions of codes
def _normalized(written: str) -> str | None:
    if not written.isascii():
        return None
    if _COMPACT.fullmatch(written):
        digits = written.zfill(6)
        parts = [digits[0:2], digits[2:4], digits[4:6]]
    elif match := _DOTTED.fullmatch(written):
        parts = [part.zfill(2) for part in match.groups() if part is not None]
    else:
        return None
    if not 1 <= int(parts[0]) <= LAST_VIENNA_CATEGORY or "00" in parts[1:]:
        return None
    return ".".join(parts)


def parse_year(value: Any) -> int | None:
    """A year from a number, ``"1998"``, ``"1998.0"`` or a date that begins with the year; None stays None.

    Raises:
        ValueError: anything else.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    match = _YEAR.fullmatch(str(value).strip())
    if isinstance(value, bool) or match is None or int(match[1]) not in YEARS:
        raise ValueError(f"{_shown(value)} is no year between {YEARS[0]} and {YEARS[-1]}")
    return int(match[1])


def parse_text(value: Any) -> str | None:
    """The verbal element with single blanks; None when there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return " ".join(_clean(words).split()) or None


def choose_id(given: Any, file: str, taken: set[str]) -> str | None:
    """The given id, else the file's stem, else the file name; None when all are taken. Notes it as taken."""
    first = given_id(given)
    first = first or os.path.splitext(os.path.basename(file))[0]
    for id_ in (first, file):
        if id_ not in taken:
            taken.add(id_)
            return id_
    return None


def given_id(value: Any) -> str:
    """An id as the metadata give it; a whole number with a point is one that a table made of an integer."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _clean(str(value)).strip() if isinstance(value, str | int) else ""


def make_mark(
    item: str,
    file: str,
    path: Path,
    entry: Mapping[str, Any],
    taken: set[str],
    on_fault: OnFault,
    known: Collection[str] = KNOWN_KEYS,
) -> Mark | None:
    """The mark of an entry; None when no id is left for it.

    Args:
        item: what faults are of: ``repeated-id``, and those of `parse_fields`.
        file: what the picture is called.
        path: where it is.
        entry: keys and values as the metadata give them.
        taken: ids of other marks; its own is added.
        on_fault: hears of faults.
        known: keys that are no attributes.
    """

    def report(kind: str, reason: str) -> None:
        on_fault(Fault(item, kind, reason))

    wanted, id_ = given_id(entry.get("id")), choose_id(entry.get("id"), file, taken)
    if id_ is None:
        report("repeated-id", f"its id {entry.get('id')!r} and its name are taken as ids")
        return None
    if wanted not in ("", id_):
        report("repeated-id", f"its id {wanted!r} is taken: it is called {id_!r}")
    fields = parse_fields(entry, report, known)
    return Mark(id_, file, path, fields.text, fields.vienna_codes, fields.year, fields.attributes)


def _year_or_fault(value: Any, report: Report) -> int | None:
    try:
        return parse_year(value)
    except ValueError as error:
        report("bad-year", str(error))
        return None


def _attributes(entry: Mapping[str, Any], known: Collection[str]) -> dict[str, str]:
    shown = {_clean(str(key)): _clean(_as_text(value)) for key, value in entry.items() if key not in known}
    return {key: written(key, text) for key, text in shown.items() if text}


def _clean(text: str) -> str:
    return _SURROGATES.sub("\ufffd", text)


def _as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return ",".join(text for text in map(_as_text, value) if text)
        case dict():
            return json.dumps(value, ensure_ascii=False, sort_keys=True) if value else ""
        case _:
            return str(value).strip()


def _items(value: Any) -> Iterator[Any]:
    """The single codes of a value: strings are taken apart, lists walked, None has none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return
    for item in value if isinstance(value, list | tuple) else [value]:
        if isinstance(item, str):
            # an office writes "A" before codes of its auxiliary sections
            yield from (
                code
                for part in _SEPARATORS.split(item)
                if (code := part.strip().strip("[]\"'").strip()) not in {"", "A"}
            )
        elif item is not None:
            yield item


def _shown(value: Any) -> str:
    """A value as it stands in the metadata, cut to a readable length."""
    written = repr(value)
    return written if len(written) <= 60 else written[:57] + "..."
