"""Pairs by hand: rarity decides, letters and colours do not count, nobody is in too many pairs."""

import json
from collections import Counter
from math import exp, log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_index import Silent, draw_marks

from marklens.core.errors import DatasetError
from marklens.datasets.code_pairs import CodePairs
from marklens.datasets.manifest import ManifestDataset
from marklens.datasets.pair_files import write_pairs
from marklens.datasets.pairs import Pair, PairLedger, PairLimits, group_pairs

RARE, OTHER, COMMON = "03.01.01", "05.03.11", "26.01.01"
EVERY = PairLimits(a_mark=99, count=9999)


def files(count: int) -> list[str]:
    return [f"m{number}.png" for number in range(count)]


def similar(codes: list[list[str]], limits: PairLimits = EVERY, **how: object) -> list[Pair]:
    by_codes = CodePairs(files(len(codes)), codes, **how)  # type: ignore[arg-type]
    return by_codes.similar(limits, PairLedger(limits.a_mark))


def dissimilar(codes: list[list[str]], limits: PairLimits = EVERY, **how: object) -> list[Pair]:
    by_codes = CodePairs(files(len(codes)), codes, **how)  # type: ignore[arg-type]
    return by_codes.dissimilar(limits, PairLedger(limits.a_mark))


def ends(pairs: list[Pair]) -> set[frozenset[str]]:
    return {frozenset((pair.a, pair.b)) for pair in pairs}


def test_the_overlap_is_weighed_by_rarity() -> None:
    # of 8 marks 2 bear RARE (idf ln 4), all 8 COMMON (idf 0), 4 bear OTHER (idf ln 2)
    codes = [[RARE, COMMON, OTHER], [RARE, COMMON], *[[COMMON, OTHER]] * 3, *[[COMMON]] * 3]
    pair = next(pair for pair in similar(codes) if {pair.a, pair.b} == {"m0.png", "m1.png"})
    assert pair.score == pytest.approx(log(4) / (log(4) + log(2)), abs=1e-4)  # shared RARE of RARE and OTHER
    shared = {row["code"]: row for row in pair.evidence["shared"]}
    assert set(shared) == {RARE, COMMON}
    assert (shared[RARE]["marks"], shared[RARE]["idf"]) == (2, pytest.approx(log(4), abs=1e-4))
    assert shared[RARE]["name"].startswith("Quadrupeds")
    assert pair.evidence["marks_by_chance"] == pytest.approx(8 * exp(-log(4) - 0), rel=1e-2)  # 2 marks


def test_a_pair_is_strong_when_chance_would_give_one_mark() -> None:
    # 8 of 64 marks bear RARE and OTHER: by chance 64 · 1/8 · 1/8 = 1 mark would bear both; strong
    codes = [[RARE, OTHER]] * 8 + [[COMMON]] * 56
    assert {pair.grade for pair in similar(codes) if pair.score and pair.a in files(8)} == {"strong"}
    # 9 of 64 marks: 64 · (9/64)² = 1.27 marks by chance; weak
    codes = [[RARE, OTHER]] * 9 + [[COMMON]] * 55
    assert {pair.grade for pair in similar(codes)} == {"weak"}


def test_one_shared_code_is_weak_however_rare() -> None:
    assert [pair.grade for pair in similar([[RARE], [RARE], *[[COMMON]] * 98]) if pair.a == "m0.png"] == [
        "weak"
    ]


def test_the_more_surprising_pair_comes_first() -> None:
    # all pairs overlap wholly; those of RARE (2 of 12 marks) say more than those of OTHER (10 of 12)
    pairs = similar([[OTHER]] * 5 + [[RARE]] * 2 + [[OTHER]] * 5)
    assert {pairs[0].a, pairs[0].b} == {"m5.png", "m6.png"}
    assert pairs[0].score == pairs[1].score == 1.0


def test_a_code_of_ones_own_does_not_hide_what_is_shared() -> None:
    # each has a rarest code that nobody else has: (2 ln 5) / (2 ln 5 + 2 ln 10) = 0.41
    pairs = similar([["01.01.01", RARE, OTHER], ["02.01.01", RARE, OTHER], *[[COMMON]] * 8])
    pair = next(pair for pair in pairs if pair.a == "m0.png")
    assert pair.b == "m1.png"
    assert pair.score == pytest.approx(2 * log(5) / (2 * log(5) + 2 * log(10)), abs=1e-4)


