"""MoCo with queue: the hybrid of MoCo v2's queue and MoCo v3's prediction head and symmetrised loss.

MoCo v3 (Chen, Xie, He 2021) takes its negatives from a batch of thousands, which no single GPU of 12 GB
holds; v1 and v2 (He et al. 2020; Chen et al. 2020) take them from a queue of older keys. Here a query meets
both: the other keys of its batch and the queue. Since some negatives come from the query's own batch, batch
statistics tell nothing about which key is the positive, which is what "shuffling BN" was made to hide.

BatchNorm on purpose: the key encoder normalises with the statistics of its own batches, as the query encoder
does, and keeps running statistics of its own from them: those fit its averaged weights, the query encoder's
do not. Only parameters follow by momentum. The averaged network that is measured and exported is never run
while training, so its running statistics are averaged with its weights.

Without momentum there is no second encoder: both sides have gradients (SimCLR, Chen et al. 2020), and a queue
then holds detached keys of the steps before (XBM, Wang et al. 2020).
"""

import copy
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from marklens.training.backbones import Backbone, pool, pooling_power
from marklens.training.distributed import Mesh
from marklens.training.losses import masked_contrast, smooth_ap, supervised_contrast, widened

M = TypeVar("M", bound=nn.Module)
Objective = Literal["contrast", "supervised", "smooth-ap"]
NOBODY = -1
"""The group of a place in the queue that holds no key yet."""


@dataclass(frozen=True, slots=True)
class LearnerOptions:
    """What is learned, see `settings.TrainSettings` for the meaning of each."""

    objective: Objective = "contrast"
    queue_size: int = 65_536
    momentum: float = 0.999
    temperature: float = 0.2
    head_width: int = 1024
    head_dims: int = 256
    head_weight: float = 1.0
    pooled_weight: float = 1.0
    pooling: Literal["mean", "generalised"] = "mean"
    average: float = 0.0

    @property
    def spaces(self) -> dict[str, float]:
        """The spaces in which pairs are compared, with their weights: ``head``, ``pooled`` or both."""
        weights = {"head": self.head_weight, "pooled": self.pooled_weight}
        return {name: weight for name, weight in weights.items() if weight > 0}


class Projected(NamedTuple):
    """Unit vectors of one side of the pairs in every space, float (n, d) each."""

    head: Tensor
    pooled: Tensor

    def halves(self) -> "tuple[Projected, Projected]":
        """Both sides of a forward pass that held them one after the other."""
        first, second = zip(*(space.chunk(2) for space in self), strict=True)
        return Projected(*first), Projected(*second)


class Queue(nn.Module):
    """The newest keys, first in, first out, with the group of each; a write that passes the end goes on at 0.

    Args:
        size: keys held.
        dims: of a key.
    """

    keys: Tensor
    groups: Tensor
    pointer: Tensor

    def __init__(self, size: int, dims: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(size, dims))
        self.register_buffer("groups", torch.full((size,), NOBODY, dtype=torch.int64))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def push(self, keys: Tensor, groups: Tensor) -> None:
        """Put in keys (n, dims) with their groups (n,); of more than fit only the newest stay."""
        size = len(self.groups)
        keys, groups = keys[-size:] if size else keys[:0], groups[-size:] if size else groups[:0]
        places = (self.pointer + torch.arange(len(groups), device=groups.device)) % max(1, size)
        self.keys[places] = keys.to(self.keys.dtype)
        self.groups[places] = groups
        self.pointer.copy_((self.pointer + len(groups)) % max(1, size))


