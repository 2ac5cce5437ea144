"""Pairs by Vienna codes, weighed by their rarity.

Marks that share a frequent code (``26.01``, circles) need not look alike; marks that share rare ones mostly
do. So codes count by their inverse document frequency, ln(marks / bearers), and the likeness of two marks is
the weighted overlap Σ idf(shared) / Σ idf(either). Letters (27) and colours (29) say little of a look and are
left out. Σ idf(shared) is also how surprising the shared codes are: marks / exp(Σ idf(shared)) marks would
bear them all by chance, were codes independent. A pair is strong where that is at most one mark.
"""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from marklens.datasets.pairs import Grade, Pair, PairLedger, PairLimits
from marklens.datasets.vienna import category_of, described

IGNORED = ("27", "29")
STRONG_SCORE, STRONG_CHANCE = 0.6, 1.0
"""Overlap from which, and marks by chance up to which, a pair is graded strong."""
WEAK_SCORE = 0.25
"""Overlap below which marks are no pair at all."""
LONGEST_KEY = 6
"""Of a mark's codes so many, the rarest, are joined two by two."""
MEETINGS = 4
"""Marks of a crowd that a mark is compared with, at least: crowds of frequent codes hold 100,000 and more."""
_BATCH = 500_000
_TOLERANCE = 1e-9
"""Equal likeness must not depend on the order in which it was summed up."""

Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


