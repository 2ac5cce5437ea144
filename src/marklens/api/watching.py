"""The watch that a service keeps: filings come one by one, conflicts are fetched by number."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from loguru import logger

from marklens.api.problems import ProblemError
from marklens.core.errors import ArtifactError
from marklens.core.resources import StopFlag
from marklens.core.types import Mark, Pixels
from marklens.engine import Engine
from marklens.opened.reasons import page_reason
from marklens.pages.pictures import data_uri
from marklens.watching.conflicts import Criteria
from marklens.watching.filings import make_key
from marklens.watching.reporting import conflicts_page, conflicts_table
from marklens.watching.state import WatchState
from marklens.watching.state_file import open_state, reporting, require_portfolio
from marklens.watching.watcher import find_conflicts

Recipe = Callable[[Engine, Criteria], Mapping[str, Any]]
"""How filings are looked at, see `watching.recipe`."""


class ServedWatch:
    """A state of `marklens watch` that many requests share.

    Args:
        path: of the state; no other watch may have it.
        recipe: of the index that an engine has open, whatever lies on the disk by now.
        index: the folder of the index that is watched.

    Raises:
        UsageError: another watch has the state, it is of another index, or the file is something else.
        ArtifactError: it is damaged, or of another version.
    """

    def __init__(self, path: Path, recipe: Recipe, index: Path) -> None:
        self._path, self._recipe = path, recipe
        with ExitStack() as opened:
            self._known_state = opened.enter_context(open_state(path, any_thread=True))
            require_portfolio(self._known_state, path, index)
            self._open = opened.pop_all()
        self._lock = threading.Lock()

    def look(
        self,
        engine: Engine,
        filing: Mark,
        digest: str,
        decode: Callable[[], Pixels],
        criteria: Criteria,
        stop: StopFlag,
    ) -> dict[str, Any]:
        """Search for a filing and remember it; one that is known is not searched for again.

        Args:
            engine: the index.
            filing: as it came in.
            digest: SHA-256 of its picture.
            decode: makes the picture.
            criteria: what counts as a conflict.
            stop: ends it early; then nothing is remembered.

        Returns:
            the document of the answer.

        Raises:
            PictureError: the picture cannot be used.
            Interrupted: `stop` was set.
        """
        key, document = make_key(filing, digest), self._recipe(engine, criteria)
        with self._state() as state:
            recipe, known = state.recipe(document), state.known(key)
        was_known = known is not None
        if known is None:
            picture = decode()
            conflicts = find_conflicts(
                engine, criteria, filing, picture, partial(page_reason, engine), stop=stop
            )
            shown = data_uri(picture) if conflicts else None
            with self._state() as state:
                if state.known(key) is None:  # the same filing may have come twice at once
                    state.remember(key, None, recipe, conflicts, shown)
        with self._state() as state:
            known = state.known(key)
            assert known is not None
            return {
                "id": filing.id,
                "known": was_known,
                "outdated": known.recipe != recipe,
                "conflicts": state.documents_of(known.number),
            }

    def conflicts(self, after: int, limit: int, least: float) -> dict[str, Any]:
        """Conflicts in the order in which they were found, and where to go on."""
        with self._state() as state:
            found = state.conflicts_after(after, limit, least)
            filings, conflicts = state.counts()
        return {
            "filings": filings,
            "found": conflicts,
            "conflicts": [{"number": number, **document} for number, document in found],
            "next": found[-1][0] if found else after,
        }

    def page(self, after: int, limit: int, least: float) -> str:
        """The same as a page for people."""
        with self._state() as state:
            shown = state.shown_after(after, limit, least)
        return conflicts_page(shown, [], {"least score": f"{least:g}"} if least else {})

    def table(self, after: int, limit: int, least: float) -> str:
        """The same as CSV."""
        with self._state() as state:
            shown = state.shown_after(after, limit, least)
        return conflicts_table([conflict for _, conflicts in shown for conflict in conflicts])

    def close(self) -> None:
        """Let other watches have the state."""
        with self._lock:
            self._open.close()

    @contextmanager
    def _state(self) -> Iterator[WatchState]:
        try:
            with self._lock, reporting(self._path):
                yield self._known_state
        except ArtifactError as error:  # of the state: the index may be in the best of health
            logger.error("{}", error)
            raise ProblemError(500, "watch-broken", "the watch's memory is damaged: see the log") from error


def require_watch(watch: ServedWatch | None) -> ServedWatch:
    """The watch of a service.

    Raises:
        ProblemError: it keeps none.
    """
    if watch is None:
        raise ProblemError(404, "no-watch", "this service keeps no watch: start it with --watch FILE")
    return watch
