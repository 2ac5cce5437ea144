"""Samples reach from end to end and take nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from marklens.core.sampling import evenly


@given(st.integers(0, 500), st.integers(0, 500))
def test_places_rise_from_end_to_end(count: int, available: int) -> None:
    places = evenly(count, available).tolist()
    assert len(places) == min(count, available)
    assert places == sorted(set(places))
    if count >= 2 and available:
        assert (places[0], places[-1]) == (0, available - 1)


def test_the_gaps_are_even() -> None:
    assert evenly(3, 9).tolist() == [0, 4, 8]
    assert evenly(1, 9).tolist() == [0]
