"""The fast ALINE gives what the slow one gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.text.slow_aline import slow_score
from tests.text.test_aline import words

from marklens.text.aline import similarity
from marklens.text.aline_batch import pad, scores, similarities, sound_scheme


@settings(deadline=None)
@given(words, st.lists(words, max_size=12))
def test_it_equals_its_slow_twin(query: bytes, others: list[bytes]) -> None:
    found = scores(query, pad(others), sound_scheme())
    np.testing.assert_allclose(found, [slow_score(query, other) for other in others], atol=1e-3)


@settings(deadline=None)
@given(words, st.lists(words, max_size=12))
def test_similarities_equal_those_of_one_pair(query: bytes, others: list[bytes]) -> None:
    found = similarities(query, pad(others), sound_scheme())
    np.testing.assert_allclose(found, [similarity(query, other) for other in others], atol=1e-5)


def test_many_words_of_all_lengths() -> None:
    draw = np.random.default_rng(5)
    some = [bytes(draw.integers(1, 60, draw.integers(0, 14)).tolist()) for _ in range(2500)]
    found = scores(some[7], pad(some), sound_scheme())
    for place in range(0, 2500, 97):
        assert abs(found[place] - slow_score(some[7], some[place])) < 1e-3
