"""Options and answers that several commands share."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

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
