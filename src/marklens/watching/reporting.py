"""Write what waits in the state as reports: a page and a table each, under a path that no other has."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loguru import logger

from marklens.core.artifacts import write_text
from marklens.core.attributes import CLASS_NAMES, first_of
from marklens.core.errors import DiskSpaceError
from marklens.core.types import CHANNELS, Fault
from marklens.pages.reasons import Overlay, Patch
from marklens.pages.watch_page import Case, ConflictCard, Party, watch_page
from marklens.risk import OWNER_NAMES, STATUS_NAMES
from marklens.watching.conflicts import Conflict, link_of
from marklens.watching.filings import DATE_NAMES
from marklens.watching.state import Report, WatchState

REPORT_CONFLICTS = 500
"""A page with so many pictures has about 15 MB."""
TABLE = ".csv"
_FACTS = {
    "filed": DATE_NAMES,
    "Nice": CLASS_NAMES,
    "status": STATUS_NAMES,
    "owner": OWNER_NAMES,
    "office": ("office",),
}
_FORMULA = re.compile(r'(^|[;\t\r\n])(?=["\t\r]*[=+@-])|^(?=[\t\r])')
"""Where a spreadsheet sees a formula, also one that takes ; or a tab for the end of a cell; registers hold
what strangers write."""


def write_unwritten(state: WatchState) -> Iterator[tuple[Report, list[Conflict]]]:
    """Write the reports that a run had opened when it ended early, where it meant to.

    Where that cannot be, what one tells waits for the next report.
    """
    for report in state.unwritten():
        try:
            conflicts = _write(state, report)
        except (OSError, DiskSpaceError) as error:
            state.unbind(report)
            logger.warning("{} cannot be written ({}): the next report tells it", report.path, error)
            continue
        yield report, conflicts


def write_waiting(
    state: WatchState, wanted: Path, facts: Mapping[str, str], most: int = REPORT_CONFLICTS
) -> Iterator[tuple[Report, list[Conflict]]]:
    """Write reports until no conflict waits; without any, an empty page where nothing stands.

    Args:
        state: what is remembered.
        wanted: path of the page. Where a report stands already, a number is put to the name.
        facts: name to value for the footers.
        most: conflicts of one report, see `WatchState.bind`.
    """
    empty = not state.waiting() and not wanted.exists()
    while empty or state.waiting():
        report, empty = state.bind(_free(state, wanted), facts, most), False
        yield report, _write(state, report)


def _free(state: WatchState, wanted: Path) -> Path:
    """The wanted path, or that with the first number that is free for the page and its table."""
    number, path = 1, wanted
    while any(each.exists() for each in (path, path.with_suffix(TABLE))) and not state.is_empty_page(path):
        number += 1
        path = wanted.with_stem(f"{wanted.stem}-{number}")
    return path


def _write(state: WatchState, report: Report) -> list[Conflict]:
    """Both files, then the mark that they are there; the same again gives the same bytes.

    Returns:
        the conflicts, without the pictures: those of many reports would fill the memory.
    """
    filings = state.conflicts_of(report)
    conflicts = [conflict for _, found in filings for conflict in found]
    write_text(report.path.with_suffix(TABLE), conflicts_table(conflicts))
    write_text(report.path, conflicts_page(filings, state.faults_of(report), report.facts))
    state.mark_written(report)
    return [replace(conflict, shown={}) for conflict in conflicts]


def conflicts_page(
    filings: Sequence[tuple[str | None, Sequence[Conflict]]],
    faults: Sequence[Fault],
    facts: Mapping[str, str],
) -> str:
    """The page of a report.

    Args:
        filings: picture and conflicts of each.
        faults: what could not be looked at.
        facts: name to value for the footer.
    """
    cases = [_case(picture, found) for picture, found in filings]
    return watch_page(cases, [(fault.item, f"{fault.kind}: {fault.reason}") for fault in faults], facts)


def _case(picture: str | None, conflicts: Sequence[Conflict]) -> Case:
    cards, left_out = [_card(conflict) for conflict in conflicts], max(one.left_out for one in conflicts)
    return Case(_party(conflicts[0].filing, picture), cards, left_out)


def _card(conflict: Conflict) -> ConflictCard:
    shown = conflict.shown
    return ConflictCard(
        _party(conflict.mark, shown.get("picture")),
        conflict.score,
        [(name, score) for name, score in conflict.scores.items() if score is not None],
        conflict.views,
        [_overlay(one) for one in shown.get("overlays", ())],
        [(ours, theirs) for ours, theirs in shown.get("sounds", ())],
        shown.get("language", ""),
        conflict.risk.level,
        conflict.risk.reasons,
    )


def _overlay(document: Mapping[str, Any]) -> Overlay:
    patches = tuple(Patch(**patch) for patch in document["patches"])
    return Overlay(document["kind"], document["picture"], patches)


def _party(mark: Mapping[str, Any], picture: str | None) -> Party:
    return Party(
        mark["words"] or mark["id"], picture, link_of(mark["attributes"]), list(_facts(mark).items())
    )


def _facts(mark: Mapping[str, Any]) -> dict[str, str]:
    """What a person wants to know of a mark, as far as it is known."""
    known = {name: first_of(mark["attributes"], names) for name, names in _FACTS.items()}
    known["filed"] = known["filed"] or (str(mark["year"]) if mark["year"] else None)
    facts = {"number": mark["id"], "file": mark["file"], **known, "Vienna": " ".join(mark["vienna_codes"])}
    return {name: value for name, value in facts.items() if value}


def conflicts_table(conflicts: Sequence[Conflict]) -> str:
    """The table of a report, as CSV: one line a conflict."""
    sides = ("number", "file", "words", *_FACTS, "Vienna", "link")
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(
        [
            *(f"filing {name}" for name in sides), *(f"mark {name}" for name in sides),
            "score", *CHANNELS, "risk", "reasons", "left out",
        ]
    )  # fmt: skip
    for conflict in conflicts:
        cells = [
            {**_facts(mark), "words": mark["words"], "link": link_of(mark["attributes"])}.get(name)
            for mark in (conflict.filing, conflict.mark)
            for name in sides
        ]
        scores = [conflict.score, *(conflict.scores[name] for name in CHANNELS)]
        shown = ["" if score is None else f"{score:.4f}" for score in scores]
        reasons = _cell("; ".join(conflict.risk.reasons))
        lines.writerow([*map(_cell, cells), *shown, conflict.risk.level, reasons, conflict.left_out or ""])
    return out.getvalue()


def _cell(text: str | None) -> str:
    """A text that no spreadsheet takes for a formula."""
    return "" if text is None else _FORMULA.sub(r"\1'", text)
