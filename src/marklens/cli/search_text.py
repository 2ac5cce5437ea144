"""`marklens search-text`: which marks are called like this?"""

from typing import Annotated

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
from marklens.cli.search import print_hits
from marklens.core.errors import UsageError


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
    from marklens.opened.index import Index
    from marklens.opened.question import Question
    from marklens.questions import make_filter

    question = Question(text=text, top=top, wanted=make_filter(vienna or (), years, where or ()))
    if explain and not as_json:
        raise UsageError("--explain belongs to --json")
    with Index.open(index) as opened:
        hits = opened.ask(question)
        if as_json:
            print_json(hits.to_dict(explain))
        else:
            print_hits(hits)
