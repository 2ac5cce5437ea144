"""`marklens search`: which marks look like this picture?"""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from marklens.cli.explaining import page_reasons
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
from marklens.core.errors import MarklensError, PictureError, UsageError
from marklens.documents import Answer, Asked, search_document

if TYPE_CHECKING:
    from rich.table import Table

    from marklens.core.types import Crop, Hit
    from marklens.engine import Engine


def search(
    image: Annotated[Path, typer.Argument(help="The picture to search for.", show_default=False)],
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
    both the whole mark and the mark without text are compared.

    Examples: marklens search logo.png --index my-index --vienna 26.04 --html results.html

    marklens search scan.jpg --index my-index --crop 120,80,300,300 --text "Acme"
    """
    from marklens.assembly import open_engine
    from marklens.core.artifacts import write_text
    from marklens.questions import make_filter, read_crop, require_words
    from marklens.settings import load_settings

    asked = Asked(image.name, text, crop, make_filter(vienna or (), years, where or ()), not no_rerank, read)
    if text is not None:
        require_words(text)
    if explain and not as_json:
        raise UsageError("--explain belongs to --json; the page of --html always shows the reasons")
    part = read_crop(crop)
    if not image.is_file():
        raise UsageError(f"{image} is no file: give the picture to search for")
    engine = open_engine(index, load_settings())
    answer = _ask(engine, image, asked, part, top)
    if html is not None:
        write_text(html, _page(engine, answer))
    if as_json:
        print_json(search_document(engine, answer, explain))
    else:
        print_hits(answer.result.hits, answer.timings, html)


def _ask(engine: "Engine", image: Path, asked: Asked, part: "Crop | None", top: int) -> Answer:
    from marklens.core.images import read_picture

    started = perf_counter()
    try:
        picture = read_picture(image, part)
        decoding = (perf_counter() - started) * 1e3
        result = engine.search(picture, top, asked.wanted, asked.rerank, asked.text, asked.read)
    except PictureError as error:
        if error.kind == "crop":
            raise UsageError(f"--crop {asked.crop}: {error.reason}") from error
        raise MarklensError(f"{image} cannot be searched for: {error}") from error
    timings = dict(result.timings_ms)
    for stage in ("preprocess", "total"):
        timings[stage] += decoding
    return Answer(asked, picture, result, timings)


def hits_table(hits: tuple["Hit", ...], title: str) -> "Table":
    """Hits for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for heading, justify in (("rank", "right"), ("score", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for heading in ("file", "text", "year", "Vienna", "matched by"):
        table.add_column(heading, overflow="fold")
    for hit in hits:
        mark = hit.mark
        cells = (mark.file, hit.words or "–", str(mark.year or "–"), " ".join(mark.vienna_codes) or "–")
        views = " ↔ ".join(view.label for view in hit.views) or "text"
        table.add_row(str(hit.rank), f"{hit.score:.3f}", *map(escape, cells), views)
    return table


def print_hits(hits: tuple["Hit", ...], timings: dict[str, float], html: Path | None) -> None:
    """The table, and how long it took."""
    from rich.console import Console

    console = Console()
    if not hits:
        console.print("No mark was found: widen the filter.")
    else:
        console.print(hits_table(hits, f"{len(hits)} nearest marks"))
    stages = ", ".join(f"{stage} {value:.0f}" for stage, value in timings.items() if stage != "total")
    page = f" The page is {html}." if html else ""
    console.print(f"{timings['total']:.0f} ms ({stages}).{page}", highlight=False, markup=False)


def _page(engine: "Engine", answer: Answer) -> str:
    from marklens import __version__
    from marklens.pages.results_page import QueryOnPage, results_page

    asked, result = answer.asked, answer.result
    facts = {"marks": f"{engine.catalog.counts().marks:,}", "Marklens": __version__}
    part = None if asked.crop is None else f"part {asked.crop}"
    assert answer.picture is not None
    query = QueryOnPage(asked.file, answer.picture, result.views, result.text, part)
    reasons = page_reasons(engine, result)
    return results_page(query, result.hits, asked.wanted, answer.timings, facts, reasons)
