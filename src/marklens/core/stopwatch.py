"""Time by stage."""

from time import perf_counter


class Stopwatch:
    """Adds up the time between laps; it starts when it is made."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        """By stage, in the order of their first laps."""
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """The time since the last lap was spent on this stage."""
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
