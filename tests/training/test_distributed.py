"""Two processes that share a batch learn what one process would.

In float64: an untrained network multiplies the rounding of float32 by a thousand within three steps, also
where one process merely sums in another order.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.training.drawn_pairs import SIZE, DrawnPairs
from torch import distributed as dist
from torch import multiprocessing

from marklens.training.backbones import create_backbone
from marklens.training.distributed import Mesh, synchronise_norms
from marklens.training.moco import LearnerOptions, PairLearner, Queue

OPTIONS = LearnerOptions(queue_size=16, head_width=16, head_dims=8, momentum=0.9)
BATCH, STEPS = 8, 2


def learn(mesh: Mesh, options: LearnerOptions) -> dict[str, torch.Tensor]:
    """A few plain steps; returns losses, weights and the queue's groups."""
    torch.manual_seed(0)
    learner = PairLearner(create_backbone("test_efficientnet", "none", SIZE), options).double()
    synchronise_norms(learner, mesh)
    optimizer = torch.optim.SGD([p for p in learner.parameters() if p.requires_grad], 0.005)
    losses = []
    for pairs in DrawnPairs().batches(0, BATCH, 0, mesh.rank, mesh.world):
        first, second, groups = (torch.from_numpy(p) for p in (pairs.first, pairs.second, pairs.groups))
        loss, keys = learner(first, second, groups, mesh)
        optimizer.zero_grad()
        loss.backward()
        mesh.average_gradients(learner.parameters())
        optimizer.step()
        learner.push(keys, groups, mesh)
        learner.follow(options.momentum, 0)
        losses.append(mesh.mean(loss.item(), torch.device("cpu")))
    queue = learner.queues["pooled"]
    assert isinstance(queue, Queue)
    weights = {name: value for name, value in learner.state_dict().items() if "queues" not in name}
    return {
        **weights,
        "losses": torch.tensor(losses, dtype=torch.float64),
        "groups": queue.groups.sort().values,
    }


def process(rank: int, store: str, options: LearnerOptions) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    made = learn(Mesh(rank, 2), options)
    torch.save(made, f"{store}.{rank}")
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [OPTIONS, replace(OPTIONS, momentum=0.0), replace(OPTIONS, objective="supervised")],
    ids=["momentum", "both-sides", "groups"],
)
def test_two_processes_equal_one(tmp_path: Path, options: LearnerOptions) -> None:
    multiprocessing.spawn(process, (str(tmp_path / "store"), options), 2)
    alone = learn(Mesh(), options)
    one, other = (torch.load(tmp_path / f"store.{rank}", weights_only=True) for rank in (0, 1))
    assert one.keys() == alone.keys()  # checkpoints fit whatever the number of processes
    assert torch.equal(one["losses"], other["losses"])
    assert torch.allclose(one["losses"], alone["losses"], rtol=1e-6, atol=0)
    assert torch.equal(one["groups"], alone["groups"])
    for name in one:
        assert torch.equal(one[name], other[name]), name
        if one[name].is_floating_point():
            assert torch.allclose(one[name], alone[name], rtol=1e-5, atol=1e-7), name
