"""`marklens search`: which marks look like this picture?"""

from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marklens.cli.options import (
    IndexOption,
    JsonOption,
    TopOption,
    ViennaOption,
    WhereOption,
    YearsOption,
    filter_document,
    make_filter,
    print_json,
    require_words,
)
from marklens.core.errors import MarklensError, PictureError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from marklens.core.types import Filter, Hit, Pixels
    from marklens.engine import Engine, SearchResult


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
    no_rerank: Annotated[
        bool, typer.Option("--no-rerank", help="Stop after stage 1: only compare the pictures as a whole.")
    ] = False,
    as_json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Also write a page with the pictures.")
    ] = None,
) -> None:
    """Find the marks that look most like a picture.

    The picture goes the way the index's pictures went: its border is trimmed, its text is looked for, and
    both the whole mark and the mark without text are compared.

    Example: marklens search logo.png --index my-index --vienna 26.04 --html results.html
    """
    from marklens.assembly import open_engine
    from marklens.core.images import read_picture
    from marklens.settings import load_settings

    wanted = make_filter(vienna or (), years, where or ())
    if text is not None:
        require_words(text)
    if not image.is_file():
        raise UsageError(f"{image} is no file: give the picture to search for")
    engine = open_engine(index, load_settings())
    started = perf_counter()
    try:
        picture = read_picture(image)
        decoding = (perf_counter() - started) * 1e3
        result = engine.search(picture, top, wanted, not no_rerank, text)
    except PictureError as error:
        raise MarklensError(f"{image} cannot be searched for: {error}") from error
    timings = dict(result.timings_ms)
    for stage in ("preprocess", "total"):
        timings[stage] += decoding
    if html is not None:
        _write_page(html, image, picture, result, wanted, timings, engine)
    if as_json:
        print_json(to_document(image, text, result, wanted, timings))
    else:
        print_hits(result.hits, timings, html)


def to_document(
    image: Path, text: str | None, result: "SearchResult", wanted: "Filter", timings: dict[str, float]
) -> dict[str, Any]:
    """The document of ``marklens search --json``."""
    return {
        "query": {
            "file": image.name,
            "text": text,
            "views": [view.kind.label for view in result.views],
            **filter_document(wanted),
        },
        "hits": [hit_document(hit) for hit in result.hits],
        "timings_ms": {stage: round(value, 3) for stage, value in timings.items()},
    }


def hit_document(hit: "Hit") -> dict[str, Any]:
    """One hit in the documents of the search commands."""
    scores = {name.rstrip("_"): value for name, value in asdict(hit.scores).items()}
    return {
        "rank": hit.rank,
        "id": hit.mark.id,
        "file": hit.mark.file,
        "score": hit.score,
        "scores": scores,
        "views": [view.label for view in hit.views],
        "text": hit.mark.text,
        "read_text": None if hit.reading is None else asdict(hit.reading),
        "vienna_codes": list(hit.mark.vienna_codes),
        "year": hit.mark.year,
    }


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


def _write_page(
    html: Path,
    image: Path,
    picture: "Pixels",
    result: "SearchResult",
    wanted: "Filter",
    timings: dict[str, float],
    engine: "Engine",
) -> None:
    from marklens import __version__
    from marklens.core.artifacts import write_text
    from marklens.pages.results_page import QueryOnPage, results_page

    facts = {"marks": f"{engine.catalog.counts().marks:,}", "Marklens": __version__}
    query = QueryOnPage(image.name, picture, result.views)
    write_text(html, results_page(query, result.hits, wanted, timings, facts))