def test_two_shared_codes_are_found_among_many_marks_that_share_one() -> None:
    # RARE and OTHER stand on 202 of 602 marks each, two marks bear both and another code: too many to compare
    # every mark with every other that shares a code
    crowds = [*[[RARE]] * 200, *[[OTHER]] * 200, *[[COMMON]] * 100, *[["24.01.01"]] * 100]
    codes = [[RARE, OTHER, COMMON], *crowds, [RARE, OTHER, "24.01.01"]]
    for seed in range(5):
        pairs = similar(codes, PairLimits(3, 9999, seed))
        assert frozenset(("m0.png", "m601.png")) in ends(pairs)


def test_letters_and_colours_do_not_count() -> None:
    codes = [["27.05.01", "29.01.04"]] * 2 + [[RARE]] * 2
    assert ends(similar(codes)) == {frozenset(("m2.png", "m3.png"))}
    assert len(similar(codes, ignored=())) == 2


def test_no_mark_is_in_more_pairs_than_allowed() -> None:
    codes = [[RARE, OTHER]] * 30 + [[COMMON]] * 60
    for a_mark in (1, 2, 3):
        for pairs in (similar(codes, PairLimits(a_mark, 1000)), dissimilar(codes, PairLimits(a_mark, 1000))):
            used = Counter(end for pair in pairs for end in (pair.a, pair.b))
            assert max(used.values()) == a_mark
            assert len(ends(pairs)) == len(pairs)
    assert len(similar(codes, PairLimits(3, 7))) == len(dissimilar(codes, PairLimits(3, 7))) == 7


codes_of_a_mark = st.lists(st.sampled_from([RARE, OTHER, COMMON, "27.05.01", "24.01.02"]), max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.lists(codes_of_a_mark, min_size=1, max_size=9))
def test_small_datasets_are_compared_completely(codes: list[list[str]]) -> None:
    """Against the slow, obvious twin: every two marks."""
    marks = Counter(code for bearer in codes for code in set(bearer))
    idf = {code: log(len(codes) / count) for code, count in marks.items()}
    wanted: dict[frozenset[str], float] = {}
    for second in range(len(codes)):
        for first in range(second):
            mine, theirs = ({code for code in codes[mark] if code[:2] != "27"} for mark in (first, second))
            either = sum(idf[code] for code in mine | theirs)
            score = sum(idf[code] for code in mine & theirs) / either if either > 1e-12 else 0.0
            if score >= 0.25 - 1e-9:
                wanted[frozenset((f"m{first}.png", f"m{second}.png"))] = score
    found = {frozenset((pair.a, pair.b)): pair.score for pair in similar(codes, PairLimits(8, 999))}
    assert found == pytest.approx(wanted, abs=1e-4)


def test_dissimilar_marks_share_no_category() -> None:
    codes = [[RARE, OTHER], [COMMON], [RARE], [COMMON, "24.01.01"], [], ["27.05.01"]] * 8
    pairs = dissimilar(codes, PairLimits(3, 20, seed=2))
    by_file = dict(zip(files(48), codes, strict=True))
    assert pairs
    for pair in pairs:
        mine, theirs = ({code[:2] for code in by_file[file]} - {"27", "29"} for file in (pair.a, pair.b))
        assert mine
        assert theirs
        assert not mine & theirs
        assert pair.evidence == {"categories": [sorted(mine), sorted(theirs)]}
        assert pair.grade == ("strong" if len(by_file[pair.a]) > 1 < len(by_file[pair.b]) else "weak")
    assert {pair.grade for pair in pairs} == {"strong", "weak"}
    assert pairs == dissimilar(codes, PairLimits(3, 20, seed=2)) != dissimilar(codes, PairLimits(3, 20))


def test_a_seed_decides_among_equals() -> None:
    codes = [[RARE, OTHER]] * 40 + [[COMMON]] * 400
    some = [similar(codes, PairLimits(1, 5, seed)) for seed in (0, 0, 1)]
    assert some[0] == some[1] != some[2]


def test_marks_that_belong_together_are_no_pair_by_codes() -> None:
    clusters = np.array([0, 0, 1, 2])
    assert ends(similar([[RARE], [RARE], [COMMON], [COMMON]], clusters=clusters)) == {
        frozenset(("m2.png", "m3.png"))
    }
    pairs = dissimilar([[RARE], [COMMON], [COMMON], [COMMON]], clusters=clusters)
    assert ends(pairs) == {frozenset(("m0.png", "m2.png")), frozenset(("m0.png", "m3.png"))}


