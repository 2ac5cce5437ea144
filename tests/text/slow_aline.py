"""ALINE as the paper writes it: a recursion over prefixes, one line a case. Slow and obvious."""

from functools import cache

from marklens.text.features import inventory


def slow_score(first: bytes, second: bytes) -> float:
    """Kondrak's similarity score of two words given as segment codes."""
    sounds = inventory()

    def v(p: int) -> float:
        return sounds.vowel[p]

    def delta(p: int, q: int) -> float:
        return sounds.difference[p, q]

    def sub(p: int, q: int) -> float:
        return sounds.substitution - delta(p, q) - v(p) - v(q)

    def exp(p: int, q1: int, q2: int) -> float:
        return sounds.expansion - delta(p, q1) - delta(p, q2) - v(p) - max(v(q1), v(q2))

    @cache
    def ends(i: int, j: int) -> float:
        """The best score of a local alignment that ends after i and j segments."""
        if i == 0 or j == 0:
            return 0.0
        options = [0.0, ends(i - 1, j) + sounds.skip, ends(i, j - 1) + sounds.skip]
        options.append(ends(i - 1, j - 1) + sub(first[i - 1], second[j - 1]))
        if j > 1:
            options.append(ends(i - 1, j - 2) + exp(first[i - 1], second[j - 2], second[j - 1]))
        if i > 1:
            options.append(ends(i - 2, j - 1) + exp(second[j - 1], first[i - 2], first[i - 1]))
        return max(options)

    return max(ends(i, j) for i in range(len(first) + 1) for j in range(len(second) + 1))
