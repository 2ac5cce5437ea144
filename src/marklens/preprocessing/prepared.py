"""What became of marks whose views were wanted, and who makes them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from marklens.core.types import Fault, Mark
from marklens.preprocessing.pipeline import PreparedMark


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of one mark: either views or a fault.

    Attributes:
        mark: whose views.
        result: None where there is a fault.
        mask: the text mask's run lengths, see `mask_store`; None where there is no text.
        fault: why there are no views.
        decode_seconds: spent on reading the picture.
    """

    mark: Mark
    result: PreparedMark | None
    mask: bytes | None
    fault: Fault | None
    decode_seconds: float = 0.0


class Preparer(Protocol):
    """Makes views of groups of marks, in order."""

    def prepare(self, groups: Iterable[Sequence[Mark]]) -> Iterator[list[Prepared]]:
        """Yield each group's outcome."""
        ...

    def close(self) -> None:
        """End the workers."""
        ...
