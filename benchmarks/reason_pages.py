"""Pages of reasons to look at: some queries of a split, each with its hits and what matched in them.

python -m benchmarks.reason_pages --dataset logos --index build/brands/views --out reasons
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from marklens import assembly
from marklens.core.artifacts import write_text
from marklens.core.images import read_picture
from marklens.evaluation.protocols import group_queries, read_groups
from marklens.opened.reasons import page_reasons
from marklens.pages.results_page import QueryOnPage, results_page
from marklens.settings import load_settings


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    index: Annotated[Path, typer.Option(help="Its index.")],
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    split: Annotated[str, typer.Option(help="Brands to ask for: val or test.")] = "test",
    count: Annotated[int, typer.Option(help="How many queries, drawn at random.")] = 20,
    top: Annotated[int, typer.Option(help="Hits on a page, the query itself among them.")] = 11,
) -> None:
    """Search and write a page a query."""
    engine = assembly.open_engine(index, load_settings())
    files = engine.catalog.files()
    queries = group_queries(read_groups(dataset / f"groups_{split}.json", files), files)
    for place in np.sort(np.random.default_rng(0).choice(len(queries), count, replace=False)).tolist():
        query = queries[place]
        picture = read_picture(dataset / "images" / query.name)
        result = engine.search(picture, top)
        right = [hit.rank for hit in result.hits if hit.number in query.relevant]
        shown = QueryOnPage(query.name, picture, result.views)
        facts = {"relevant": len(query.relevant), "found at ranks": ", ".join(map(str, right)) or "none"}
        reasons = page_reasons(engine, result)
        page = results_page(shown, result.hits, None, result.timings_ms, facts, reasons)
        write_text(out / f"{Path(query.name).stem}.html", page)
        typer.echo(f"{query.name}: {len(right)} of {len(query.relevant)} in the first {top}")


if __name__ == "__main__":
    typer.run(main)
