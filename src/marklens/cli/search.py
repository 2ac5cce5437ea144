"""`marklens search`: which marks look like this picture?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from marklens.cli.options import (
    ExplainOption,
    IndexOption,
    JsonOption,
    TopOption,
    ViennaOption,
    WhereOption,
    YearsOption,
    print_json,
)
from marklens.core.errors import UsageError
from marklens.core.file_names import follows_from
from marklens.core.wording import counted

if TYPE_CHECKING:
    from rich.table import Table

    from marklens.core.types import Hit
    from marklens.opened.hits import Hits


def search(
    image: Annotated[
        list[Path],
        typer.Argument(help="The picture to search for; or several of one mark.", show_default=False),
    ],
    index: IndexOption,
    top: TopOption = 10,
    vienna: ViennaOption = None,
    years: YearsOption = None,
    where: WhereOption = None,
    text: Annotated[
        str | None, typer.Option(help="The name on the mark: counts beside the picture.", show_default=False)
    ] = None,
    read: Annotated[
        bool, typer.Option("--read", help="Read the name off the picture, where --text gives none.")
    ] = False,
    crop: Annotated[
        str | None,
        typer.Option(
            help="Only a part: x,y,width,height in the picture's pixels, or in percent (5%,5%,40%,40%).",
            show_default=False,
        ),
    ] = None,
    aspect: Annotated[
        Literal["composite", "shape", "colour", "text"],
        typer.Option(help="What counts: everything, the shape alone, the colours alone, the words alone."),
    ] = "composite",
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="Ask for the mirrored picture too, to find mirrored copies.")
    ] = False,
    no_rerank: Annotated[
        bool, typer.Option("--no-rerank", help="Stop after stage 1: only compare the pictures as a whole.")
    ] = False,
    explain: ExplainOption = False,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Also write a page with the pictures, and what matches in them."),
    ] = None,
) -> None:
    """Find the marks that look most like a picture.

    The picture goes the way the index's pictures went: its border is trimmed, its text is looked for, and
    both the whole mark and the mark without text are compared. Of several pictures the best counts.

    Examples: marklens search logo.png --index my-index --vienna 26.04 --html results.html

    marklens search scan.jpg --index my-index --crop 120,80,300,300 --text "Acme"
    """
    from marklens.core.artifacts import write_text
    from marklens.opened.index import Index
    from marklens.opened.question import Question
    from marklens.questions import DASHES, make_filter

    wanted = make_filter(vienna or (), years, where or ())
    question = Question(
        tuple(image), None, text, top, wanted, crop, not no_rerank, read, aspect=aspect, mirrored=mirrored
    )
    if explain and not as_json:
        raise UsageError("--explain belongs to --json; the page of --html always shows the reasons")
    with Index.open(index) as opened:
        hits = opened.ask(question, DASHES)
        if html is not None:
            write_text(html, hits.to_html())
        if as_json:
            print_json(hits.to_dict(explain))
        else:
            print_hits(hits, html)


def hits_table(hits: tuple["Hit", ...], title: str) -> "Table":
    """Hits for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for heading, justify in (("rank", "right"), ("score", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    named = any(not follows_from(hit.mark.id, hit.mark.file) for hit in hits)  # else files say the ids
    for heading in (*(("id",) if named else ()), "file", "text", "year", "Vienna", "matched by"):
        table.add_column(heading, overflow="fold")
    for hit in hits:
        mark = hit.mark
        facts = (mark.file, hit.words or "–", str(mark.year or "–"), " ".join(mark.vienna_codes) or "–")
        cells = (mark.id, *facts) if named else facts
        views = " ↔ ".join(view.label for view in hit.views) or "text"
        table.add_row(str(hit.rank), f"{hit.score:.3f}", *map(escape, cells), views)
    return table


def print_hits(hits: "Hits", html: Path | None = None) -> None:
    """The table, and how long it took."""
    from rich.console import Console

    console, timings = Console(), hits.timings_ms
    if not hits:
        console.print(f"No mark was found: {hits.note}.", highlight=False, markup=False)
    else:
        console.print(hits_table(hits.hits, counted(len(hits), "nearest mark")))
    stages = ", ".join(f"{stage} {value:.0f}" for stage, value in timings.items() if stage != "total")
    page = f" The page is {html}." if html else ""
    console.print(f"{timings['total']:.0f} ms ({stages}).{page}", highlight=False, markup=False)
