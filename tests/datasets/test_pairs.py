"""Pairs by hand: rarity decides, letters and colours do not count, nobody is in too many pairs."""

from collections import Counter
from math import log

import pytest

from marklens.core.types import Fault
from marklens.datasets.pairs import CodePairs, PairLimits, group_pairs

RARE, OTHER, COMMON = "03.01.01", "05.03.11", "26.01.01"


def files(count: int) -> list[str]:
    return [f"m{number}.png" for number in range(count)]


def test_the_overlap_is_weighed_by_rarity() -> None:
    # of 8 marks 2 bear RARE (idf ln 4), all 8 COMMON (idf 0), 4 bear OTHER (idf ln 2)
    codes = [[RARE, COMMON, OTHER], [RARE, COMMON], *[[COMMON, OTHER]] * 3, *[[COMMON]] * 3]
    best = CodePairs(files(8), codes).similar(PairLimits(a_mark=1, count=1))[0]
    assert {best.a, best.b} <= {"m0.png", "m1.png", "m2.png", "m3.png", "m4.png"}
    overlaps = {
        frozenset((pair.a, pair.b)): pair
        for pair in CodePairs(files(8), codes).similar(PairLimits(a_mark=8, count=99))
    }
    pair = overlaps[frozenset(("m0.png", "m1.png"))]
    assert pair.score == pytest.approx(log(4) / (log(4) + log(2)), abs=1e-4)  # shared RARE of RARE and OTHER
    assert pair.grade == "strong"
    shared = {row["code"]: row for row in pair.evidence["shared"]}
    assert set(shared) == {RARE, COMMON}
    assert (shared[RARE]["marks"], shared[RARE]["idf"]) == (2, pytest.approx(log(4), abs=1e-4))
    assert shared[RARE]["name"].startswith("Quadrupeds")


def test_one_shared_code_is_weak() -> None:
    codes = [[RARE], [RARE], [COMMON], [COMMON]]
    assert [pair.grade for pair in CodePairs(files(4), codes).similar(PairLimits())] == ["weak", "weak"]


def test_letters_and_colours_do_not_count() -> None:
    codes = [["27.05.01", "29.01.04"]] * 2 + [[RARE]] * 2
    assert [(pair.a, pair.b) for pair in CodePairs(files(4), codes).similar(PairLimits())] == [
        ("m2.png", "m3.png")
    ]
    assert len(CodePairs(files(4), codes, ignored=()).similar(PairLimits())) == 2


def test_no_mark_is_in_more_pairs_than_allowed() -> None:
    codes = [[RARE, OTHER]] * 30 + [[COMMON]] * 60
    for a_mark in (1, 3):
        pairs = CodePairs(files(90), codes).similar(PairLimits(a_mark, 1000))
        used = Counter(end for pair in pairs for end in (pair.a, pair.b))
        assert max(used.values()) <= a_mark
        assert len({frozenset((pair.a, pair.b)) for pair in pairs}) == len(pairs)
    assert len(CodePairs(files(90), codes).similar(PairLimits(3, 7))) == 7


def test_dissimilar_marks_share_no_category() -> None:
    codes = [[RARE, OTHER], [COMMON], [RARE], [COMMON, "24.01.01"], []] * 8
    pairs = CodePairs(files(40), codes).dissimilar(PairLimits(3, 20, seed=2))
    by_file = dict(zip(files(40), codes, strict=True))
    assert pairs
    for pair in pairs:
        mine, theirs = ({code[:2] for code in by_file[file]} for file in (pair.a, pair.b))
        assert mine
        assert theirs
        assert not mine & theirs
        assert pair.grade == ("strong" if len(by_file[pair.a]) > 1 < len(by_file[pair.b]) else "weak")
    assert pairs == CodePairs(files(40), codes).dissimilar(PairLimits(3, 20, seed=2))


def test_without_codes_there_are_no_pairs() -> None:
    nothing = CodePairs(files(3), [[], [], []])
    assert nothing.similar(PairLimits()) == nothing.dissimilar(PairLimits()) == []


def test_a_group_gives_gold_pairs() -> None:
    faults: list[Fault] = []
    groups = [("acme", ["M0.png", "m1.png", "gone.png", "m2.png"])]
    pairs = group_pairs("gold", groups, files(3), 3, faults.append)
    ends = [(pair.a, pair.b) for pair in pairs]
    assert ends == [("m0.png", "m1.png"), ("m1.png", "m2.png"), ("m0.png", "m2.png")]
    assert all((pair.grade, pair.score, pair.evidence) == ("gold", 1.0, {"group": "acme"}) for pair in pairs)
    assert [fault.item for fault in faults] == ["gone.png"]