class CodePairs:
    """Finds pairs by Vienna codes.

    Args:
        files: of the marks.
        codes: of each mark.
        clusters: int64 (marks,), equal for marks that belong together; such marks are no pair of any kind.
        ignored: categories that do not count, such as ``27``.
    """

    def __init__(
        self,
        files: Sequence[str],
        codes: Sequence[Sequence[str]],
        clusters: Numbers | None = None,
        ignored: Collection[str] = IGNORED,
    ) -> None:
        self._files, self._marks = files, len(files)
        self._clusters = np.arange(self._marks) if clusters is None else clusters
        counted = {code for bearer in codes for code in bearer if category_of(code) not in ignored}
        held = _incidence(codes, sorted(counted))
        bearers = held.sum(axis=0)
        order = np.lexsort((np.arange(len(counted)), bearers))
        self._names = [sorted(counted)[place] for place in order.tolist()]
        self._held = held[:, order]  # columns by rarity, so that a row names its rarest code first
        self._held.sort_indices()
        self._bearers = bearers[order]
        self._idf = np.log(self._marks / np.maximum(self._bearers, 1))

    def similar(self, limits: PairLimits, ledger: PairLedger) -> list[Pair]:
        """Pairs by overlap times surprise, the strong ones first, as far as the ledger lets them."""
        random = np.random.default_rng(limits.seed)
        candidates = self._candidates(random, max(MEETINGS, limits.a_mark))
        first, second, shared, score = self._likely(candidates)
        is_weak = ~self._is_strong(shared, score)
        order = np.lexsort((random.permutation(len(first)), -np.round(score * shared, 9), is_weak))
        pairs: list[Pair] = []
        for place in order.tolist():
            if len(pairs) == limits.count:
                break
            if ledger.take(a := int(first[place]), b := int(second[place])):
                pairs.append(
                    self._similar(a, b, float(score[place]), float(shared[place]), bool(is_weak[place]))
                )
        return pairs

    def dissimilar(self, limits: PairLimits, ledger: PairLedger) -> list[Pair]:
        """Random pairs of marks that share no category; strong where both have two codes or more."""
        coded = np.flatnonzero(np.diff(self._held.indptr))
        if not len(coded):
            return []
        first, second = np.random.default_rng(limits.seed).choice(len(coded), (2, 20 * limits.count))
        bits = np.array([1 << int(category_of(name)) for name in self._names], np.int64)
        masks = np.bitwise_or.reduceat(bits[self._held.indices], self._held.indptr[:-1][coded])
        apart = self._clusters[coded[first]] != self._clusters[coded[second]]
        differ = np.flatnonzero(((masks[first] & masks[second]) == 0) & apart)
        pairs: list[Pair] = []
        for a, b in zip(coded[first[differ]].tolist(), coded[second[differ]].tolist(), strict=True):
            if len(pairs) == limits.count:
                break
            if ledger.take(a, b):
                pairs.append(self._dissimilar(min(a, b), max(a, b)))
        return pairs

    def _candidates(self, random: np.random.Generator, meetings: int) -> Numbers:
        """Pairs of marks that share a code, two codes or all codes, each once, as first · marks + second."""
        pairs = np.concatenate(
            [_meet(keys, marks, random, meetings, self._marks) for keys, marks in self._keys(random)]
        )
        pairs.sort()  # in place: np.unique would hold 20 million pairs three times over
        return pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs

    def _keys(self, random: np.random.Generator) -> Iterator[tuple[Numbers, Numbers]]:
        """Keys and the marks that bear them: all codes as one, every code, every two of the rarest codes."""
        codes, starts = self._held.indices.astype(np.int64), self._held.indptr[:-1]
        lengths = np.diff(self._held.indptr)
        marks = np.repeat(np.arange(self._marks), lengths)
        coded = np.flatnonzero(lengths)
        if not len(coded):
            yield np.empty(0, np.int64), np.empty(0, np.int64)
            return
        tokens = random.integers(1 << 62, size=len(self._names))
        yield np.bitwise_xor.reduceat(tokens[codes], starts[coded]), coded
        yield codes, marks
        place = np.arange(len(codes)) - np.repeat(starts, lengths)
        for step in range(1, LONGEST_KEY):
            left = np.flatnonzero(place + step < np.minimum(np.repeat(lengths, lengths), LONGEST_KEY))
            yield codes[left] * len(self._names) + codes[left + step], marks[left]

    def _likely(self, candidates: Numbers) -> tuple[Numbers, Numbers, Values, Values]:
        """First and second mark, Σ idf(shared) and overlap of the candidates that may be pairs."""
        weighed = self._held.multiply(self._idf).tocsr()
        of_mark = np.asarray(weighed.sum(axis=1)).ravel()
        found: list[tuple[Numbers, Numbers, Values, Values]] = []
        for start in range(0, max(1, len(candidates)), _BATCH):
            first, second = np.divmod(candidates[start : start + _BATCH], self._marks)
            shared = np.asarray(weighed[first].multiply(self._held[second]).sum(axis=1)).ravel()
            either = of_mark[first] + of_mark[second] - shared
            score = np.divide(shared, either, out=np.zeros(len(first)), where=either > 0)
            kept = (score >= WEAK_SCORE - _TOLERANCE) & (self._clusters[first] != self._clusters[second])
            found.append((first[kept], second[kept], shared[kept], score[kept]))
        first, second, shared, score = (np.concatenate(part) for part in zip(*found, strict=True))
        return first, second, shared, score

    def _is_strong(self, shared: Values, score: Values) -> npt.NDArray[np.bool_]:
        is_unlikely = self._by_chance(shared) <= STRONG_CHANCE + _TOLERANCE
        return (score >= STRONG_SCORE - _TOLERANCE) & is_unlikely

    def _by_chance(self, shared: Values) -> Values:
        """Marks that would bear all the shared codes, were codes independent."""
        return np.asarray(self._marks * np.exp(-shared), np.float64)

    def _similar(self, first: int, second: int, score: float, shared: float, is_weak: bool) -> Pair:
        codes = [
            {
                "code": self._names[code],
                "name": described(self._names[code]),
                "marks": int(self._bearers[code]),
                "idf": round(float(self._idf[code]), 4),
            }
            for code in sorted(set(self._codes_of(first)) & set(self._codes_of(second)))
        ]
        chance = float(f"{self._by_chance(np.array([shared]))[0]:.3g}")
        grade: Grade = "weak" if is_weak else "strong"
        evidence = {"shared": codes, "marks_by_chance": chance}
        return Pair(self._files[first], self._files[second], grade, round(score, 4), evidence)

    def _dissimilar(self, first: int, second: int) -> Pair:
        held = [self._codes_of(mark) for mark in (first, second)]
        grade: Grade = "strong" if min(map(len, held)) > 1 else "weak"
        categories = [sorted({category_of(self._names[code]) for code in codes}) for codes in held]
        return Pair(self._files[first], self._files[second], grade, 0.0, {"categories": categories})

    def _codes_of(self, mark: int) -> list[int]:
        held: list[int] = self._held.indices[self._held.indptr[mark] : self._held.indptr[mark + 1]].tolist()
        return held


def _incidence(codes: Sequence[Sequence[str]], names: Sequence[str]) -> sparse.csr_array:
    """Sparse int64 (marks, names), 1 where a mark bears a code that has a column."""
    column = {name: number for number, name in enumerate(names)}
    rows = [sorted({column[code] for code in bearer if code in column}) for bearer in codes]
    indptr = np.cumsum([0, *map(len, rows)])
    indices = np.fromiter((code for row in rows for code in row), np.int64, indptr[-1])
    return sparse.csr_array((np.ones(len(indices), np.int64), indices, indptr), (len(rows), len(names)))


def _meet(keys: Numbers, marks: Numbers, random: np.random.Generator, meetings: int, total: int) -> Numbers:
    """Pairs of marks under one key, each with the next few in a random order, as first · total + second."""
    order = np.lexsort((random.permutation(len(keys)), keys))
    keys, marks = keys[order], marks[order]
    found = [np.empty(0, np.int64)]
    for step in range(1, meetings + 1):
        same = keys[step:] == keys[:-step]
        one, other = marks[:-step][same], marks[step:][same]
        found.append(np.minimum(one, other) * total + np.maximum(one, other))
    return np.concatenate(found)
