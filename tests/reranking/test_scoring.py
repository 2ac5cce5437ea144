"""One score out of the channels that apply."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marklens.core.types import Scores
from marklens.reranking.scoring import Calibration, Channels, Weights

NAN = float("nan")


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_the_plans_weights_by_hand() -> None:
    channels = Channels(
        floats(0.8, 0.8, 0.8), floats(0.6, 0.6, NAN), floats(0.4, NAN, NAN), floats(0.2, NAN, NAN)
    )
    # 0.5·0.8 + 0.35·0.6 + 0.1·0.4 + 0.05·0.2; then (0.5·0.8 + 0.35·0.6) / 0.85; then 0.8 alone
    assert channels.combined(Weights()).tolist() == pytest.approx([0.66, 0.61 / 0.85, 0.8])
    assert channels.scores()[1] == Scores(pytest.approx(0.8), pytest.approx(0.6), None, None)


def test_a_channel_that_nobody_has_drops_out() -> None:
    assert Channels(floats(0.3), None, None, None).combined(Weights()).tolist() == pytest.approx([0.3])
    assert Channels(floats(0.3)).combined(Weights(0, 1, 0, 0)).tolist() == [0]


values = st.lists(st.floats(0, 1, width=32) | st.just(NAN), min_size=4, max_size=4)


@given(rows=st.lists(values, min_size=1, max_size=6), weights=st.tuples(*[st.floats(0.01, 5)] * 4))
def test_it_agrees_with_the_twin(rows: list[list[float]], weights: tuple[float, float, float, float]) -> None:
    table = np.array(rows, np.float32).T
    found = Channels(*table).combined(Weights(*weights))
    for row, score in zip(rows, found.tolist(), strict=True):
        held = [(weight, value) for weight, value in zip(weights, row, strict=True) if value == value]
        total = sum(weight for weight, _ in held)
        expected = sum(weight * value for weight, value in held) / total if held else 0
        assert score == pytest.approx(expected, abs=1e-6)


def test_calibration_maps_between_its_knots_and_leaves_gaps() -> None:
    calibration = Calibration(spatial=((0.1, 0.0), (0.3, 0.9), (1.0, 1.0)))
    channels = Channels(floats(0.2, 0.2, 0.2), floats(0.05, 0.2, NAN)).calibrated(calibration)
    assert channels.global_.tolist() == floats(0.2, 0.2, 0.2).tolist()
    assert channels.spatial is not None
    assert channels.spatial[:2].tolist() == pytest.approx([0, 0.45])
    assert np.isnan(channels.spatial[2])


@pytest.mark.parametrize("knots", [((0.5, 0.1), (0.5, 0.2)), ((0, 0.5), (1, 0.4)), ((0, 0), (2, 1))])
def test_a_calibration_must_rise(knots: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="must rise"):
        Calibration(color=knots)


@pytest.mark.parametrize("weights", [(0, 0, 0, 0), (1, -0.1, 0, 0), (NAN, 1, 0, 0)])
def test_weights_check_themselves(weights: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Weights(*weights)
