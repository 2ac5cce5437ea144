"""`marklens vienna`: codes of the Vienna Classification for new marks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from marklens.cli.options import IndexOption, JsonOption, print_json
from marklens.cli.progress import shown_progress

if TYPE_CHECKING:
    from marklens.classifying.measuring import Measured
    from marklens.classifying.voting import Suggestion

app = typer.Typer(help="Suggest Vienna codes for new marks.", no_args_is_help=True)

LevelOption = Annotated[
    Literal["category", "division", "section"], typer.Option(help="Of the codes: 26, 26.04 or 26.04.01.")
]
NeighboursOption = Annotated[int, typer.Option(min=1, help="How many marks vote.")]
SHOWN = 5
"""Neighbours named in the table."""


@app.command()
def suggest(
    image: Annotated[
        list[Path], typer.Argument(help="The new mark; or several pictures of it.", show_default=False)
    ],
    index: IndexOption,
    top: Annotated[int, typer.Option(min=1, help="How many codes.")] = 5,
    level: LevelOption = "section",
    neighbours: NeighboursOption = 20,
    crop: Annotated[
        str | None,
        typer.Option(help="Only a part, as in marklens search.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Suggest Vienna codes for a picture, by the codes of the marks like it.

    The marks vote by how alike they are. What counts is agreement beyond chance, so a code does not win by
    being frequent; that is the confidence, from 0 to 1. 'vienna evaluate' tells how often it is right.

    Example: marklens vienna suggest logo.png --index my-index
    """
    from marklens.opened.index import Index

    with Index.open(index) as opened:
        found = opened.suggest_vienna(image, top=top, level=level, neighbours=neighbours, crop=crop)
    if as_json:
        query = {
            "file": " + ".join(picture.name for picture in image),
            "crop": crop,
            "level": level,
            "neighbours": neighbours,
        }
        print_json({"query": query, "suggestions": [_document(each) for each in found]})
    else:
        _print_suggestions(found)


@app.command()
def evaluate(
    index: IndexOption,
    level: LevelOption = "section",
    neighbours: NeighboursOption = 20,
    limit: Annotated[int, typer.Option(min=1, help="Marks to ask for, spread evenly over the index.")] = 1000,
    apart: Annotated[
        str | None,
        typer.Option(help="An attribute: marks with the same value do not vote (owner).", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the suggestions: marks whose codes are known take their turn as the new mark.

    Each is left out of its own vote. Marks of one owner look alike and bear the same codes, so --apart owner
    says more of a stranger's mark. No picture is read.

    Example: marklens vienna evaluate --index my-index --level division
    """
    from marklens.assembly import open_engine
    from marklens.classifying.measuring import measure
    from marklens.opened.vienna import bearers_of, left_out
    from marklens.settings import load_settings

    engine = open_engine(index, load_settings())
    with shown_progress() as progress:
        asked = left_out(engine, level, limit, progress, neighbours, apart)
        measured = measure(asked, bearers_of(engine, level), level)
    if as_json:
        config = {"level": level, "neighbours": neighbours, "apart": apart, **engine.recipe}
        print_json({**measured.to_json(), "config": config})
    else:
        _print_measured(measured, level)


def _document(suggestion: "Suggestion") -> dict[str, Any]:
    from marklens.datasets.vienna import described

    voters = [
        {"id": voter.id, "file": voter.file, "score": voter.score, "vienna_codes": list(voter.codes)}
        for voter in suggestion.neighbours
    ]
    return {
        "code": suggestion.code,
        "name": described(suggestion.code),
        "confidence": suggestion.confidence,
        "share": suggestion.share,
        "usual": suggestion.usual,
        "neighbours": voters,
    }


def _print_suggestions(found: "tuple[Suggestion, ...]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from marklens.datasets.vienna import described

    if not found:
        typer.echo("No code is suggested: the marks like it agree on none.")
        return
    table = Table(title="Vienna codes", title_justify="left")
    for heading, justify in (("code", "left"), ("what it is", "left"), ("confidence", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    table.add_column("of all marks", justify="right")
    table.add_column("because of", overflow="fold")
    for each in found:
        voters = ", ".join(voter.id for voter in each.neighbours[:SHOWN])
        more = len(each.neighbours) - SHOWN
        voters += f" and {more} more" if more > 0 else ""
        cells = (f"{each.confidence:.2f}", f"{each.usual:.1%}", escape(voters))
        table.add_row(each.code, described(each.code), *cells)
    Console().print(table)


def _print_measured(measured: "Measured", level: str) -> None:
    from rich.console import Console
    from rich.table import Table

    title = f"Vienna {level} of {measured.marks:,} marks, by the marks like them"
    table = Table(title=title, title_justify="left")
    for heading in ("codes", "precision", "recall", "precision of the most frequent", "their recall"):
        table.add_column(heading, justify="right")
    for k in measured.precision:
        values = (measured.precision, measured.recall, measured.usual_precision, measured.usual_recall)
        table.add_row(f"first {k}" if k > 1 else "first", *(f"{value[k]:.3f}" for value in values))
    trust = Table(title="Can the confidence be believed?", title_justify="left")
    for heading in ("mean confidence", "were right", "suggestions"):
        trust.add_column(heading, justify="right")
    for sure, right, count in measured.reliability:
        trust.add_row(f"{sure:.2f}", f"{right:.2f}", f"{count:,}")
    console = Console()
    console.print(table)
    console.print(trust)
