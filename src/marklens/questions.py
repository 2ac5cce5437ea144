"""What people ask for, as text: filters, crops, names."""

from collections.abc import Sequence
from pathlib import Path

from marklens.core.errors import UsageError
from marklens.core.types import Crop, Filter

DASHES = "--"
"""Before the name of an option on the command line, which names it so in its messages."""


def make_filter(
    vienna: Sequence[str],
    years: str | None,
    where: Sequence[str],
    before: str = DASHES,
    ids: frozenset[str] | None = None,
) -> Filter:
    """Turn the filter options into a filter.

    Args:
        vienna: codes or their beginnings.
        years: ``A-B`` or one.
        where: ``name=value``.
        before: what stands before an option's name in a message; so for the others here.
        ids: of the only marks wanted, or None.

    Raises:
        UsageError: years are not ``A-B`` or an attribute is not ``name=value``.
    """
    span = _years(years, before) if years else None
    return Filter(tuple(vienna), span, read_attributes(where, f"{before}where"), ids)


def read_attributes(pairs: Sequence[str], option: str) -> dict[str, str]:
    """Read attributes of marks, each written ``name=value``.

    Raises:
        UsageError: one is written otherwise, or two have one name.
    """
    attributes = dict(_pair(pair, option) for pair in pairs)
    if len(attributes) < len(pairs):
        raise UsageError(f"{option} names an attribute twice: a mark has one value of each")
    return attributes


def _years(text: str, before: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        span = int(first), int(last if "-" in text else first)
    except ValueError:
        raise UsageError(f"{before}years takes one year or two, as in 1998-2005, not '{text}'") from None
    if span[0] > span[1]:
        raise UsageError(f"{before}years {text} runs backwards: write {span[1]}-{span[0]}")
    return span


def _pair(condition: str, option: str) -> tuple[str, str]:
    name, separator, value = condition.partition("=")
    if not separator or not name:
        raise UsageError(f"{option} takes name=value, as in office=EM, not '{condition}'")
    return name, value


def read_ids(path: Path, before: str = DASHES) -> frozenset[str]:
    """Read ids of marks, one a line; empty lines are passed over.

    Raises:
        UsageError: it cannot be read, or holds no id.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except OSError as error:
        raise UsageError(f"{before}portfolio {path}: {error.strerror or error}") from None
    ids = frozenset(line.strip() for line in lines if line.strip())
    if not ids:
        raise UsageError(f"{before}portfolio {path} holds no id: write one a line")
    return ids


def require_words(text: str) -> None:
    """Refuse a name that says nothing, such as a lone dash."""
    from marklens.text.normalizer import words_of

    if not words_of(text):
        raise UsageError("the text says nothing: give a name with letters or digits")


def read_crop(text: str | None, before: str = DASHES) -> Crop | None:
    """Read ``x,y,width,height``, in pixels or all with a percent sign.

    Raises:
        UsageError: it is something else.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    percent = all(part.endswith("%") for part in parts)
    try:
        numbers = [float(part.removesuffix("%") if percent else part) for part in parts]
        x, y, width, height = numbers
    except ValueError:
        raise UsageError(
            f"{before}crop takes x,y,width,height, as in 10,20,200,150 or 5%,5%,40%,40%, not '{text}'"
        ) from None
    try:
        return Crop(x, y, width, height, percent)
    except ValueError as error:
        raise UsageError(f"{before}crop {text}: {error}") from None
