"""What is made small: contrast of pairs with masked negatives, contrast of groups, smooth precision.

All take unit vectors and work in float32 even under mixed precision.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import torch
from torch import Tensor
from torch.nn import functional

P = ParamSpec("P")


def in_float32(loss: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """A loss whose products are not cast down by an autocast around it; its first argument is a tensor."""

    @wraps(loss)
    def computed(*given: P.args, **named: P.kwargs) -> Tensor:
        vectors = given[0]
        assert isinstance(vectors, Tensor)
        with torch.autocast(vectors.device.type, enabled=False):
            return loss(*given, **named)

    return computed


@in_float32
def masked_contrast(
    queries: Tensor, positives: Tensor, negatives: Tensor, allowed: Tensor, temperature: float
) -> Tensor:
    """InfoNCE in which only true strangers count as negatives.

    −log(exp(q·p/t) / (exp(q·p/t) + Σ_allowed exp(q·n/t))), mean over the queries. Source: van den Oord, Li,
    Vinyals, Representation Learning with Contrastive Predictive Coding (2018); with a queue as in He et al.,
    Momentum Contrast (2020).

    Args:
        queries: float (n, d).
        positives: float (n, d), the partner of each query.
        negatives: float (m, d).
        allowed: bool (n, m), False where a negative belongs to the query's own group or is no vector yet.
        temperature: divides the similarities; the smaller, the more the hardest negatives count.
    """
    queries, positives, negatives = widened(queries), widened(positives), widened(negatives)
    positive = (queries * positives).sum(1, keepdim=True)
    strangers = (queries @ negatives.T).masked_fill(~allowed, -torch.inf)
    logits = torch.cat([positive, strangers], 1) / temperature
    return functional.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


@in_float32
def supervised_contrast(vectors: Tensor, groups: Tensor, temperature: float) -> Tensor:
    """Contrast in which every other vector of the same group is a positive.

    The L_out of Khosla et al., Supervised Contrastive Learning (2020), equation 2, mean over the vectors that
    have a partner.

    Args:
        vectors: float (n, d).
        groups: int64 (n,).
        temperature: divides the similarities.
    """
    itself, partner = _relations(groups)
    logits = (widened(vectors) @ widened(vectors).T / temperature).masked_fill(itself, -torch.inf)
    likelihoods = functional.log_softmax(logits, 1).masked_fill(~partner, 0)
    counts = partner.sum(1)
    return -(likelihoods.sum(1) / counts.clamp(min=1))[counts > 0].mean()


@in_float32
def smooth_ap(vectors: Tensor, groups: Tensor, temperature: float) -> Tensor:
    """One minus average precision, with a sigmoid in the place of every comparison of two similarities.

    AP of a query = mean over its partners i of R(i, partners) / R(i, all), where R(i, S) = 1 + Σ_{j∈S, j≠i}
    σ((s_j − s_i) / t). Source: Brown et al., Smooth-AP: Smoothing the Path Towards Large-Scale Image
    Retrieval (2020), equation 6. Memory grows with n³.

    Args:
        vectors: float (n, d).
        groups: int64 (n,).
        temperature: of the sigmoid; 0.01 in the paper.

    Returns:
        mean over the vectors that have a partner, 0..1.
    """
    itself, partner = _relations(groups)
    similarities = widened(vectors) @ widened(vectors).T
    ahead = torch.sigmoid((similarities[:, None, :] - similarities[:, :, None]) / temperature)
    others = ~itself[:, None, :] & ~itself[None, :, :]  # neither the query itself nor i compared with itself
    rank = 1 + (ahead * others).sum(2)
    rank_among_partners = 1 + (ahead * (others & partner[:, None, :])).sum(2)
    precision = (rank_among_partners / rank * partner).sum(1)
    counts = partner.sum(1)
    return 1 - (precision / counts.clamp(min=1))[counts > 0].mean()


def widened(tensor: Tensor) -> Tensor:
    """The same numbers in float32 at least."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _relations(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Two bool (n, n): the same vector, and another one of the same group."""
    itself = torch.eye(len(groups), dtype=torch.bool, device=groups.device)
    return itself, (groups[:, None] == groups[None, :]) & ~itself
