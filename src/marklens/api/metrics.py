"""What the service measures of itself, for Prometheus."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The meters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._stages = Histogram(
            "marklens_stage_seconds", "Time of a search by stage.", ["stage"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self._requests = Histogram(
            "marklens_request_seconds", "Time of a request, to the end of its answer.", ["route", "status"],
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self._problems = Counter(
            "marklens_problems", "Answers that are errors.", ["kind"], registry=self.registry
        )

    def stages(self, timings_ms: Mapping[str, float]) -> None:
        """Note a search."""
        for stage, milliseconds in timings_ms.items():
            self._stages.labels(stage).observe(milliseconds / 1e3)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Note a request; `route` is a pattern, so that names of marks make no series."""
        self._requests.labels(route, str(status)).observe(seconds)

    def problem(self, kind: str) -> None:
        """Note an answer that is an error."""
        self._problems.labels(kind).inc()

    def gauge(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for when somebody looks."""
        Gauge(f"marklens_{name}", meaning, registry=self.registry).set_function(value)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)
