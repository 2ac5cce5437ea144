"""Pairs of marks that are alike, or not, each with its grade and the evidence for it."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from marklens.datasets.grouping import NumberedGroups

Grade = Literal["gold", "strong", "weak", "duplicate"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two marks and why they are a pair.

    Attributes:
        a, b: file names.
        grade: ``gold`` for one brand, ``duplicate`` for one picture, ``strong`` or ``weak`` by codes.
        score: weighted overlap of the codes, 0..1; 1 for gold and duplicates.
        evidence: the group; or the shared codes and how many marks would bear them all by chance; or the
            categories that differ.
    """

    a: str
    b: str
    grade: Grade
    score: float
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PairLimits:
    """How many pairs are wanted.

    Attributes:
        a_mark: pairs of one file that a mark may be in, whatever their grade.
        count: pairs by codes in each file; gold pairs and duplicates come on top.
        seed: of every choice.
    """

    a_mark: int = 3
    count: int = 10_000
    seed: int = 0


class PairLedger:
    """Remembers which pairs were taken, so that no mark is in too many and no pair stands twice.

    Args:
        a_mark: pairs a mark may be in.
    """

    def __init__(self, a_mark: int) -> None:
        self._a_mark = a_mark
        self._used: Counter[int] = Counter()
        self._taken: set[tuple[int, int]] = set()

    def is_free(self, mark: int) -> bool:
        """Whether a mark may be in one more pair."""
        return self._used[mark] < self._a_mark

    def take(self, first: int, second: int) -> bool:
        """Take a pair of two different marks if both are free and it is new; say whether it was taken."""
        pair = (min(first, second), max(first, second))
        if pair in self._taken or not (self.is_free(first) and self.is_free(second)):
            return False
        self._taken.add(pair)
        self._used.update(pair)
        return True


def group_pairs(
    grade: Literal["gold", "duplicate"], groups: NumberedGroups, files: list[str], ledger: PairLedger
) -> list[Pair]:
    """Pairs out of groups: neighbours in the group first, as far as the ledger lets them.

    Args:
        grade: of all these pairs.
        groups: marks that belong together.
        files: of the dataset's marks.
        ledger: knows the pairs taken so far, and learns these.
    """
    pairs: list[Pair] = []
    for name, numbers in groups:
        free = [place for place, number in enumerate(numbers) if ledger.is_free(number)]
        for step in range(1, len(numbers)):
            if len(free) < 2 or free[-1] - free[0] < step:
                break
            pairs += [
                Pair(files[numbers[place]], files[numbers[place + step]], grade, 1.0, {"group": name})
                for place in free
                if place + step < len(numbers) and ledger.take(numbers[place], numbers[place + step])
            ]
            free = [place for place in free if ledger.is_free(numbers[place])]
    return pairs
