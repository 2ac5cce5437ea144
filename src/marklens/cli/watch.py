"""`marklens watch`: which new filings come near to our marks?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marklens.cli.options import (
    IndexOption,
    JsonOption,
    ViennaOption,
    WhereOption,
    YearsOption,
    print_json,
)
from marklens.cli.progress import shown_progress
from marklens.core.wording import counted

if TYPE_CHECKING:
    from marklens.opened.watching import Watched

FOUND = 3
"""Exit status of --fail-on-new where there is something new."""


def watch(
    filings: Annotated[
        Path,
        typer.Argument(
            metavar="new_marks",
            help="The new filings: an L3D folder, a folder of pictures, or a CSV/JSONL manifest.",
            show_default=False,
        ),
    ],
    index: IndexOption,
    out: Annotated[
        Path,
        typer.Option(
            dir_okay=False, help="The page of the report; a CSV goes beside it.", show_default=False
        ),
    ],
    threshold: Annotated[
        float, typer.Option(min=0, max=1, help="Least score of a conflict, on the scale of 'search'.")
    ] = 0.6,
    name_threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Also marks whose names are so alike, whatever they look like.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=1, help="How many conflicts of one filing, and as many more by name.")
    ] = 10,
    state: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="What was looked at and told.", show_default="watch.sqlite beside the report"
        ),
    ] = None,
    portfolio: Annotated[
        Path | None,
        typer.Option(help="Only these marks of the index: a file of ids, one a line.", show_default=False),
    ] = None,
    vienna: ViennaOption = None,
    years: YearsOption = None,
    where: WhereOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="Only filings of this day or later: 2026-08-01, 2026-08 or 2026.", show_default=False
        ),
    ] = None,
    read: Annotated[
        bool, typer.Option("--read", help="Read names off the pictures of filings without a text.")
    ] = False,
    recheck: Annotated[
        bool,
        typer.Option(
            "--recheck",
            help="Look again at filings that were looked at with another index or other settings.",
        ),
    ] = False,
    fail_on_new: Annotated[
        bool, typer.Option("--fail-on-new", help=f"Exit status {FOUND} where there are new conflicts.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look through new filings for marks that come near to those of a portfolio, and report what is new.

    Each filing is searched for among the marks of the index. What was looked at and reported is remembered,
    so the next call reports only what is new; a call that was stopped or killed goes on where it was, and
    reports nothing twice. A report never takes the place of another: where --out is taken, its name gets a
    number.

    --portfolio, --vienna, --years and --where choose marks of the index, --since chooses filings.

    Exit status: 0 done, whether or not there are conflicts (3 with --fail-on-new if there are new ones),
    1 the work failed or was stopped, 2 the call was wrong.

    Example: marklens watch new-filings --index my-marks --out reports/today.html --threshold 0.6
    """
    from marklens.core.resources import graceful_stop
    from marklens.opened.watching import WatchRequest
    from marklens.opened.watching import watch as run
    from marklens.questions import make_filter, read_ids
    from marklens.settings import load_settings
    from marklens.watching.conflicts import Criteria
    from marklens.watching.filings import read_day

    wanted = make_filter(vienna or (), years, where or (), ids=read_ids(portfolio) if portfolio else None)
    criteria = Criteria(threshold, name_threshold, top, wanted, read)
    day = read_day(since) if since else None
    request = WatchRequest(filings, index, out, criteria, day, state, recheck)
    with shown_progress() as progress, graceful_stop() as stop:
        watched = run(request, load_settings(), progress, stop)
    _tell(watched, as_json)
    if fail_on_new and watched.conflicts:
        raise typer.Exit(FOUND)


def _tell(watched: "Watched", as_json: bool) -> None:
    from dataclasses import asdict

    from loguru import logger

    looked = watched.looked
    if looked.outdated:
        logger.warning(
            "{} looked at before with another {}: --recheck looks at them again",
            counted(looked.outdated, "filing"), ", ".join(looked.differs),
        )  # fmt: skip
    conflicts = [conflict.document() for conflict in watched.conflicts]
    if as_json:
        counts = {"checked": looked.checked, "known": looked.known, "before_since": looked.before}
        print_json(
            {
                **counts,
                "outdated": {"filings": looked.outdated, "differs": list(looked.differs)},
                "faults": [asdict(fault) for fault in looked.faults],
                "conflicts": conflicts,
                "reports": [str(report.path) for report, _ in watched.reports],
            }
        )
        return
    parts = [f"{counted(looked.checked, 'filing')} looked at", f"{looked.known:,} known"]
    parts += [f"{looked.before:,} filed before"] if looked.before else []
    parts += [counted(len(looked.faults), "fault")] if looked.faults else []
    typer.echo(", ".join(parts) + ".")
    typer.echo(f"{counted(len(conflicts), 'new conflict')}." if conflicts else "Nothing new.")
    for report, _ in watched.reports:
        typer.echo(f"The report is {_shortened(report.path)}.")


def _shortened(path: Path) -> Path:
    """A path from the working folder, where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
