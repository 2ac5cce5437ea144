"""Names as a register holds them: words that recur by Zipf's law, coined ones, weak words, legal forms."""

import random
from collections import defaultdict
from collections.abc import Iterator

from benchmarks.name_pairs import pairs
from marklens.text.normalizer import words_of

WEAK = ("group", "international", "tools", "systems", "the", "pharma", "studio", "bio", "company", "wine")
LEGAL = ("Ltd", "GmbH", "S.p.A.", "Inc.", "S.A.", "LLC")
RECURRING = 60_000
"""Words that more than one mark uses."""

Chain = dict[str, list[str]]


def made_up_names(count: int, seed: int) -> Iterator[str]:
    """Names of one to five words, coined letter by letter after the names of the list of pairs."""
    draw, after = random.Random(seed), _chain()
    known = [_coined(draw, after) for _ in range(min(RECURRING, count))]
    for _ in range(count):
        words = [
            known[int(len(known) * draw.random() ** 3)] if draw.random() < 0.6 else _coined(draw, after)
            for _ in range(draw.choice((1, 1, 1, 1, 2, 2, 2, 3, 3, 5)))
        ]
        if draw.random() < 0.25:
            words.append(draw.choice(WEAK))
        if draw.random() < 0.05:
            words.append(draw.choice(LEGAL))
        yield " ".join(words)


def _chain() -> Chain:
    """Which letters follow two letters, as often as they do in the list."""
    after: Chain = defaultdict(list)
    for pair in pairs():
        for word in words_of(f"{pair.name} {pair.other}"):
            if word.readable:
                for place, letter in enumerate(word.letters + "$"):
                    after[("^^" + word.letters)[place : place + 2]].append(letter)
    return after


def _coined(draw: random.Random, after: Chain) -> str:
    while True:
        word = ""
        while len(word) < 14 and (letter := draw.choice(after[("^^" + word)[-2:]])) != "$":
            word += letter
        if len(word) >= 3:
            return word
