"""Numbers that follow from how far training is; there is no state to keep or to lose."""

import math
from typing import Literal

MomentumSchedule = Literal["constant", "cosine"]


def learning_rate(step: int, steps: int, warm_up: int, peak: float) -> float:
    """Rise in a line to `peak` over the warm-up, then fall along half a cosine to nearly nothing.

    Source: Loshchilov & Hutter, SGDR (2017), without restarts.

    Args:
        step: the step about to be made, from 0.
        steps: of the whole training.
        warm_up: steps of rising.
        peak: the highest rate.
    """
    if step < warm_up:
        return peak * (step + 1) / warm_up
    done = (step - warm_up) / max(1, steps - warm_up)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def momentum_at(step: int, steps: int, base: float, schedule: MomentumSchedule) -> float:
    """Momentum of the key encoder: the same all the time, or along half a cosine from `base` to 1.

    Source of the latter: Chen, Xie, He, MoCo v3 (2021), after BYOL (Grill et al. 2020).
    """
    if schedule == "constant":
        return base
    return 1 - (1 - base) * 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))
