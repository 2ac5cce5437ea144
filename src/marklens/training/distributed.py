"""Several processes that share a batch: what is gathered, summed and agreed on between them.

Gradients are averaged after the backward pass in one transfer, not by DistributedDataParallel: it is a few
lines that can be seen, and works the same with accumulated gradients. One bucket does not overlap with the
backward pass; with networks of 10 to 100 MB that costs little.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional

from marklens.training.losses import widened

PATIENCE = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Mesh:
    """The processes of a training run; a lone one needs no communication.

    Attributes:
        rank: number of this process, from 0.
        world: how many there are.
    """

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def gather(self, tensor: Tensor) -> Tensor:
        """Put the tensors (n, …) of all processes one behind the other; gradients find their way back."""
        if self.world == 1:
            return tensor
        gathered: Tensor = _Gather.apply(tensor.contiguous(), self.rank, self.world)  # type: ignore[no-untyped-call]
        return gathered

    def total(self, tensor: Tensor) -> Tensor:
        """Sum over all processes; gradients find their way back."""
        if self.world == 1:
            return tensor
        summed: Tensor = _Sum.apply(tensor)  # type: ignore[no-untyped-call]
        return summed

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of all gradients."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if self.world == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        flat /= self.world
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def mean(self, value: float, device: torch.device) -> float:
        """The mean of a number over all processes."""
        if self.world == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=device)
        dist.all_reduce(total)
        return float(total) / self.world

    def anyone(self, asks: bool, device: torch.device) -> bool:
        """Whether any process asks; all get the same answer."""
        return self.mean(float(asks), device) > 0

    def from_leader(self, value: float, device: torch.device) -> float:
        """What the process of rank 0 holds, for all."""
        if self.world == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64, device=device)
        dist.broadcast(told, 0)
        return float(told)


def join_mesh(device: torch.device) -> Mesh:
    """Join the processes that `torchrun` started; without it, be alone."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if world > 1 and not dist.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE)  # one packs views while the others wait
    return Mesh(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Mesh()


def leave_mesh() -> None:
    """Take leave of the other processes, if there are any."""
    with suppress(AssertionError, RuntimeError, ValueError):
        if dist.is_initialized():
            dist.destroy_process_group()


def synchronise_norms(module: nn.Module, mesh: Mesh) -> None:
    """Let every BatchNorm in a module take its statistics over all processes, in place.

    torch's own SyncBatchNorm works on GPUs only; this one works with gloo too, and the names of the tensors
    stay, so that checkpoints fit with any number of processes.
    """
    if mesh.world == 1:
        return
    for name, part in list(module.named_children()):
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            setattr(module, name, SharedBatchNorm(part, mesh))
        else:
            synchronise_norms(part, mesh)


class SharedBatchNorm(nn.Module):
    """BatchNorm (Ioffe & Szegedy 2015) over the batches of all processes, each with as many pictures.

    Args:
        norm: the one it takes the place of; its tensors are taken over, its activation too (timm).
        mesh: the processes.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d, mesh: Mesh) -> None:
        super().__init__()
        self.mesh, self.eps, self.momentum = mesh, norm.eps, norm.momentum or 0.1
        self.weight, self.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))
        self.drop: Any = getattr(norm, "drop", nn.Identity())
        self.act: Any = getattr(norm, "act", nn.Identity())

    def __deepcopy__(self, memo: dict[int, Any]) -> "SharedBatchNorm":
        raise NotImplementedError("synchronise after copying")

    def forward(self, features: Tensor) -> Tensor:
        """Float (n, channels, …) to the same shape."""
        if not self.training:
            made = functional.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
            return self.act(self.drop(made))  # type: ignore[no-any-return]
        axes = [axis for axis in range(features.ndim) if axis != 1]
        shape = [1, -1] + [1] * (features.ndim - 2)
        wide = widened(features)
        count = self.mesh.world * wide.numel() // wide.shape[1]
        mean = self.mesh.total(wide.sum(axes)) / count
        centred = wide - mean.view(shape)
        variance = self.mesh.total(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * count / max(1, count - 1))
        scaled = centred * (torch.rsqrt(variance + self.eps) * self.weight).view(shape) + self.bias.view(
            shape
        )
        return self.act(self.drop(scaled.to(features.dtype)))  # type: ignore[no-any-return]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked += 1


class _Gather(torch.autograd.Function):
    """All-gather whose backward pass sums what every process made of the part that was ours."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, rank: int, world: int) -> Tensor:
        ctx.place = slice(rank * len(tensor), (rank + 1) * len(tensor))
        parts = [torch.empty_like(tensor) for _ in range(world)]
        dist.all_gather(parts, tensor)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed[ctx.place], None, None


class _Sum(torch.autograd.Function):
    """All-reduce by sum; so is its backward pass."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        summed = tensor.clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed
