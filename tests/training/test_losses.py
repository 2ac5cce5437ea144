"""The losses agree with their definitions written out slowly, and gradients reach both sides."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from marklens.training.losses import masked_contrast, smooth_ap, supervised_contrast


def unit(count: int, dims: int = 5, seed: int = 0) -> Tensor:
    return functional.normalize(
        torch.randn(count, dims, generator=torch.Generator().manual_seed(seed)), dim=1
    )


def test_contrast_is_the_definition() -> None:
    queries, positives, negatives = unit(3), unit(3, seed=1), unit(4, seed=2)
    allowed = torch.tensor([[1, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0]], dtype=torch.bool)
    expected = []
    for row in range(3):
        own = math.exp(float(queries[row] @ positives[row]) / 0.3)
        strangers = [
            math.exp(float(queries[row] @ negatives[n]) / 0.3) for n in range(4) if bool(allowed[row, n])
        ]
        expected.append(-math.log(own / (own + sum(strangers))))
    found = masked_contrast(queries, positives, negatives, allowed, 0.3)
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_contrast_by_hand() -> None:
    """One query at the right, its partner there too, one stranger opposite: −ln(e / (e + 1/e))."""
    right, left = torch.tensor([[1.0, 0.0]]), torch.tensor([[-1.0, 0.0]])
    loss = masked_contrast(right, right, left, torch.ones(1, 1, dtype=torch.bool), 1.0)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-2)))


def test_a_masked_negative_gets_no_gradient() -> None:
    negatives = unit(2, seed=2).requires_grad_()
    allowed = torch.tensor([[True, False]] * 3)
    masked_contrast(unit(3), unit(3, seed=1), negatives, allowed, 0.2).backward()
    assert negatives.grad is not None
    assert float(negatives.grad[0].abs().sum()) > 0
    assert float(negatives.grad[1].abs().sum()) == 0


def test_nothing_overflows_at_a_low_temperature() -> None:
    loss = masked_contrast(unit(3).half(), -unit(3).half(), unit(3).half(), torch.ones(3, 3).bool(), 0.01)
    assert torch.isfinite(loss)


def test_supervised_contrast_is_the_definition() -> None:
    vectors, groups = unit(6), torch.tensor([0, 0, 0, 1, 1, 2])
    losses = []
    for i in range(5):  # the last has no partner
        total = sum(math.exp(float(vectors[i] @ vectors[a]) / 0.5) for a in range(6) if a != i)
        partners = [p for p in range(6) if p != i and groups[p] == groups[i]]
        terms = [math.log(math.exp(float(vectors[i] @ vectors[p]) / 0.5) / total) for p in partners]
        losses.append(-sum(terms) / len(partners))
    assert supervised_contrast(vectors, groups, 0.5).item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_smooth_ap_is_the_definition() -> None:
    vectors, groups = unit(6), torch.tensor([0, 0, 0, 1, 1, 2])
    precisions = []
    for q in range(5):
        similarity = (vectors @ vectors[q]).tolist()
        partners = [p for p in range(6) if p != q and groups[p] == groups[q]]

        def rank(i: int, among: list[int], similarity: list[float] = similarity) -> float:
            return 1 + sum(
                1 / (1 + math.exp(-(similarity[j] - similarity[i]) / 0.1)) for j in among if j != i
            )

        everyone = [j for j in range(6) if j != q]
        precisions.append(np.mean([rank(i, partners) / rank(i, everyone) for i in partners]))
    assert smooth_ap(vectors, groups, 0.1).item() == pytest.approx(1 - np.mean(precisions), rel=1e-5)


def test_smooth_ap_nears_average_precision_when_it_is_cold() -> None:
    """A query that finds its two partners at ranks 1 and 3 has AP (1 + 2/3) / 2."""
    angles = torch.tensor([0.0, 0.1, 0.2, 0.3])
    vectors = torch.stack([angles.cos(), angles.sin()], 1).double()
    groups = torch.tensor([0, 0, 1, 0])
    found = 1 - smooth_ap(vectors.float(), groups, 1e-5).item()
    # from 0: ranks 1, 3; from 0.1: to 0 and 0.2 it is equally near, so that place counts half, then 0.3
    first, last = (1 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2
    middle = (1 / 1.5 + 2 / 3) / 2
    assert found == pytest.approx((first + middle + last) / 3, abs=2e-3)


@pytest.mark.parametrize("loss", [supervised_contrast, smooth_ap])
def test_losses_on_groups_are_exact_under_mixed_precision(loss: Callable[..., Tensor]) -> None:
    vectors, groups = unit(12, seed=4).requires_grad_(), torch.arange(12) // 3
    exact = loss(vectors, groups, 0.05)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = loss(vectors, groups, 0.05)
    assert mixed.dtype == torch.float32 and mixed.item() == exact.item()
