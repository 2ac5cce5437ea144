"""A watch from its files: an index, new filings, what was told before, the reports."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from loguru import logger

from marklens import __version__
from marklens.assembly import open_engine
from marklens.core.decoding import Decoder
from marklens.core.errors import Interrupted, UsageError
from marklens.core.images import decode
from marklens.core.ports import Progress
from marklens.core.resources import StopFlag
from marklens.core.types import Filter
from marklens.core.wording import counted
from marklens.datasets.opening import open_dataset
from marklens.engine import Engine
from marklens.opened.reasons import page_reason
from marklens.opened.record import now
from marklens.pages.results_page import conditions
from marklens.settings import Settings
from marklens.watching.conflicts import Conflict, Criteria
from marklens.watching.recipe import recipe_of
from marklens.watching.reporting import write_unwritten, write_waiting
from marklens.watching.state import Report
from marklens.watching.state_file import open_state, require_portfolio
from marklens.watching.watcher import Looked, Watcher

STATE = "watch.sqlite"
PAGES = frozenset({".html", ".htm"})
NAMED = 10
"""Ids that the index does not know, in a warning."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What is to be watched.

    Attributes:
        filings: a dataset of new filings.
        index: of the marks that are watched.
        out: the page of the report; a table goes beside it.
        criteria: what makes a conflict.
        since: only filings of that day or later.
        state: what was looked at and told; None takes `STATE` beside the report.
        recheck: whether filings are looked at again that were looked at with another index or other settings.
    """

    filings: Path
    index: Path
    out: Path
    criteria: Criteria
    since: date | None = None
    state: Path | None = None
    recheck: bool = False

    def __post_init__(self) -> None:
        if self.out.suffix.lower() not in PAGES:
            raise UsageError(
                f"--out names the page of the report: give a name that ends in .html, not {self.out.name}"
            )


@dataclass(frozen=True, slots=True)
class Watched:
    """What a watch did, and the reports that it wrote, each with its conflicts."""

    looked: Looked
    reports: Sequence[tuple[Report, list[Conflict]]]

    @property
    def conflicts(self) -> list[Conflict]:
        """Those of all reports."""
        return [conflict for _, found in self.reports for conflict in found]


def watch(request: WatchRequest, settings: Settings, progress: Progress, stop: StopFlag) -> Watched:
    """Look through new filings and report what is new; the same call goes on where one was stopped.

    Raises:
        UsageError: no mark of the index is watched, or a file is not there.
        Interrupted: `stop` was set; what was looked at is remembered.
    """
    dataset, out, criteria = open_dataset(request.filings), request.out.absolute(), request.criteria
    workers = settings.build.workers
    with closing(open_engine(request.index, settings)) as engine:
        engine.catalog.connect(workers + 1)  # now, before the index may be changed
        recipe = recipe_of(engine, settings.scoring.model_dump(), settings.search.model_dump(), criteria)
        facts = _facts(request, engine)
        state = request.state or out.with_name(STATE)
        with (
            open_state(state) as remembered,
            closing(Decoder(max(1, workers), settings.build.timeout)) as decoder,
        ):
            require_portfolio(remembered, state, request.index, request.recheck)
            reports = list(write_unwritten(remembered))
            # found by a run that was stopped: they shall not wait for this one, unless it looks at them again
            if remembered.waiting() and not request.recheck:
                reports += write_waiting(remembered, out, facts)
            watcher = Watcher(
                engine,
                remembered,
                criteria,
                remembered.recipe(recipe),
                decoder.decode if workers else decode,
                partial(page_reason, engine),
                request.since,
                request.recheck,
                max(1, workers),
            )
            looked = watcher.run(dataset, progress, stop)
            if looked.stopped:
                raise Interrupted(
                    f"stopped after {counted(looked.checked, 'filing')}: "
                    "what was looked at is remembered, the same call goes on"
                )
            facts["filings looked at in this run"] = f"{looked.checked:,}"
            reports += write_waiting(remembered, out, facts)
    return Watched(looked, reports)


def _facts(request: WatchRequest, engine: Engine) -> dict[str, str]:
    """What it takes to repeat the watch, for the foot of the page."""
    criteria = request.criteria
    facts = {
        "marks watched": f"{_watched(engine, criteria.wanted):,}",
        "index": engine.version[:12],
        "network": engine.recipe["model"]["hash"][:12],
        "threshold": f"{criteria.threshold:g}",
        "conflicts of a filing": f"{criteria.top:,}",
    }
    if criteria.read:
        facts["names"] = "read off the pictures where none are given"
    if criteria.name_threshold is not None:
        facts["name threshold"] = f"{criteria.name_threshold:g}"
    if chosen := conditions(criteria.wanted):
        facts["portfolio"] = ", ".join(chosen)
    if request.since is not None:
        facts["filed since"] = request.since.isoformat()
    return {**facts, "date": now(), "Marklens": __version__}


def _watched(engine: Engine, wanted: Filter) -> int:
    """How many marks of the index are watched.

    Raises:
        UsageError: none is.
    """
    allowed = engine.catalog.allowed(wanted)
    count = engine.catalog.counts().marks if allowed is None else int(allowed.sum())
    if not count:
        raise UsageError("no mark of the index is in that portfolio: widen the filter, or check the ids")
    if wanted.ids is not None and count < len(wanted.ids):
        unknown = sorted(id for id in wanted.ids if engine.catalog.number(id) is None)
        named = ", ".join(unknown[:NAMED]) + (" …" if len(unknown) > NAMED else "")
        logger.warning(
            "{} of the {} ids of --portfolio are watched{}",
            count, len(wanted.ids), f": the index knows no {named}" if unknown else "",
        )  # fmt: skip
    return count
