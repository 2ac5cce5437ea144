"""Look at new filings, each once: every one is a query against the marks of the portfolio."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from loguru import logger

from marklens.core.errors import OF_THE_MACHINE, MarklensError, PictureError
from marklens.core.images import read_file
from marklens.core.ports import Dataset, Progress
from marklens.core.resources import StopFlag
from marklens.core.stopwatch import Stopwatch
from marklens.core.threads import one_blas_thread
from marklens.core.types import Fault, Hit, Mark, Pixels
from marklens.engine import Engine
from marklens.naming import NAMED
from marklens.pages.pictures import data_uri
from marklens.pages.reasons import ReasonOnPage, overlays
from marklens.results import SearchResult
from marklens.text.extractor import words_said
from marklens.watching.conflicts import Conflict, Criteria, make_conflict
from marklens.watching.filings import Key, is_before, key_of
from marklens.watching.state import Known, WatchState

Explain = Callable[[SearchResult, Hit], ReasonOnPage | None]
"""Why a hit is one, for the page; None where that cannot be shown."""
Decode = Callable[[bytes], Pixels]
"""Makes a picture of the bytes of a file."""
AHEAD = 2
"""Searches begun or waiting for each worker."""
PASSING = OF_THE_MACHINE | {"hung", "slow"}
"""Kinds of faults after which a picture is tried again: the machine was busy, a file is on its way."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a run has done with the filings.

    Attributes:
        checked: filings that were searched for.
        known: filings that had been looked at before, and were left alone.
        before: filings of before the day that was asked for.
        outdated: of the known ones, those looked at under another recipe.
        differs: in what those recipes differ from this one.
        faults: what could not be used in this run.
        stopped: whether a signal ended it early.
    """

    checked: int
    known: int
    before: int
    outdated: int
    differs: Sequence[str]
    faults: Sequence[Fault]
    stopped: bool


@dataclass(frozen=True, slots=True)
class _Search:
    """A filing that is searched for.

    Attributes:
        filing: as the delivery has it.
        key: by which it is known.
        known: what was remembered of it before.
        answer: its picture and conflicts, once they are found.
    """

    filing: Mark
    key: Key
    known: Known | None
    answer: "Future[tuple[Pixels, list[Conflict]]]"


class Watcher:
    """Looks at filings by some criteria and remembers what it has seen, in the order of the delivery.

    Args:
        engine: an open index, which holds the portfolio.
        state: what is remembered.
        criteria: what counts as a conflict.
        recipe: number of how filings are looked at, see `WatchState.recipe`.
        decode: makes the pictures.
        explain: why a hit is one.
        since: filings of before this day are passed over.
        recheck: whether filings looked at under another recipe are looked at again.
        workers: filings that are searched for at once.
    """

    def __init__(
        self,
        engine: Engine,
        state: WatchState,
        criteria: Criteria,
        recipe: int,
        decode: Decode,
        explain: Explain,
        since: date | None = None,
        recheck: bool = False,
        workers: int = 1,
    ) -> None:
        self._engine, self._state, self._criteria, self._recipe = engine, state, criteria, recipe
        self._decode, self._explain, self._since, self._recheck = decode, explain, since, recheck
        self._workers = workers
        self._counts: Counter[str] = Counter()
        self._outdated: Counter[int] = Counter()
        self._faults: list[Fault] = []
        self._searches: deque[_Search] = deque()

    def run(self, filings: Dataset, progress: Progress, stop: StopFlag) -> Looked:
        """Look at every filing that is not known, until all are done or a signal comes."""
        progress.start("watch", filings.count())
        pool, stopped = ThreadPoolExecutor(self._workers, "watch"), False
        try:
            with one_blas_thread():
                for filing in filings.marks(self._note):
                    if stop:
                        stopped = True
                        break
                    if not self._meet(filing, pool):
                        progress.advance(1, skipped=True)
                    self._settle(AHEAD * self._workers, progress)
                while stopped and self._searches and self._searches[-1].answer.cancel():
                    self._searches.pop()
                self._settle(0, progress)
        finally:
            pool.shutdown(cancel_futures=True)
        return Looked(
            self._counts["checked"],
            self._counts["known"],
            self._counts["before"],
            self._outdated.total(),
            self._state.differences(self._recipe, list(self._outdated)),
            self._faults,
            stopped,
        )

    def _meet(self, filing: Mark, pool: ThreadPoolExecutor) -> bool:
        """Whether a filing has to be searched for; then that has begun."""
        if self._since is not None and is_before(filing, self._since):
            self._counts["before"] += 1
            return False
        try:
            key = key_of(filing)
        except PictureError as error:
            self._note(Fault(filing.file, error.kind, error.reason))
            return False
        known = self._state.known(key)
        if known is not None and not self._again(known):
            self._counts["known"] += 1
            return False
        told = set() if known is None else self._state.told(known)
        self._searches.append(_Search(filing, key, known, pool.submit(self._look, filing, told)))
        return True

    def _again(self, known: Known) -> bool:
        """Whether a known filing shall be looked at again; counts those that could be."""
        if known.recipe == self._recipe or self._recheck:
            return known.recipe != self._recipe
        self._outdated[known.recipe] += 1
        return False

    def _look(self, filing: Mark, told: Collection[str]) -> tuple[Pixels, list[Conflict]]:
        picture = self._decode(read_file(filing.path))
        return picture, find_conflicts(self._engine, self._criteria, filing, picture, self._explain, told)

    def _settle(self, ahead: int, progress: Progress) -> None:
        """Remember what the oldest searches found, until only so many are left."""
        while len(self._searches) > ahead:
            self._remember(self._searches.popleft())
            progress.advance(1)

    def _remember(self, search: _Search) -> None:
        file, key, known = search.filing.file, search.key, search.known
        try:
            picture, conflicts = search.answer.result()
        except PictureError as error:
            self._note(Fault(file, error.kind, error.reason), key.digest)
            if error.kind not in PASSING:
                self._state.pass_over(key, known, self._recipe)
            return
        except (MarklensError, OSError, MemoryError):
            raise  # not the picture's doing
        except Exception as error:  # one picture never costs the others; it is tried again the next time
            self._note(Fault(file, "failed", f"{type(error).__name__}: {error}"), key.digest)
            return
        self._counts["checked"] += 1
        self._state.remember(key, known, self._recipe, conflicts, data_uri(picture) if conflicts else None)

    def _note(self, fault: Fault, digest: str = "") -> None:
        logger.warning("{}: {}: {}", fault.item, fault.kind, fault.reason)
        self._faults.append(fault)
        self._state.note(fault, digest)


def find_conflicts(
    engine: Engine,
    criteria: Criteria,
    filing: Mark,
    picture: Pixels,
    explain: Explain,
    told: Collection[str] = (),
    stop: StopFlag | None = None,
) -> list[Conflict]:
    """Search for a filing among the marks, and keep what is too alike, best first.

    Args:
        engine: an open index.
        criteria: what counts as a conflict.
        filing: that was made.
        picture: of it.
        explain: why a hit is one.
        told: ids of marks whose conflict with it is in a report already: they take no place of others.
        stop: ends the search early.

    Raises:
        PictureError: the picture cannot be used.
        Interrupted: `stop` was set.
    """
    result = engine.search(
        picture,
        criteria.top,
        criteria.wanted,
        text=words_said(filing.text),
        read=criteria.read,
        stop=stop,
        worth=criteria.worth,
        names=NAMED if criteria.name_threshold is None else engine.depth,
    )
    found, left_out = criteria.chosen([hit for hit in result.hits if hit.mark.id not in told])
    watch, conflicts = Stopwatch(stop), []
    for hit in found:
        conflicts.append(make_conflict(filing, result.text, hit, left_out, _shown(result, hit, explain)))
        watch.lap("reasons")
    return conflicts


def _shown(result: SearchResult, hit: Hit, explain: Explain) -> dict[str, Any]:
    reason = explain(result, hit)
    return {
        "picture": data_uri(hit.mark.path),
        "overlays": [] if reason is None else [asdict(overlay) for overlay in overlays(reason)],
        "sounds": [] if reason is None else list(reason.sounds),
        "language": "" if reason is None else reason.language,
    }
