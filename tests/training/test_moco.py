"""The queue is a deque, negatives of the same group are none, and both sides of a pair learn alike."""

from collections import deque
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.drawn_pairs import SIZE, DrawnPairs

from marklens.training.backbones import LITE0, create_backbone
from marklens.training.distributed import Mesh
from marklens.training.moco import NOBODY, LearnerOptions, PairLearner, Projected, Queue
from marklens.training.schedules import learning_rate, momentum_at

OPTIONS = LearnerOptions(queue_size=8, head_width=16, head_dims=8, momentum=0.9)


def learner(options: LearnerOptions = OPTIONS) -> PairLearner:
    torch.manual_seed(0)
    return PairLearner(create_backbone("test_efficientnet", "none", SIZE), options)


def pairs(batch: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    made = next(DrawnPairs().batches(0, batch))
    return torch.from_numpy(made.first), torch.from_numpy(made.second), torch.from_numpy(made.groups)


@settings(deadline=None)
@given(st.integers(0, 9), st.lists(st.integers(0, 13), max_size=8))
def test_a_queue_is_a_deque(size: int, pushes: list[int]) -> None:
    queue, twin, number = Queue(size, 2), deque[int](maxlen=size), 0
    for count in pushes:
        new = torch.arange(number, number + count)
        queue.push(torch.stack([new, -new], 1).float(), new)
        twin.extend(new.tolist())
        number += count
    held = queue.groups != NOBODY
    assert sorted(queue.groups[held].tolist()) == sorted(twin)
    assert torch.equal(queue.keys[held], torch.stack([queue.groups[held], -queue.groups[held]], 1).float())
    oldest = torch.roll(queue.groups, -int(queue.pointer))
    assert oldest[oldest != NOBODY].tolist() == list(twin)


def test_a_key_of_the_own_group_in_the_queue_is_no_negative() -> None:
    made = learner(replace(OPTIONS, momentum=0.0, pooled_weight=0.0)).eval()
    first, second, groups = pairs()
    before = made(first, second, groups, Mesh())[0].item()
    keys = Projected(torch.randn(4, 8), torch.randn(4, made.query.backbone.dims))
    queue = made.queues["head"]
    assert isinstance(queue, Queue)
    queue.push(keys.head, groups[0, :1].expand(4))
    with torch.no_grad():
        losses = [made(first[i : i + 1], second[i : i + 1], groups[i : i + 1], Mesh())[0] for i in range(4)]
    assert losses[0].item() == pytest.approx(0, abs=1e-6)  # nobody else is there
    assert all(
        loss.item() > 1e-3 for loss, group in zip(losses, groups[:, 0], strict=True) if group != groups[0, 0]
    )
    assert made(first, second, groups, Mesh())[0].item() > before


def test_a_key_of_the_other_mark_in_the_queue_is_no_negative_of_a_pair() -> None:
    made = learner(replace(OPTIONS, momentum=0.0, pooled_weight=0.0)).eval()
    first, second, groups = pairs()
    groups[0, 1] = 77  # codes made this pair
    queue = made.queues["head"]
    assert isinstance(queue, Queue)
    queue.push(torch.randn(4, 8), torch.tensor([77, 77, 77, 77]))
    with torch.no_grad():
        losses = [made(first[i : i + 1], second[i : i + 1], groups[i : i + 1], Mesh())[0] for i in range(4)]
    assert losses[0].item() == pytest.approx(0, abs=1e-6)
    assert all(loss.item() > 1e-3 for loss in losses[1:])


def test_both_sides_of_the_pairs_are_treated_alike() -> None:
    made = learner(replace(OPTIONS, momentum=0.0)).eval()
    first, second, groups = pairs()
    gradients = []
    for sides in ((first, second), (second, first)):
        made.zero_grad()
        made(*sides, groups, Mesh())[0].backward()
        gradients.append([p.grad.clone() for p in made.parameters() if p.grad is not None])
    for one, other in zip(*gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_the_key_encoder_follows_and_gets_no_gradient() -> None:
    made = learner()
    assert made.key is not None
    first, second, groups = pairs()
    made(first, second, groups, Mesh())[0].backward()
    assert all(parameter.grad is None for parameter in made.key.parameters())
    with torch.no_grad():
        for parameter in made.query.parameters():
            parameter += 1
    before = [parameter.clone() for parameter in made.key.parameters()]
    made.follow(0.9, 0)
    for old, new in zip(before, made.key.parameters(), strict=True):
        assert torch.allclose(new - old, torch.full_like(old, 0.1), atol=1e-6)


def test_running_statistics_of_the_key_encoder_are_its_own() -> None:
    made = learner()
    assert made.key is not None
    first, second, groups = pairs()
    made(first, second, groups, Mesh())
    name = next(name for name, _ in made.key.named_buffers() if name.endswith("num_batches_tracked"))
    assert int(dict(made.key.named_buffers())[name]) == 1
    before = {name: value.clone() for name, value in made.key.named_buffers()}
    made.follow(0.5, 0)
    assert all(torch.equal(before[name], value) for name, value in made.key.named_buffers())


def test_without_queue_and_momentum_there_is_one_encoder() -> None:
    made = learner(replace(OPTIONS, momentum=0.0, queue_size=0))
    assert made.key is None
    first, second, groups = pairs()
    loss, keys = made(first, second, groups, Mesh())
    made.push(keys, groups, Mesh())
    assert torch.isfinite(loss)


@pytest.mark.parametrize("objective", ["supervised", "smooth-ap"])
def test_groups_can_be_learned(objective: str) -> None:
    made = learner(replace(OPTIONS, objective=objective, temperature=0.1))  # type: ignore[arg-type]
    loss, _ = made(*pairs(), Mesh())
    loss.backward()
    assert any(p.grad is not None and bool(p.grad.any()) for p in made.query.backbone.parameters())


def test_schedules_by_hand() -> None:
    assert [learning_rate(step, 10, 4, 1.0) for step in (0, 3)] == [0.25, 1.0]
    assert learning_rate(7, 10, 4, 1.0) == pytest.approx(0.5)
    assert learning_rate(10, 10, 4, 1.0) == pytest.approx(0.0)
    assert momentum_at(5, 10, 0.9, "constant") == 0.9
    assert [momentum_at(step, 10, 0.9, "cosine") for step in (0, 5, 10)] == pytest.approx([0.9, 0.95, 1.0])


def test_the_loss_may_pool_as_searching_does() -> None:
    backbone = create_backbone(LITE0, "none", SIZE)  # its map ends in a ReLU
    made = PairLearner(backbone, replace(OPTIONS, pooling="generalised"))
    assert made.query.power > 1 and learner().query.power == 1
    loss, _ = made(*pairs(), Mesh())
    loss.backward()
    gradients = [p.grad for p in made.query.backbone.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)
