"""`marklens repeat`: the search of a report, on the index of today."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marklens.cli.options import IndexOption, JsonOption, print_json
from marklens.cli.search import print_hits

if TYPE_CHECKING:
    from marklens.opened.record import Changes

NAMED = 10
"""Ids that are named, of those that are new or gone."""


def repeat(
    report: Annotated[
        Path, typer.Argument(help="A page of search --html, or a document of --json.", show_default=False)
    ],
    index: IndexOption,
    image: Annotated[
        list[Path] | None,
        typer.Option(help="Where the picture is now; repeat for several.", show_default="as the report says"),
    ] = None,
    as_json: JsonOption = False,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Also write a new page.")] = None,
) -> None:
    """Search again as a report tells, and say what has changed since.

    The question and the settings are the report's. Compared are the index (its manifest), the network, the
    picture, the settings, and the hits: which are new, which are gone.

    Example: marklens repeat results.html --index my-index
    """
    from marklens.core.artifacts import write_text
    from marklens.opened.repeating import repeat as run

    hits, changes = run(report, index, image or ())
    if html is not None:
        write_text(html, hits.to_html())
    if as_json:
        print_json({**hits.to_dict(), "changes": asdict(changes)})
        return
    print_hits(hits, html)
    for line in _told(changes):
        typer.echo(line)


def _told(changes: "Changes") -> list[str]:
    """A line for each thing that was compared."""
    same = {
        "index": changes.same_index,
        "network": changes.same_model,
        **({} if changes.same_pictures is None else {"picture": changes.same_pictures}),
        "Marklens": changes.same_marklens,
        "settings": changes.same_settings,
        "hits": changes.same_hits,
    }
    lines = [f"Since {changes.since}:"]
    lines += [f"  {name}: {'the same' if is_same else 'changed'}" for name, is_same in same.items()]
    for word, ids in (("new", changes.new), ("gone", changes.gone)):
        more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
        lines += [f"  {word}: {', '.join(ids[:NAMED])}{more}"] if ids else []
    return lines
