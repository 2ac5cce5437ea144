"""How long a run goes, where it is, and how it ended: plain data."""

from dataclasses import dataclass
from typing import Literal

from marklens.training.schedules import MomentumSchedule

Ending = Literal["finished", "no-gain", "stopped", "time"]


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """How long and how fast, see `settings.TrainSettings` for the meaning of each."""

    batch: int = 64
    epochs: int = 100
    warm_up: float = 10.0
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    clip: float = 1.0
    momentum_schedule: MomentumSchedule = "constant"
    amp: bool = True
    patience: int = 10
    seed: int = 0
    minutes: float | None = None
    checkpoint_minutes: float = 10.0


@dataclass(frozen=True, slots=True)
class State:
    """Where a run is; with the tensors it is all that has to be known to go on.

    Random numbers need no state: every step seeds its own from (seed, epoch, step).

    Attributes:
        epoch: in hand, from 0.
        step: of this epoch that comes next.
        losses: sum over the steps of this epoch.
        best: the highest validation Recall@100 so far; -1 before the first.
        best_map: mAP@100 of that measurement: of equal recalls the more precise one is the best.
        best_epoch: in which that was, from 1; 0 is the network that training began with.
        stale: measurements since then.
        pieces: into how many a batch is cut because the whole did not fit into memory.
        over: nothing is left to do.
    """

    epoch: int = 0
    step: int = 0
    losses: float = 0.0
    best: float = -1.0
    best_map: float = -1.0
    best_epoch: int = 0
    stale: int = 0
    pieces: int = 1
    over: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended."""

    ending: Ending
    state: State
    steps: int
