"""Time by stage."""

from time import perf_counter

from marklens.core.errors import Interrupted
from marklens.core.resources import StopFlag


class Stopwatch:
    """Adds up the time between laps; it starts when it is made.

    Args:
        stop: looked at with every lap, so that work which nobody waits for any more ends between two stages.
    """

    def __init__(self, stop: StopFlag | None = None) -> None:
        self._stop = stop
        self.seconds: dict[str, float] = {}
        """By stage, in the order of their first laps."""
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """The time since the last lap was spent on this stage.

        Raises:
            Interrupted: the flag is set.
        """
        if self._stop:
            raise Interrupted(f"stopped after the stage {stage}: run the same command to go on")
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
