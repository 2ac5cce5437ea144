"""A dataset of given marks, for benchmarks that choose or plant them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from marklens.core.types import Fault, Mark


@dataclass(frozen=True, slots=True)
class ChosenMarks:
    """These marks and no others, in this order."""

    root: Path
    chosen: tuple[Mark, ...]

    def count(self) -> int:
        """How many marks."""
        return len(self.chosen)

    def marks(self, on_fault: Callable[[Fault], None]) -> Iterator[Mark]:
        """All of them."""
        yield from self.chosen
