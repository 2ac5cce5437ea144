"""What was fitted for a network travels beside it."""

from dataclasses import replace
from pathlib import Path

import pytest

from marklens.core.artifacts import read_json, sha256, write_json
from marklens.core.errors import ArtifactError
from marklens.embeddings.onnx_embedder import bundled_weights
from marklens.reranking.profile import ENDING, Profile, calibrated_for, find_profile, with_ends
from marklens.reranking.scoring import Calibration, Weights

PROFILE = Profile(
    "abc",
    512,
    Weights(0.2, 0.7, 0.1, 0),
    Calibration(global_=((0, 0), (0.5, 0.4), (1, 1)), spatial=((0, 0.1),)),
    "much",
)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    PROFILE.save(tmp_path / f"net{ENDING}")
    assert find_profile(tmp_path / "net.onnx", "abc") == PROFILE


def test_another_networks_is_left_alone(tmp_path: Path) -> None:
    assert find_profile(tmp_path / "net.onnx", "abc") is None
    PROFILE.save(tmp_path / f"net{ENDING}")
    assert find_profile(tmp_path / "net.onnx", "other") is None


@pytest.mark.parametrize("text", ["{}", '{"calibration": {"global_": [[2, 3]]}, "weights": {}}', "[]"])
def test_a_damaged_one_is_an_error_of_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / f"net{ENDING}").write_text(text)
    with pytest.raises(ArtifactError, match="damaged"):
        find_profile(tmp_path / "net.onnx", "abc")


def test_one_of_before_keeps_all_but_the_curve_of_its_pca(tmp_path: Path) -> None:
    PROFILE.save(tmp_path / f"net{ENDING}")
    document = read_json(tmp_path / f"net{ENDING}")
    write_json(tmp_path / f"net{ENDING}", {**document, "reduction": [512, 0.75]})
    found = find_profile(tmp_path / "net.onnx", "abc")
    assert found == replace(PROFILE, reduction=0)
    assert calibrated_for(found, [], 512) == Calibration(spatial=((0, 0.1),))


def test_an_index_that_knows_its_own_rarity_uses_it() -> None:
    own = calibrated_for(PROFILE, [[0.3, 0.5]], None)
    assert own == Calibration(global_=((0, 0), (0.3, 0.5), (1, 1)), spatial=((0, 0.1),))
    assert with_ends([]) == ()


def test_the_bundled_curve_is_for_the_bundled_reduction_alone() -> None:
    assert calibrated_for(PROFILE, [], 512) == PROFILE.calibration
    for other in (None, 128):
        assert calibrated_for(PROFILE, [], other) == Calibration(spatial=((0, 0.1),))
    assert calibrated_for(None, [], 512) == Calibration()


def test_the_bundled_network_has_one() -> None:
    profile = find_profile(bundled_weights(), sha256(bundled_weights())[:16])
    assert profile is not None
    assert profile.calibration.global_[0] == (0, 0)
    assert profile.calibration.spatial[-1] == (1, 1)
