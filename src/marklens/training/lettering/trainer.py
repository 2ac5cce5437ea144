"""The training loop of the lettering network: made for two CPU cores and less than an hour."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from marklens.training.lettering.network import LetteringNet
from marklens.training.lettering.samples import AREA, Sample, batches, padded
from marklens.training.prefetching import prefetched

LEARNING_RATE = 4e-3
WARM_UP = 60
"""Steps."""
GROUND_WEIGHT = 0.1
"""Of the ground beside the inks: there is nothing to remove, so that little depends on it."""
SOFTENING = 30.0
"""Ink (in 2×2 cells) below which a text or figure loses weight: specks shall not rule."""
AVERAGED = 20
"""Steps over which the weights that are kept are averaged (Polyak)."""
MEASURE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Measured:
    """How training goes.

    Attributes:
        minutes: since the start.
        samples: seen so far.
        loss: running mean.
        recall: share of the text's ink that is found, mean over pictures.
        erased: share of the figure's ink that is taken for text, mean over pictures.
    """

    minutes: float
    samples: int
    loss: float
    recall: float
    erased: float


def train(
    samples: Sequence[Sample],
    validation: Sequence[Sample],
    minutes: float,
    seed: int,
    on_measured: Callable[[Measured], None],
    area: int = AREA,
    steps: int | None = None,
) -> LetteringNet:
    """Train for so many minutes or steps and return the averaged network.

    Without `steps`, how far it gets depends on the machine.

    Args:
        samples: to learn from.
        validation: measured every two minutes, and at the end.
        minutes: after which it ends; the learning rate falls towards that.
        seed: of weights, order and changes.
        on_measured: hears how it goes.
        area: pixels of a batch.
        steps: after which it ends, if that comes before the minutes are over.
    """
    torch.manual_seed(seed)
    network = LetteringNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    kept = torch.optim.swa_utils.AveragedModel(network, avg_fn=_averaged, use_buffers=True)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-4)
    started = measured = perf_counter()
    seen, running = 0, float("nan")
    made = prefetched(lambda: batches(samples, np.random.default_rng(seed), area), ahead=6)
    for step, (pictures, shares) in enumerate(made):
        done = max((perf_counter() - started) / 60 / minutes, step / steps if steps else 0.0)
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, done)
        loss = balanced_loss(network(_planes(pictures)), torch.from_numpy(shares))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        kept.update_parameters(network)
        seen += len(pictures)
        running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
        if perf_counter() - measured > MEASURE_SECONDS:
            measured = perf_counter()
            on_measured(Measured((measured - started) / 60, seen, running, *measure(kept.module, validation)))
    on_measured(Measured((perf_counter() - started) / 60, seen, running, *measure(kept.module, validation)))
    assert isinstance(kept.module, LetteringNet)
    return kept.module


def balanced_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Cross entropy in which a picture's text and figure weigh the same, however much ink they have.

    Args:
        logits: float (n, 1, h, w).
        shares: float (n, 2, h, w), of text and figure, 0..1.
    """
    logits, text, figure = logits[:, 0], shares[:, 0], shares[:, 1]
    ground = 1 - (text + figure).clamp(max=1)
    of_text = text / (text.sum((1, 2), keepdim=True) + SOFTENING)
    of_figure = figure / (figure.sum((1, 2), keepdim=True) + SOFTENING)
    of_ground = GROUND_WEIGHT * ground / ground.sum((1, 2), keepdim=True).clamp(min=1)
    loss = functional.softplus(-logits) * of_text + functional.softplus(logits) * (of_figure + of_ground)
    return loss.sum((1, 2)).mean()


def measure(network: torch.nn.Module, samples: Sequence[Sample]) -> tuple[float, float]:
    """Mean share of the text's ink found, and of the figure's taken for text."""
    network.eval()
    found, erased = [], []
    with torch.inference_mode():
        for pictures, shares in padded(samples):
            letters = (network(_planes(pictures))[0, 0] > 0).numpy()
            text, figure = shares[0]
            if text.any():
                found.append(float((text * letters).sum() / text.sum()))
            if figure.any():
                erased.append(float((figure * letters).sum() / figure.sum()))
    network.train()
    return float(np.mean(found)), float(np.mean(erased))


def _averaged(kept: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
    share = 1 / (1 + min(int(count), AVERAGED))
    return kept + (new - kept) * share


def _rate(step: int, done: float) -> float:
    """Linear warm-up, then half a cosine down to nearly nothing."""
    return LEARNING_RATE * min(1.0, (step + 1) / WARM_UP) * (0.5 * (1 + math.cos(math.pi * done)) + 0.01)


def _planes(pictures: np.ndarray) -> Tensor:
    planes = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    return planes.contiguous(memory_format=torch.channels_last)
