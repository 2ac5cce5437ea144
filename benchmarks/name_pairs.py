"""Pairs of marks that offices and courts compared (``data/confusable_names.tsv``), and unrelated ones."""

import hashlib
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PAIRS = Path(__file__).with_name("data") / "confusable_names.tsv"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two marks that were compared by an office or a court.

    Attributes:
        name: the later mark.
        other: the earlier one.
        confused: whether they were found confusingly similar.
        checked: whether the decision or a guideline that quotes it was read for the list.
    """

    name: str
    other: str
    confused: bool
    checked: bool

    @property
    def development(self) -> bool:
        """Whether the pair may be looked at when weighings are chosen: every third, by its hash."""
        return hashlib.sha256((self.name + self.other).encode()).digest()[0] % 3 == 0


def pairs() -> list[Pair]:
    """The list of pairs."""
    lines = [line for line in PAIRS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = [line.split("\t") for line in lines[1:]]
    return [Pair(row[0], row[1], row[2] == "confusion", row[4] == "yes") for row in rows]


def unrelated(some: Sequence[Pair], count: int, seed: int) -> list[tuple[str, str]]:
    """Pairs of marks of the list that nobody compared, nor any two partners of theirs."""
    draw = random.Random(seed)
    partners: dict[str, set[str]] = defaultdict(set)
    for pair in some:
        partners[pair.name].add(pair.other)
        partners[pair.other].add(pair.name)
    marks = sorted(partners)
    found: list[tuple[str, str]] = []
    while len(found) < count:
        one, other = draw.sample(marks, 2)
        if other not in partners[one] and not partners[one] & partners[other]:
            found.append((one, other))
    return found


def area(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Area under the receiver operating curve: the chance that a positive scores higher, ties count half."""
    higher, lower = np.array(positive)[:, None], np.array(negative)
    return float((higher > lower).mean() + 0.5 * (higher == lower).mean())
