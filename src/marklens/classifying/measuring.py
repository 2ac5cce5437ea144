"""How good suggestions are: marks with codes take their turn as the new mark."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from marklens.classifying.voting import SHARPNESS, Bearers, Level, Neighbour, Suggestion, cut, suggest
from marklens.core.errors import UsageError

DEPTHS = (1, 3, 5)
BINS = 5
"""Of the confidence, each a fifth wide."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A mark whose codes are known, and its neighbours without itself."""

    codes: tuple[str, ...]
    neighbours: Sequence[Neighbour]


@dataclass(frozen=True, slots=True)
class Measured:
    """Suggestions measured; means over the marks.

    Attributes:
        marks: that were asked for.
        precision: right ones among the first k, divided by k, for each k of `DEPTHS`.
        recall: share of a mark's codes among the first k.
        usual_precision, usual_recall: the same if everybody were given the most frequent codes.
        reliability: for each bin of the confidence: its mean, the share that was right, how many.
    """

    marks: int
    precision: dict[int, float]
    recall: dict[int, float]
    usual_precision: dict[int, float]
    usual_recall: dict[int, float]
    reliability: tuple[tuple[float, float, int], ...]

    def to_json(self) -> dict[str, Any]:
        """The document of ``marklens vienna evaluate --json``."""
        names = ("confidence", "right", "count")
        bins = [dict(zip(names, held, strict=True)) for held in self.reliability]
        return {**asdict(self), "reliability": bins}


def measure(
    asked: Iterable[HeldOut], bearers: Bearers, level: Level, sharpness: float = SHARPNESS
) -> Measured:
    """Suggest codes for every mark and compare them with its own; each mark is left out of `bearers` first.

    Args:
        asked: marks with their neighbours.
        bearers: how usual the codes of this level are, over all marks.
        level: at which codes are suggested.
        sharpness: exponent of the scores.

    Raises:
        UsageError: no mark has codes of this level.
    """
    most = tuple(sorted(bearers.counts, key=lambda code: (-bearers.counts[code], code)))[: max(DEPTHS)]
    rows: list[tuple[frozenset[str], tuple[Suggestion, ...]]] = []
    for one in asked:
        own = frozenset(cut(one.codes, level))
        if own:
            rows.append((own, suggest(one.neighbours, bearers.without(own), level, max(DEPTHS), sharpness)))
    if not rows:
        raise UsageError(f"no mark of this index has Vienna codes at the level {level} to measure with")
    given = [(own, tuple(each.code for each in found)) for own, found in rows]
    usual = [(own, most) for own, _ in rows]
    return Measured(
        len(rows), _precision(given), _recall(given), _precision(usual), _recall(usual), _reliability(rows)
    )


Given = Sequence[tuple[Collection[str], Sequence[str]]]
"""For each mark its own codes, and those suggested."""


def _precision(given: Given) -> dict[int, float]:
    return {k: _mean([_right(own, codes[:k]) / k for own, codes in given]) for k in DEPTHS}


def _recall(given: Given) -> dict[int, float]:
    return {k: _mean([_right(own, codes[:k]) / len(own) for own, codes in given]) for k in DEPTHS}


def _right(own: Collection[str], codes: Sequence[str]) -> int:
    return sum(code in own for code in codes)


def _reliability(
    rows: Sequence[tuple[Collection[str], Sequence[Suggestion]]],
) -> tuple[tuple[float, float, int], ...]:
    """Mean confidence, share that is right and number of the suggestions, for each bin that holds any."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for own, found in rows:
        for each in found:
            bins[min(BINS - 1, int(each.confidence * BINS))].append((each.confidence, each.code in own))
    return tuple(
        (_mean([sure for sure, _ in held]), _mean([float(right) for _, right in held]), len(held))
        for held in bins
        if held
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