class Encoder(nn.Module):
    """A backbone and the projection head that contrast is easier in (Chen et al., SimCLR, 2020)."""

    def __init__(self, backbone: Backbone, options: LearnerOptions) -> None:
        super().__init__()
        self.backbone = backbone
        self.power = pooling_power(backbone) if options.pooling == "generalised" else 1.0
        self.projection = _perceptron(backbone.dims, options.head_width, options.head_dims)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Map uint8 (n, size, size, 3) to the projection (n, head_dims) and pooled features (n, dims)."""
        pooled = pool(self.backbone(pixels), self.power)
        return self.projection(pooled), pooled


class PairLearner(nn.Module):
    """Encoders, heads and queues, and the loss of a batch of pairs."""

    def __init__(self, backbone: Backbone, options: LearnerOptions) -> None:
        super().__init__()
        self.options = options
        self.query = Encoder(backbone, options)
        self.predictor = _perceptron(options.head_dims, options.head_width, options.head_dims)
        self.key = _frozen(self.query) if options.momentum > 0 else None
        self.averaged = _frozen(backbone) if options.average > 0 else None
        dims = {"head": options.head_dims, "pooled": backbone.dims}
        size = options.queue_size if options.objective == "contrast" else 0  # losses on groups have none
        self.queues = nn.ModuleDict({name: Queue(size, dims[name]) for name in options.spaces})

    @property
    def best_backbone(self) -> Backbone:
        """The network to measure and to export."""
        return self.query.backbone if self.averaged is None else self.averaged

    def forward(self, first: Tensor, second: Tensor, groups: Tensor, mesh: Mesh) -> tuple[Tensor, Projected]:
        """The loss of pairs and the keys to push once the step is made.

        Args:
            first: uint8 (n, size, size, 3), one side of the pairs.
            second: the other side, of the same shape.
            groups: int64 (n, 2), of both sides.
            mesh: the processes that share the batch; every query meets the keys of all of them.

        Returns:
            a scalar, and keys (2n, d), first sides then second sides, detached.
        """
        pixels = torch.cat([first, second])
        projected, pooled = self.query(pixels)
        queries = _unit(self.predictor(projected), pooled)
        if self.options.objective != "contrast":
            return self._grouped(_unit(projected, pooled), groups.T.flatten(), mesh), queries
        keys = self._keys(pixels, projected, pooled)
        return self._contrast(queries, keys, groups, mesh), Projected(*(space.detach() for space in keys))

    def _keys(self, pixels: Tensor, projected: Tensor, pooled: Tensor) -> Projected:
        if self.key is None:
            return _unit(projected, pooled)
        with torch.no_grad():
            return _unit(*self.key(pixels))

    def _contrast(self, queries: Projected, keys: Projected, groups: Tensor, mesh: Mesh) -> Tensor:
        """Each side asks for the other one (Chen, Xie, He 2021, algorithm 1)."""
        (first, second), (key_first, key_second) = queries.halves(), keys.halves()
        total = queries.head.new_zeros(())
        for space, weight in self.options.spaces.items():
            place = Projected._fields.index(space)
            for query, key, owners in ((first, key_second, groups[:, 1]), (second, key_first, groups[:, 0])):
                loss = self._one_side(space, query[place], key[place], owners, groups, mesh)
                total = total + weight * loss / 2
        return total

    def _one_side(
        self, space: str, queries: Tensor, keys: Tensor, owners: Tensor, groups: Tensor, mesh: Mesh
    ) -> Tensor:
        """Queries (n, d) against all keys, of `owners` (n,), but those of their pair's groups (n, 2)."""
        queue = self.queues[space]
        assert isinstance(queue, Queue)
        negatives = torch.cat([mesh.gather(keys), queue.keys])
        everyone = torch.cat([mesh.gather(owners), queue.groups])
        own = (everyone[None, :, None] == groups[:, None, :]).any(2)
        allowed = ~own & (everyone != NOBODY)[None, :]
        return masked_contrast(queries, keys, negatives, allowed, self.options.temperature)

    def _grouped(self, vectors: Projected, groups: Tensor, mesh: Mesh) -> Tensor:
        everyone = mesh.gather(groups)
        total = vectors.head.new_zeros(())
        for space, weight in self.options.spaces.items():
            gathered = mesh.gather(getattr(vectors, space))
            if self.options.objective == "smooth-ap":
                total = total + weight * smooth_ap(gathered, everyone, self.options.temperature)
            else:
                total = total + weight * supervised_contrast(gathered, everyone, self.options.temperature)
        return total

    @torch.no_grad()
    def push(self, keys: Projected, groups: Tensor, mesh: Mesh) -> None:
        """Queue the keys (2n, d) of a batch whose pairs have these groups (n, 2), from all processes."""
        owners = mesh.gather(groups.T.flatten())
        for space, queue in self.queues.items():
            assert isinstance(queue, Queue)
            queue.push(mesh.gather(getattr(keys, space)), owners)

    @torch.no_grad()
    def follow(self, momentum: float, step: int) -> None:
        """Move the key encoder and the averaged network towards the query encoder after a step.

        The average takes early steps in faster, else it would stay near the weights it began with.
        """
        if self.key is not None:
            for slow, fast in zip(self.key.parameters(), self.query.parameters(), strict=True):
                slow.lerp_(fast, 1 - momentum)
        if self.averaged is not None:
            share = 1 - min(self.options.average, (1 + step) / (10 + step))
            state = self.query.backbone.state_dict()
            for name, slow in self.averaged.state_dict().items():
                if slow.is_floating_point():
                    slow.lerp_(state[name], share)
                else:
                    slow.copy_(state[name])


def _unit(head: Tensor, pooled: Tensor) -> Projected:
    return Projected(functional.normalize(widened(head), dim=1), functional.normalize(widened(pooled), dim=1))


def _perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(inplace=True),
        nn.Linear(width, outputs),
    )


def _frozen(module: M) -> M:
    """A copy that no gradient reaches."""
    return copy.deepcopy(module).requires_grad_(False)
