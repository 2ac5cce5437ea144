"""Votes of neighbours, with the arithmetic written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marklens.classifying.measuring import HeldOut, measure
from marklens.classifying.voting import Bearers, Neighbour, cut, suggest
from marklens.core.errors import UsageError

BEARERS = Bearers(100, {"05.01": 2, "27.05": 60, "26.01": 10})


def near(score: float, *codes: str) -> Neighbour:
    return Neighbour(f"m{score}", f"m{score}.png", score, codes)


def test_a_code_does_not_win_by_being_frequent() -> None:
    # weights 0.5 and 0.5: the tree has half of the vote and is rare, letters have all and stand on 60 of 100
    neighbours = [near(0.5, "27.05", "05.01"), near(0.5, "27.05")]
    found = suggest(neighbours, BEARERS, "division", sharpness=1)
    assert [each.code for each in found] == ["27.05", "05.01"]  # all agree on letters
    assert found[0].confidence == pytest.approx(1)
    assert found[1].confidence == pytest.approx((0.5 - 0.02) / (1 - 0.02))
    assert found[1].neighbours == (neighbours[0],)
    mixed = [near(0.5, "27.05", "05.01"), near(0.5, "27.05"), near(0.5, "05.01"), near(0.5, "26.01")]
    found = suggest(mixed, BEARERS, "division", sharpness=1)
    # letters 2 of 4: less than the 60 % of marks drawn at random, so nobody agrees on them
    assert [each.code for each in found] == ["05.01", "26.01"]
    assert found[1].confidence == pytest.approx((0.25 - 0.1) / 0.9)


def test_nearer_marks_weigh_more_and_those_without_codes_nothing() -> None:
    neighbours = [near(0.8, "05.01"), near(0.4, "26.01"), near(0.9), near(0.7, "26")]
    first, second = suggest(neighbours, BEARERS, "division", sharpness=2)
    assert (first.code, second.code) == ("05.01", "26.01")
    assert first.share == pytest.approx(0.64 / 0.80)
    assert second.share == pytest.approx(0.16 / 0.80)
    assert suggest([], BEARERS) == ()
    assert suggest([near(0.0, "05.01")], BEARERS, "division") == ()


def test_codes_are_cut_to_a_level() -> None:
    codes = ("26.04.01", "26.04.05", "05", "27.05")
    assert cut(codes, "category") == ("26", "05", "27")
    assert cut(codes, "division") == ("26.04", "27.05")
    assert cut(codes, "section") == ("26.04.01", "26.04.05")


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.lists(st.sampled_from(["05.01", "27.05", "26.01"]), max_size=3)),
        max_size=12,
    )
)
def test_confidence_is_between_0_and_1_and_falls(drawn: list[tuple[float, list[str]]]) -> None:
    neighbours = [near(score, *codes) for score, codes in drawn]
    found = suggest(neighbours, BEARERS, "division")
    assert all(0 < each.confidence <= 1 and each.share <= 1 for each in found)
    assert [each.confidence for each in found] == sorted((each.confidence for each in found), reverse=True)


def test_suggestions_are_measured() -> None:
    trees = [near(0.9, "05.01"), near(0.9, "05.01"), near(0.9, "26.01")]
    asked = [HeldOut(("05.01", "27.05"), trees), HeldOut(("26.01",), trees), HeldOut(("99",), trees)]
    found = measure(asked, BEARERS, "division")
    assert found.marks == 2  # the third one's code is less exact than the level
    # suggested: 05.01 then 26.01; own: {05.01, 27.05} and {26.01}
    assert found.precision == {1: 0.5, 3: pytest.approx(1 / 3), 5: pytest.approx(0.2)}
    assert found.recall == {1: 0.25, 3: 0.75, 5: 0.75}
    # the most frequent are 27.05, 26.01, 05.01
    assert found.usual_recall == {1: 0.25, 3: 1.0, 5: 1.0}
    assert sum(count for _, _, count in found.reliability) == 4
    assert found.to_json()["reliability"][0].keys() == {"confidence", "right", "count"}
    with pytest.raises(UsageError, match="no mark"):
        measure([], BEARERS, "division")


def test_a_mark_leaves_its_codes() -> None:
    left = BEARERS.without({"05.01", "new"})
    assert left.usual("05.01") == pytest.approx(1 / 99)
    assert left.usual("new") == 0
    assert Bearers(0, {}).usual("05.01") == 0
