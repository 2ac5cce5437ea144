"""The lettering network learns, its loss does as it says, and ONNX answers as PyTorch does."""

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch

from marklens.training.lettering.network import LetteringNet, export_onnx
from marklens.training.lettering.samples import Sample, batches, change_ink, padded
from marklens.training.lettering.trainer import balanced_loss, measure, train


def sample(seed: int) -> Sample:
    """A black word at the right of a red disc."""
    random = np.random.default_rng(seed)
    picture, text = np.full((48, 120, 3), 255, np.uint8), np.zeros((48, 120), np.uint8)
    cv2.circle(picture, (24, 24), int(random.integers(12, 22)), (200, 20, 20), -1)
    word = "".join(random.choice(list("ABEHKMNRX"), 3))
    cv2.putText(text, word, (55, 34), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (1,), 2)
    picture[text > 0] = 10
    return picture, text > 0, (picture.min(axis=2) < 128) & (text == 0)


def test_batches_hold_every_shape_once_full() -> None:
    samples = [sample(seed) for seed in range(20)]
    endless = batches(samples, np.random.default_rng(0), 64 * 128 * 4)
    shapes = [pictures.shape for pictures, _ in islice(endless, 30)]
    assert all(n * h * w >= 64 * 128 * 4 for n, h, w, _ in shapes)
    pictures, shares = next(padded(samples[:1]))
    assert pictures.shape == (1, 64, 128, 3) and shares.shape == (1, 2, 32, 64)
    assert shares[0, 0].sum() * 4 == samples[0][1].sum()
    assert shares[0, 1].sum() * 4 == samples[0][2].sum()


def test_ink_changes_but_no_letter_moves() -> None:
    picture, text, figure = sample(0)
    ink = text | figure
    for seed in range(40):
        changed = change_ink(picture, np.random.default_rng(seed))
        assert changed.dtype == np.uint8 and changed.shape == picture.shape
        ground = changed[0, 60].astype(int)
        assert (np.abs(changed[ink].astype(int) - ground).max(axis=1) > 20).mean() > 0.8


def test_loss_weighs_text_and_figure_alike() -> None:
    shares = torch.zeros(1, 2, 20, 40)
    shares[0, 0, :, :5], shares[0, 1, :, 20:] = 1, 1  # four times as much figure as text
    wrong_on_text = torch.full((1, 1, 20, 40), -4.0)
    wrong_on_figure = torch.full((1, 1, 20, 40), 4.0)
    wrong_on_figure[..., 5:20] = -4.0  # the ground is right both times
    one, other = (float(balanced_loss(logits, shares)) for logits in (wrong_on_text, wrong_on_figure))
    assert abs(one - other) < 0.35 * max(one, other)


def test_it_learns_and_onnx_answers_the_same(tmp_path: Path) -> None:
    samples = [sample(seed) for seed in range(48)]
    told: list[float] = []
    network = train(
        samples, samples[:8], 60, 0, lambda m: told.append(m.recall), area=8 * 64 * 128, steps=250
    )
    found, erased = measure(network, [sample(seed) for seed in range(100, 110)])
    assert found > 0.7 and erased < 0.3 and told
    export_onnx(network, tmp_path / "n.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "n.onnx"), providers=["CPUExecutionProvider"])
    picture = torch.rand(1, 3, 80, 48) * 2 - 1
    with torch.inference_mode():
        expected = network.eval()(picture).numpy()
    np.testing.assert_allclose(session.run(None, {"picture": picture.numpy()})[0], expected, atol=1e-4)
    assert isinstance(network, LetteringNet)
