"""Options and answers that several commands share."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marklens.core.errors import UsageError

if TYPE_CHECKING:
    from marklens.core.types import Crop, Filter

IndexOption = Annotated[Path, typer.Option("--index", help="The index folder.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
ExplainOption = Annotated[
    bool,
    typer.Option("--explain", help="With --json: also why each hit is one, patch by patch, sound by sound."),
]
TopOption = Annotated[int, typer.Option("--top", min=1, help="How many hits.")]
ViennaOption = Annotated[
    list[str] | None,
    typer.Option(
        "--vienna", help="Only marks with this Vienna code or its beginning (26, 26.04); repeat for 'or'."
    ),
]
YearsOption = Annotated[
    str | None, typer.Option("--years", help="Only marks of these years: 2001 or 1998-2005.")
]
WhereOption = Annotated[
    list[str] | None,
    typer.Option("--where", help="Only marks with this attribute: name=value; repeat for 'and'."),
]
DatasetArgument = Annotated[
    Path,
    typer.Argument(help="An L3D folder, a folder of pictures, or a CSV/JSONL manifest.", show_default=False),
]


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    text = json.dumps(document, ensure_ascii=ascii_only)
    typer.echo(text.encode("utf-8", "replace").decode("utf-8"))  # a file name need not be valid UTF-8


def make_filter(vienna: Sequence[str], years: str | None, where: Sequence[str]) -> "Filter":
    """Turn the filter options into a filter.

    Raises:
        UsageError: years are not ``A-B`` or an attribute is not ``name=value``.
    """
    from marklens.core.types import Filter

    attributes = dict(_pair(condition) for condition in where)
    if len(attributes) < len(where):
        raise UsageError("--where names an attribute twice: a mark has one value of each")
    return Filter(tuple(vienna), _years(years) if years else None, attributes)


def filter_document(wanted: "Filter") -> dict[str, Any]:
    """A filter as the documents of the search commands show it."""
    return {
        "vienna": list(wanted.vienna),
        "years": list(wanted.years) if wanted.years else None,
        "attributes": dict(wanted.attributes),
    }


def _years(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        span = int(first), int(last if "-" in text else first)
    except ValueError:
        raise UsageError(f"--years takes one year or two, as in 1998-2005, not '{text}'") from None
    if span[0] > span[1]:
        raise UsageError(f"--years {text} runs backwards: write {span[1]}-{span[0]}")
    return span


def _pair(condition: str) -> tuple[str, str]:
    name, separator, value = condition.partition("=")
    if not separator or not name:
        raise UsageError(f"--where takes name=value, as in office=EM, not '{condition}'")
    return name, value


def require_words(text: str) -> None:
    """Refuse a name that says nothing, such as a lone dash."""
    from marklens.text.normalizer import words_of

    if not words_of(text):
        raise UsageError("the text says nothing: give a name with letters or digits")


def read_crop(text: str | None) -> "Crop | None":
    """Read ``x,y,width,height``, in pixels or all with a percent sign.

    Raises:
        UsageError: it is something else.
    """
    from marklens.core.types import Crop

    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    percent = all(part.endswith("%") for part in parts)
    try:
        numbers = [float(part.removesuffix("%") if percent else part) for part in parts]
        x, y, width, height = numbers
    except ValueError:
        raise UsageError(
            f"--crop takes x,y,width,height, as in 10,20,200,150 or 5%,5%,40%,40%, not '{text}'"
        ) from None
    try:
        return Crop(x, y, width, height, percent)
    except ValueError as error:
        raise UsageError(f"--crop {text}: {error}") from None
