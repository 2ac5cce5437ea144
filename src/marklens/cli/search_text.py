"""`marklens search-text`: which marks are called like this?"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from marklens.cli.explaining import reason_document
from marklens.cli.options import (
    ExplainOption,
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
from marklens.cli.search import hit_document, print_hits
from marklens.core.errors import UsageError

if TYPE_CHECKING:
    from marklens.core.types import Filter
    from marklens.engine import SearchResult


def search_text(
    text: Annotated[str, typer.Argument(help="The name to search for.", show_default=False)],
    index: IndexOption,
    top: TopOption = 10,
    vienna: ViennaOption = None,
    years: YearsOption = None,
    where: WhereOption = None,
    explain: ExplainOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find the marks whose words look or sound most like a name.

    Sounds are compared in five languages, letters beside them; legal forms, accents, case and the order of
    words count little, and a name inside a longer one is found. Marks whose dataset gives no text are found
    by the words read off their pictures.

    Example: marklens search-text "Kwik Kopy" --index my-index
    """
    from marklens.assembly import open_engine
    from marklens.settings import load_settings

    wanted = make_filter(vienna or (), years, where or ())
    require_words(text)
    if explain and not as_json:
        raise UsageError("--explain belongs to --json")
    engine = open_engine(index, load_settings())
    result = engine.search_text(text, top, wanted)
    if as_json:
        document = _document(text, result, wanted)
        if explain:
            for row, hit in zip(document["hits"], result.hits, strict=True):
                row["reason"] = reason_document(engine.explain(result, hit))
        print_json(document)
    else:
        print_hits(result.hits, dict(result.timings_ms), None)


def _document(text: str, result: "SearchResult", wanted: "Filter") -> dict[str, Any]:
    return {
        "query": {
            "text": text,
            **filter_document(wanted),
        },
        "hits": [hit_document(hit) for hit in result.hits],
        "timings_ms": {stage: round(value, 3) for stage, value in result.timings_ms.items()},
    }