def test_without_codes_there_are_no_pairs() -> None:
    without: list[list[list[str]]] = [[[], [], []], [["27.05.01"], ["29.01.01"]]]
    for codes in without:
        assert similar(codes) == dissimilar(codes) == []


def test_a_group_gives_gold_pairs() -> None:
    pairs = group_pairs("gold", [("acme", [0, 1, 2])], files(3), PairLedger(3))
    assert [(pair.a, pair.b) for pair in pairs] == [
        ("m0.png", "m1.png"), ("m1.png", "m2.png"), ("m0.png", "m2.png"),
    ]  # fmt: skip
    assert all((pair.grade, pair.score, pair.evidence) == ("gold", 1.0, {"group": "acme"}) for pair in pairs)


@given(st.lists(st.lists(st.integers(0, 19), unique=True, max_size=12), max_size=5), st.integers(1, 4))
def test_groups_keep_to_the_limit_and_no_pair_stands_twice(groups: list[list[int]], a_mark: int) -> None:
    pairs = group_pairs("gold", [("g", group) for group in groups], files(20), PairLedger(a_mark))
    used = Counter(end for pair in pairs for end in (pair.a, pair.b))
    assert max(used.values(), default=0) <= a_mark
    assert len(ends(pairs)) == len(pairs)
    assert all(pair.a != pair.b for pair in pairs)


@pytest.fixture
def dataset(tmp_path: Path) -> ManifestDataset:
    draw_marks(tmp_path, 6)
    codes = [[RARE, OTHER], [RARE, OTHER], [RARE, OTHER], [COMMON], [COMMON], [COMMON]]
    rows = [{"file": f"mark{number:04d}.png", "vienna_codes": codes[number]} for number in range(6)]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ManifestDataset(tmp_path / "manifest.jsonl")


def test_files_hold_every_kind_of_pair_once(dataset: ManifestDataset, tmp_path: Path) -> None:
    brands = [("acme", ["mark0000.png", "MARK0003.png", "gone.png"])]
    copies = [("copies 1", ["mark0000.png", "mark0001.png"]), ("copies 2", ["mark0003.png", "mark0000.png"])]
    report = write_pairs(dataset, tmp_path / "out", brands, copies, ("27", "29"), EVERY, Silent())
    assert report.faults == {"unknown-file": 1}
    documents = {
        kind: json.loads((tmp_path / "out" / f"{kind}_pairs.json").read_text())
        for kind in ("similar", "dissimilar")
    }
    names = {
        kind: {(row["a"][4:8], row["b"][4:8]): row["grade"] for row in document["pairs"]}
        for kind, document in documents.items()
    }
    # 0, 1 and 3 are one cluster: of the codes only 2 is left for 0 and 1, and 4 and 5 for 3
    assert names["similar"] == {
        ("0000", "0003"): "gold", ("0000", "0001"): "duplicate", ("0000", "0002"): "weak",
        ("0001", "0002"): "weak", ("0003", "0004"): "weak", ("0003", "0005"): "weak",
        ("0004", "0005"): "weak",
    }  # fmt: skip
    across = {(one, other) for one in ("0000", "0001", "0002") for other in ("0003", "0004", "0005")}
    assert set(names["dissimilar"]) <= across - {("0000", "0003"), ("0001", "0003")}
    for kind, document in documents.items():
        assert document["kind"] == kind
        assert document["limits"] == {"a_mark": 99, "count": 9999, "seed": 0}
        assert document["grades"] == dict(Counter(names[kind].values()))
    assert report.similar == documents["similar"]["grades"]


def test_nothing_to_pair_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"file": "gone.png"}\n')
    with pytest.raises(DatasetError, match="nothing to pair"):
        write_pairs(ManifestDataset(tmp_path / "m.jsonl"), tmp_path, (), (), (), EVERY, Silent())


def test_a_large_group_gives_each_mark_its_share() -> None:
    """What is left over at the end is not tried with every mark: that would take hours here."""
    pairs = group_pairs("duplicate", [("same", list(range(100_001)))], files(100_001), PairLedger(3))
    used = Counter(end for pair in pairs for end in (pair.a, pair.b))
    assert max(used.values()) == 3 and len(pairs) >= 1.5 * 100_000 - 3
