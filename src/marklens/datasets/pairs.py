"""Pairs of marks that are probably alike, or not: from brands, and from Vienna codes weighed by their rarity.

Marks that share a frequent code (``26.01``, circles) need not look alike; marks that share two rare ones
mostly do. So codes count by their inverse document frequency, and the likeness of two marks is the weighted
overlap Σ idf(shared) / Σ idf(either). Letters (27) and colours (29) say little of a look and are left out.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Literal

import numpy as np

from marklens.core.file_names import FileFinder
from marklens.core.types import Fault
from marklens.datasets.vienna import category_of, described

Grade = Literal["gold", "strong", "weak", "duplicate"]

IGNORED = ("27", "29")
STRONG_SCORE, STRONG_CODES = 0.6, 2
"""Overlap and shared codes from which a pair is graded strong."""
WEAK_SCORE = 0.25
"""Overlap below which marks are no pair at all."""
KEY_LENGTHS = (4, 3, 2, 1)
"""Marks are compared that have this many of their rarest codes in common."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two marks and why they are a pair.

    Attributes:
        a, b: file names.
        grade: ``gold`` for one brand, ``duplicate`` for one picture, ``strong`` or ``weak`` by codes.
        score: weighted overlap of the codes, 0..1; 1 for gold and duplicates.
        evidence: the group, or every shared code with its name, marks and idf, or the categories that differ.
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
        a_mark: pairs that one mark may be in.
        count: pairs by codes in each file; gold pairs and duplicates come on top.
        seed: of every choice.
    """

    a_mark: int = 3
    count: int = 10_000
    seed: int = 0


class CodePairs:
    """Finds pairs by Vienna codes.

    Args:
        files: of the marks.
        codes: of each mark.
        ignored: categories that do not count.
    """

    def __init__(
        self, files: Sequence[str], codes: Sequence[Sequence[str]], ignored: Collection[str] = IGNORED
    ) -> None:
        self._files = files
        self._marks = Counter(code for bearer in codes for code in set(bearer))
        self._idf = {code: log(len(files) / count) for code, count in self._marks.items()}
        self._codes = [
            tuple(
                sorted({code for code in bearer if category_of(code) not in ignored}, key=self._rarest_first)
            )
            for bearer in codes
        ]

    def similar(self, limits: PairLimits) -> list[Pair]:
        """The pairs with the largest overlap, no mark in more than `limits.a_mark` of them."""
        scored = {pair: self._overlap(*pair) for pair in self._candidates(limits)}
        best = sorted(scored, key=lambda pair: (-scored[pair], pair))
        used: Counter[int] = Counter()
        pairs: list[Pair] = []
        for first, second in best:
            score = scored[first, second]
            if score < WEAK_SCORE or len(pairs) == limits.count:
                break
            if max(used[first], used[second]) < limits.a_mark:
                used.update((first, second))
                pairs.append(self._similar(first, second, score))
        return pairs

    def dissimilar(self, limits: PairLimits) -> list[Pair]:
        """Random pairs of marks that share no category; strong where both have two codes or more."""
        random = np.random.default_rng(limits.seed)
        coded = [number for number, codes in enumerate(self._codes) if codes]
        used: Counter[int] = Counter()
        pairs: dict[tuple[int, int], Pair] = {}
        tries = 20 * limits.count if len(coded) > 1 else 0
        for first, second in random.choice(coded, (tries, 2)).tolist() if tries else ():
            if len(pairs) == limits.count:
                break
            pair = (min(first, second), max(first, second))
            mine, theirs = ({category_of(code) for code in self._codes[number]} for number in pair)
            if mine & theirs or pair in pairs or max(used[first], used[second]) >= limits.a_mark:
                continue
            used.update(pair)
            grade: Grade = "strong" if min(len(self._codes[number]) for number in pair) > 1 else "weak"
            evidence = {"categories": [sorted(mine), sorted(theirs)]}
            pairs[pair] = Pair(self._files[pair[0]], self._files[pair[1]], grade, 0.0, evidence)
        return list(pairs.values())

    def _candidates(self, limits: PairLimits) -> Iterator[tuple[int, int]]:
        """Marks with their rarest codes in common; in a crowd each meets the next ones in a random order."""
        random = np.random.default_rng(limits.seed)
        for length in KEY_LENGTHS:
            crowds: dict[tuple[str, ...], list[int]] = {}
            for number, codes in enumerate(self._codes):
                if len(codes) >= length:
                    crowds.setdefault(codes[:length], []).append(number)
            for crowd in crowds.values():
                order = [crowd[place] for place in random.permutation(len(crowd)).tolist()]
                for step in range(1, min(limits.a_mark, len(order) - 1) + 1):
                    for first, second in zip(order, order[step:], strict=False):
                        yield min(first, second), max(first, second)

    def _overlap(self, first: int, second: int) -> float:
        mine, theirs = set(self._codes[first]), set(self._codes[second])
        either = sum(self._idf[code] for code in mine | theirs)
        return sum(self._idf[code] for code in mine & theirs) / either if either else 0.0

    def _similar(self, first: int, second: int, score: float) -> Pair:
        shared = [code for code in self._codes[first] if code in self._codes[second]]
        evidence = [
            {
                "code": code,
                "name": described(code),
                "marks": self._marks[code],
                "idf": round(self._idf[code], 4),
            }
            for code in shared
        ]
        strong = score >= STRONG_SCORE and len(shared) >= STRONG_CODES
        grade: Grade = "strong" if strong else "weak"
        return Pair(self._files[first], self._files[second], grade, round(score, 4), {"shared": evidence})

    def _rarest_first(self, code: str) -> tuple[int, str]:
        return self._marks[code], code


def group_pairs(
    grade: Literal["gold", "duplicate"],
    groups: Iterable[tuple[str, Sequence[str]]],
    files: Sequence[str],
    a_mark: int,
    on_fault: Callable[[Fault], None],
) -> list[Pair]:
    """Pairs out of groups of files that belong together, each file in at most `a_mark` or so.

    Args:
        grade: of all these pairs.
        groups: name and files of each.
        files: of the dataset's marks.
        a_mark: neighbours in the group that a file is paired with.
        on_fault: hears of files that the dataset does not hold.
    """
    find, pairs = FileFinder(dict(enumerate(files))).find, []
    for name, members in groups:
        numbers: list[int] = []
        for member in members:
            found = find(member)
            if len(found) == 1:
                numbers += found
            else:
                on_fault(Fault(member, "unknown-file", f"the group {name!r} names it"))
        for step in range(1, a_mark // 2 + 1 + a_mark % 2):
            for first, second in zip(numbers, numbers[step:], strict=False):
                pairs.append(Pair(files[first], files[second], grade, 1.0, {"group": name}))
    return pairs
