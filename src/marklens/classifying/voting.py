"""Neighbours vote for the codes of a new mark; frequent codes do not win by being frequent.

A neighbour's vote weighs ``score ** SHARPNESS``. Of a code, ``share`` is the weight of the neighbours that
bear it over that of all. A code that stands on 29 % of all marks has 29 % of the votes of marks drawn at
random, so what counts is agreement beyond chance: (share - usual) / (1 - usual), as in Cohen's kappa (1960),
where ``usual`` is the share of the marks that bear the code. That is the confidence, 0..1.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Level = Literal["category", "division", "section"]
PARTS: Mapping[Level, int] = {"category": 1, "division": 2, "section": 3}
"""How many parts of a code count: ``26``, ``26.04``, ``26.04.01``."""
SHARPNESS = 4.0
"""Of 1, 2, 4 and 8 the best, and then the confidence is about how often a code is right; see
benchmarks/vienna_suggestions.py."""
NEIGHBOURS = 20
"""Marks that vote."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A mark like the new one.

    Attributes:
        id: of the mark.
        file: of its picture.
        score: how alike, 0..1.
        codes: that it bears, as its register gives them.
    """

    id: str
    file: str
    score: float
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bearers:
    """How usual codes are.

    Attributes:
        marks: how many marks have codes.
        counts: of the marks that bear each code.
    """

    marks: int
    counts: Mapping[str, int]

    def usual(self, code: str) -> float:
        """Share of the marks that bear a code, 0..1."""
        return self.counts.get(code, 0) / self.marks if self.marks else 0.0

    def without(self, codes: Collection[str]) -> "Bearers":
        """The same when a mark that bears these has left."""
        left = {code: self.counts.get(code, 1) - 1 for code in codes}
        return replace(self, marks=self.marks - 1, counts={**self.counts, **left})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A code for a new mark.

    Attributes:
        code: cut at the level asked for.
        confidence: agreement of the neighbours beyond chance, 0..1.
        share: of the vote, 0..1.
        usual: share of all marks that bear the code, 0..1.
        neighbours: that speak for it, the most alike first.
    """

    code: str
    confidence: float
    share: float
    usual: float
    neighbours: tuple[Neighbour, ...]


def cut(codes: Collection[str], level: Level) -> tuple[str, ...]:
    """Codes at a level, each once, in their order; those that are given less exactly are left out."""
    parts = PARTS[level]
    exact = (code.split(".")[:parts] for code in codes if code.count(".") + 1 >= parts)
    return tuple(dict.fromkeys(".".join(code) for code in exact))


def suggest(
    neighbours: Sequence[Neighbour],
    bearers: Bearers,
    level: Level = "section",
    top: int = 5,
    sharpness: float = SHARPNESS,
) -> tuple[Suggestion, ...]:
    """Codes that the neighbours agree on beyond chance, best first.

    Args:
        neighbours: most alike first; those without codes of this level have no vote.
        bearers: how usual the codes of this level are.
        level: at which codes are suggested.
        top: how many at most.
        sharpness: exponent of the scores.
    """
    votes: dict[str, list[Neighbour]] = defaultdict(list)
    total = 0.0
    for neighbour in neighbours:
        codes = cut(neighbour.codes, level)
        total += _weight(neighbour, sharpness) if codes else 0.0
        for code in codes:
            votes[code].append(neighbour)
    found = [_suggestion(code, voters, total, bearers, sharpness) for code, voters in votes.items()]
    agreed = [suggestion for suggestion in found if suggestion.confidence > 0]
    return tuple(sorted(agreed, key=lambda each: (-each.confidence, each.usual, each.code))[:top])


def _suggestion(
    code: str, voters: Sequence[Neighbour], total: float, bearers: Bearers, sharpness: float
) -> Suggestion:
    share = sum(_weight(voter, sharpness) for voter in voters) / total if total else 0.0
    usual = bearers.usual(code)
    beyond = (share - usual) / (1 - usual) if usual < 1 else 0.0
    return Suggestion(code, min(1.0, max(0.0, beyond)), min(1.0, share), usual, tuple(voters))


def _weight(neighbour: Neighbour, sharpness: float) -> float:
    return float(max(0.0, neighbour.score) ** sharpness)
