"""Which two views make a pair: four kinds of likeness, mixed by shares."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from marklens.core.errors import UsageError
from marklens.core.types import Ids
from marklens.training.pairs.groups import LEFT_OUT
from marklens.training.pairs.packed_views import PackedViews

PairKind = Literal["two_looks", "two_views", "other_hand", "vienna"]
PAIR_KINDS: tuple[PairKind, ...] = get_args(PairKind)
RARE_SHARE = 0.01
"""Share of the marks that may bear a Vienna code for it to count as rare: "plants" makes nothing alike."""
RARE_COUNT = 20
"""A code on so few marks is rare in any dataset."""


@dataclass(frozen=True, slots=True)
class PositiveShares:
    """How often each kind of pair is drawn; a kind that a mark lacks drops out, the rest keep their ratio.

    Attributes:
        two_looks: two changed copies of one view.
        two_views: full and figurative view of one mark.
        other_hand: two marks of one group: a brand drawn by another hand, near duplicates.
        vienna: two marks that share a rare Vienna code.
    """

    two_looks: float = 0.4
    two_views: float = 0.15
    other_hand: float = 0.4
    vienna: float = 0.05

    def __post_init__(self) -> None:
        if min(self.weights) < 0 or not self.two_looks > 0:
            raise UsageError(
                "shares of positives are not negative, and two_looks is positive: every mark has it"
            )

    @property
    def weights(self) -> tuple[float, ...]:
        """In the order of `PAIR_KINDS`."""
        return tuple(float(getattr(self, field.name)) for field in fields(self))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pairs of a batch.

    Attributes:
        first, second: int64 (n,), places in `PackedViews.pixels`.
        kinds: of each pair.
        groups: int64 (n, 2), of both marks; they differ only where codes made the pair.
    """

    first: Ids
    second: Ids
    kinds: tuple[PairKind, ...]
    groups: Ids


class Positives:
    """Draws the second view of a pair for a mark.

    Args:
        views: where the marks come from.
        shares: of the kinds.
    """

    def __init__(self, views: PackedViews, shares: PositiveShares) -> None:
        self._views, self._weights = views, shares.weights
        self._members = _members(views.groups)
        self._bearers, self._rarity = rare_codes(
            [
                () if group == LEFT_OUT else codes
                for codes, group in zip(views.codes, views.groups, strict=True)
            ]
        )

    def choose(self, marks: Sequence[int], random: np.random.Generator) -> Chosen:
        """Draw a pair for each of these marks."""
        drawn = [self._partner(mark, random) for mark in marks]
        pairs = [
            self._pair(mark, other, kind, random) for mark, (other, kind) in zip(marks, drawn, strict=True)
        ]
        first, second = np.array(pairs, np.int64).reshape(-1, 2).T
        owners = np.array([(mark, other) for mark, (other, _) in zip(marks, drawn, strict=True)], np.int64)
        return Chosen(first, second, tuple(kind for _, kind in drawn), self._views.groups[owners])

    def chances(self, mark: int) -> dict[PairKind, float]:
        """The share of each kind for this mark; they sum to 1."""
        has = (
            True,
            len(self._views.views_of(mark)) > 1,
            int(self._views.groups[mark]) in self._members,
            any(code in self._rarity for code in self._views.codes[mark]),
        )
        weights = [weight * held for weight, held in zip(self._weights, has, strict=True)]
        return {kind: weight / sum(weights) for kind, weight in zip(PAIR_KINDS, weights, strict=True)}

    def _partner(self, mark: int, random: np.random.Generator) -> tuple[int, PairKind]:
        """The mark that the second view is of, the mark itself for most kinds."""
        kind = self._kind(mark, random)
        if kind == "other_hand":
            return _another(self._members[int(self._views.groups[mark])], mark, random), kind
        return (self._other_code(mark, random) if kind == "vienna" else mark), kind

    def _pair(self, mark: int, other: int, kind: PairKind, random: np.random.Generator) -> tuple[int, int]:
        own = self._views.views_of(mark)
        first = own[int(random.integers(len(own)))]
        if kind == "two_looks":
            return first, first
        theirs = [view for view in self._views.views_of(other) if view != first]
        return first, theirs[int(random.integers(len(theirs)))]

    def _kind(self, mark: int, random: np.random.Generator) -> PairKind:
        drawn = random.random()
        for kind, chance in self.chances(mark).items():
            drawn -= chance
            if drawn < 0:
                return kind
        return "two_looks"

    def _other_code(self, mark: int, random: np.random.Generator) -> int:
        codes = [code for code in self._views.codes[mark] if code in self._rarity]
        weights = np.array([self._rarity[code] for code in codes])
        code = codes[int(np.searchsorted(weights.cumsum() / weights.sum(), random.random(), "right"))]
        return _another(self._bearers[code], mark, random)


def rare_codes(codes: Sequence[Sequence[str]]) -> tuple[dict[str, Ids], dict[str, float]]:
    """The rare Vienna codes that at least two marks bear: who bears them, and their weight.

    The weight is the squared inverse document frequency, ln(marks / bearers)² (Spärck Jones 1972): a code
    borne by two weighs a few times as much as one borne by a hundredth.

    Args:
        codes: of every mark.
    """
    bearers: defaultdict[str, list[int]] = defaultdict(list)
    for mark, of_mark in enumerate(codes):
        for code in dict.fromkeys(of_mark):
            bearers[code].append(mark)
    most = max(RARE_COUNT, RARE_SHARE * len(codes))
    rare = {code: np.array(marks) for code, marks in bearers.items() if 2 <= len(marks) <= most}
    return rare, {code: float(np.log((1 + len(codes)) / len(marks)) ** 2) for code, marks in rare.items()}


def _members(groups: Ids) -> dict[int, Ids]:
    """The marks of every group of two and more."""
    order = np.argsort(groups, kind="stable")
    pieces = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    return {
        int(groups[piece[0]]): piece for piece in pieces if len(piece) > 1 and groups[piece[0]] != LEFT_OUT
    }


def _another(marks: npt.NDArray[np.int64], mark: int, random: np.random.Generator) -> int:
    """One of some sorted marks, but not this one."""
    place = int(random.integers(len(marks) - 1))
    return int(marks[place + (place >= np.searchsorted(marks, mark))])
