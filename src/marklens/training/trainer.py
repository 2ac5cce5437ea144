"""The loop that trains: every step is made here, and every way it can end."""

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from time import monotonic
from typing import Any, Literal

import torch
from loguru import logger
from torch import Tensor

from marklens.core.errors import MarklensError
from marklens.core.ports import Progress
from marklens.core.resources import StopFlag, sampled_resources
from marklens.training.batches import PairBatch, PairSource
from marklens.training.checkpoints import RunFolder, recipe_of
from marklens.training.distributed import Mesh, synchronise_norms
from marklens.training.moco import PairLearner, Projected
from marklens.training.precision import half_type, keep_depthwise_single
from marklens.training.prefetching import prefetched
from marklens.training.run_log import RunLog
from marklens.training.run_state import Ending, LoopOptions, Outcome, State
from marklens.training.schedules import learning_rate, momentum_at
from marklens.training.validation import Gallery, measure

LOGGED_STEPS = 50


class Trainer:
    """Trains a learner on pairs until it is finished, finds no more, is stopped, or the time is over.

    Args:
        learner: what learns.
        source: makes the pairs.
        gallery: what is measured after each epoch; without it the newest network counts as the best.
        options: how long and how fast.
        folder: where the run lives; a run in it is gone on with.
        device: what computes.
        mesh: the processes that share each batch.
    """

    def __init__(
        self,
        learner: PairLearner,
        source: PairSource,
        gallery: Gallery | None,
        options: LoopOptions,
        folder: RunFolder,
        device: torch.device,
        mesh: Mesh | None = None,
    ) -> None:
        self.source, self.gallery, self.options, self.folder = source, gallery, options, folder
        self.device, self.mesh, self.state = device, mesh or Mesh(), State()
        self.learner = learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        synchronise_norms(self.learner, self.mesh)
        self.optimizer = torch.optim.AdamW(
            _decayed(self.learner, options.weight_decay), options.learning_rate
        )
        if options.amp and device.type == "cpu":
            keep_depthwise_single(self.learner)
        scales = options.amp and device.type == "cuda"
        self.scaler = torch.amp.GradScaler(device.type, enabled=scales)
        self.steps = source.steps(options.batch)
        self._restore()

    def run(self, progress: Progress, stop: StopFlag) -> Outcome:
        """Train on from where the run is."""
        writes = self.mesh.leads
        self.log = RunLog(
            self.folder.metrics if writes else None,
            self.made or -1,  # at the beginning the network is measured again
            self.folder.root / "tensorboard",
        )
        self._started = self._saved = monotonic()
        self._seen = 0
        try:
            with sampled_resources("train", lambda: self._seen):
                ending = self._loop(progress, stop)
        finally:
            self.log.close()
        return Outcome(ending, self.state, self.made)

    @property
    def made(self) -> int:
        """Steps since the beginning of the run."""
        return self.state.epoch * self.steps + self.state.step

    def _loop(self, progress: Progress, stop: StopFlag) -> Ending:
        if self.made == 0 and self.state.best < 0:
            self._measure(0)
        while not self.state.over:
            progress.start(f"epoch {self.state.epoch + 1} of {self.options.epochs}", self.steps)
            progress.advance(self.state.step, skipped=True)
            for batch in self._batches():
                self._step(batch)
                progress.advance(1)
                if reason := self._why_stop(stop):
                    if reason == "time" and self.state.step < self.steps:  # else the next call does
                        self._measure(self.state.epoch + 1)
                    elif self.gallery is None and self.mesh.leads:  # the newest network is the best one
                        self.folder.save_best(self.learner.best_backbone, {})
                    self._save()
                    return reason
                if self._due():
                    self._save()
            self._measure(self.state.epoch + 1)
            self._end_epoch()
            self._save()
        return "finished" if self.state.epoch >= self.options.epochs else "no-gain"

    def _step(self, batch: PairBatch) -> None:
        """Learn from one batch; one that does not fit into memory is cut in two, and again."""
        torch.manual_seed(zlib.crc32(f"{self.options.seed} {self.made} {self.mesh.rank}".encode()))
        total = self.options.epochs * self.steps
        rate = learning_rate(
            self.made, total, round(self.options.warm_up * self.steps), self.options.learning_rate
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        while True:
            try:
                loss, norm = self._learn(batch)
                break
            except Exception as error:
                if not _is_out_of_memory(error) or 2 * self.state.pieces > len(batch) or self.mesh.world > 1:
                    raise
            self.state = replace(self.state, pieces=2 * self.state.pieces)
            self.optimizer.zero_grad()
            logger.warning("out of memory: going on with each batch in {} pieces", self.state.pieces)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
        momentum = momentum_at(
            self.made, total, self.learner.options.momentum, self.options.momentum_schedule
        )
        self.learner.follow(momentum, self.made)
        self.state = replace(self.state, step=self.state.step + 1, losses=self.state.losses + loss)
        self._seen += 2 * len(batch) * self.mesh.world
        self.log.count(2 * len(batch) * self.mesh.world)
        if self.made % LOGGED_STEPS == 0:
            self.log.row("step", self.made, {"loss": loss, "lr": rate, "gradient": norm})

    def _learn(self, batch: PairBatch) -> tuple[float, float]:
        """Loss and gradient's length of a batch; weights and queue have taken it in afterwards."""
        self.learner.train()
        self.optimizer.zero_grad()
        pushed: list[tuple[Projected, Tensor]] = []
        loss_sum = 0.0
        for first, second, groups in self._pieces(batch):
            share = len(groups) / len(batch)
            with torch.autocast(self.device.type, half_type(self.device), enabled=self.options.amp):
                loss, keys = self.learner(first, second, groups, self.mesh)
            self.scaler.scale(loss * share).backward()
            pushed.append((keys, groups))
            loss_sum += loss.item() * share
        mean = self.mesh.mean(loss_sum, self.device)
        if not self.scaler.is_enabled():
            _require_number(mean, "loss")
        self.mesh.average_gradients(self.learner.parameters())
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self.learner.parameters(), self.options.clip)
        if not self.scaler.is_enabled():
            _require_number(float(norm), "length of the gradient")
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if math.isfinite(mean):  # a step that the scaler skips leaves no keys either
            for keys, groups in pushed:
                self.learner.push(keys, groups, self.mesh)
        return mean, float(norm)

    def _pieces(self, batch: PairBatch) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The batch on the device, in as many pieces as it takes to fit; each contrasts within itself."""
        parts = [torch.from_numpy(part) for part in (batch.first, batch.second, batch.groups)]
        for first, second, groups in zip(*(p.chunk(self.state.pieces) for p in parts), strict=True):
            yield first.to(self.device), second.to(self.device), groups.to(self.device)

    def _batches(self) -> Iterator[PairBatch]:
        state, mesh = self.state, self.mesh
        return prefetched(
            lambda: self.source.batches(state.epoch, self.options.batch, state.step, mesh.rank, mesh.world)
        )

    def _measure(self, epoch: int) -> None:
        """Measure the network in an epoch, counted from 1; keep it if no earlier one was better."""
        state = self.state
        numbers = {"loss": state.losses / state.step} if state.step else {}
        recall = precise = -1.0
        if self.mesh.leads and self.gallery is not None:
            measures = asdict(measure(self.learner.best_backbone, self.gallery, self.device))
            recall, precise = measures["recall_at_100"], measures["map_at_100"]
            numbers = {**numbers, **measures}
        recall, precise = (self.mesh.from_leader(value, self.device) for value in (recall, precise))
        if self.gallery is None or (recall, precise) > (state.best, state.best_map):
            self.state = replace(state, best=recall, best_map=precise, best_epoch=epoch, stale=0)
            if self.mesh.leads:
                self.folder.save_best(self.learner.best_backbone, numbers)
        else:
            self.state = replace(state, stale=state.stale + (state.step == self.steps))
        self.log.row("epoch", self.made, {"epoch": epoch, **numbers, "best": self.state.best})

    def _end_epoch(self) -> None:
        epoch = self.state.epoch + 1
        over = epoch >= self.options.epochs or self.state.stale >= self.options.patience
        self.state = replace(self.state, epoch=epoch, step=0, losses=0.0, over=over)

    def _why_stop(self, stop: StopFlag) -> Literal["stopped", "time"] | None:
        if self.mesh.anyone(bool(stop), self.device):
            return "stopped"
        minutes = self.options.minutes
        late = minutes is not None and monotonic() - self._started > 60 * minutes
        return "time" if self.mesh.anyone(late, self.device) else None

    def _due(self) -> bool:
        return monotonic() - self._saved > 60 * self.options.checkpoint_minutes

    def _save(self) -> None:
        self._saved = monotonic()
        if self.mesh.leads:
            self.folder.save(self.made, self._content())

    def _content(self) -> Mapping[str, Any]:
        return {
            "recipe": recipe_of(self.learner.query.backbone),
            "state": asdict(self.state),
            "learner": self.learner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def _restore(self) -> None:
        content = self.folder.latest()
        if content is None:
            return
        state = State(**content["state"])
        over = state.epoch >= self.options.epochs or state.stale >= self.options.patience
        self.state = replace(state, over=over)
        self.learner.load_state_dict(content["learner"])
        self.optimizer.load_state_dict(content["optimizer"])
        if content["scaler"]:  # there is none in a run that began on a CPU
            self.scaler.load_state_dict(content["scaler"])
        logger.info("going on after step {}", self.made)


def _require_number(value: float, what: str) -> None:
    if not math.isfinite(value):
        raise MarklensError(
            f"the {what} is no number any more: lower train.learning_rate, or set train.amp to false"
        )


def _decayed(learner: PairLearner, weight_decay: float) -> list[dict[str, Any]]:
    """Biases and the scales of normalisations are not pulled to zero."""
    learned = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )
