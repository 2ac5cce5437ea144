"""Training goes on where it was, whatever ended it, and two runs of one seed are the same run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.drawn_pairs import SIZE, DrawnPairs, gallery

from marklens.core.errors import ArtifactError, UsageError
from marklens.core.resources import StopFlag
from marklens.training.backbones import create_backbone
from marklens.training.checkpoints import RunFolder, load_backbone, read_checkpoint
from marklens.training.moco import LearnerOptions, PairLearner
from marklens.training.run_state import LoopOptions, Outcome
from marklens.training.trainer import Trainer

LEARNER = LearnerOptions(queue_size=21, head_width=16, head_dims=8, momentum=0.9, average=0.9)
LOOP = LoopOptions(batch=6, epochs=3, warm_up=0.5, learning_rate=1e-3, amp=False, patience=9)


class Quiet:
    """A progress that sets a stop flag after so many steps."""

    def __init__(self, stop: StopFlag | None = None, after: int = 0) -> None:
        self.stop, self.left = stop, after

    def start(self, stage: str, total: int | None) -> None:
        pass

    def advance(self, steps: int, skipped: bool = False) -> None:
        self.left -= 0 if skipped else steps
        if self.stop is not None and not skipped and self.left == 0:
            self.stop.set()


def trainer(
    root: Path, loop: LoopOptions = LOOP, learner: LearnerOptions = LEARNER, measured: bool = True
) -> Trainer:
    torch.manual_seed(0)
    backbone = create_backbone("test_efficientnet", "none", SIZE)
    root.mkdir(exist_ok=True)
    return Trainer(
        PairLearner(backbone, learner), DrawnPairs(), gallery() if measured else None, loop,
        RunFolder(root), torch.device("cpu"),
    )  # fmt: skip


def run(root: Path, after: int = 0, **options: Any) -> tuple[Trainer, Outcome]:
    made, stop = trainer(root, **options), StopFlag()
    return made, made.run(Quiet(stop, after), stop)


def rows(root: Path) -> list[dict[str, Any]]:
    wanted = ("kind", "step", "loss", "recall_at_100", "map_at_100", "best")
    lines = (root / "metrics.jsonl").read_text().splitlines()
    return [{key: row.get(key) for key in wanted} for row in map(json.loads, lines)]


def assert_same(one: Trainer, other: Trainer) -> None:
    a, b = one.learner.state_dict(), other.learner.state_dict()
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []
    assert one.state == other.state


@pytest.mark.parametrize("steps", [1, 4, 6])
@pytest.mark.parametrize("learner", [LEARNER, replace(LEARNER, momentum=0, average=0, queue_size=0)])
def test_a_stopped_run_goes_on_bit_by_bit(tmp_path: Path, steps: int, learner: LearnerOptions) -> None:
    whole, outcome = run(tmp_path / "whole", learner=learner)
    assert outcome.ending == "finished"
    assert outcome.steps == 12
    _, stopped = run(tmp_path / "parts", after=steps, learner=learner)
    assert stopped.ending == "stopped"
    assert stopped.steps == steps
    resumed, finished = run(tmp_path / "parts", learner=learner)
    assert finished.steps == 12
    assert_same(whole, resumed)
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")


def test_a_killed_run_repeats_what_was_after_its_checkpoint(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole")
    run(tmp_path / "killed")
    newest = RunFolder(tmp_path / "killed").checkpoints()[-1]
    newest.unlink()
    with (tmp_path / "killed" / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "ste')
    resumed, _ = run(tmp_path / "killed")
    assert_same(whole, resumed)
    assert rows(tmp_path / "whole") == rows(tmp_path / "killed")


def test_two_runs_of_one_seed_measure_the_same_and_another_seed_does_not(tmp_path: Path) -> None:
    run(tmp_path / "a")
    run(tmp_path / "b")
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


def test_the_last_checkpoints_and_the_best_network_are_kept(tmp_path: Path) -> None:
    made, outcome = run(tmp_path)
    folder = RunFolder(tmp_path)
    assert [path.name for path in folder.checkpoints()] == [
        "checkpoint-00000008.pt",
        "checkpoint-00000012.pt",
    ]
    best = read_checkpoint(folder.best)
    assert best["measures"]["recall_at_100"] == outcome.state.best
    for path in (tmp_path, folder.best, folder.checkpoints()[-1]):
        assert load_backbone(path).dims == made.learner.query.backbone.dims
    newest = load_backbone(folder.checkpoints()[-1]).network.state_dict()
    assert made.learner.averaged is not None
    kept = made.learner.averaged.network.state_dict()
    assert all(torch.equal(newest[name], kept[name]) for name in newest)


def test_learning_makes_the_loss_smaller(tmp_path: Path) -> None:
    loop = replace(LOOP, epochs=15, learning_rate=3e-3)
    run(tmp_path, loop=loop, learner=replace(LEARNER, average=0, momentum=0, queue_size=0))
    losses = [row["loss"] for row in rows(tmp_path) if row["loss"] is not None]
    assert losses[-1] < losses[0] * 0.9


def test_it_ends_when_nothing_is_gained(tmp_path: Path) -> None:
    made, outcome = run(tmp_path, loop=replace(LOOP, epochs=9, learning_rate=0.0, patience=2))
    assert outcome.ending in ("no-gain", "finished")
    assert made.state.over
    again = trainer(tmp_path, replace(LOOP, epochs=9, learning_rate=0.0, patience=2))
    assert again.run(Quiet(), StopFlag()).steps == outcome.steps


def test_time_ends_it_with_a_measured_network(tmp_path: Path) -> None:
    _, outcome = run(tmp_path, loop=replace(LOOP, minutes=1e-6))
    assert (outcome.ending, outcome.steps) == ("time", 1)
    assert (tmp_path / "best.pt").exists()
    _, outcome = run(tmp_path)
    assert outcome.ending == "finished"


def test_out_of_memory_halves_the_batch_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = PairLearner.forward

    def forward(self: PairLearner, first: torch.Tensor, *rest: Any) -> Any:
        if len(first) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(self, first, *rest)

    monkeypatch.setattr(PairLearner, "forward", forward)
    made, outcome = run(tmp_path)
    assert outcome.ending == "finished"
    assert made.state.pieces == 4


def test_other_errors_are_not_taken_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(*_: Any) -> Any:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(PairLearner, "forward", forward)
    with pytest.raises(RuntimeError, match="shapes differ"):
        run(tmp_path)


def test_a_folder_belongs_to_one_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(UsageError, match="no run to resume"):
        folder.claim({"batch": 6}, insist=True)
    folder.claim({"batch": 6})
    folder.claim({"batch": 6}, insist=True)
    with pytest.raises(UsageError, match="batch 6 there, 8 here"):
        folder.claim({"batch": 8})


def test_damaged_checkpoints_are_named(tmp_path: Path) -> None:
    run(tmp_path, after=1)
    for path in RunFolder(tmp_path).checkpoints():
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match=path.name):
        trainer(tmp_path)


def test_a_damaged_checkpoint_costs_what_came_after_the_one_before(tmp_path: Path) -> None:
    whole, _ = run(tmp_path / "whole")
    run(tmp_path / "damaged")
    newest = RunFolder(tmp_path / "damaged").checkpoints()[-1]
    newest.write_bytes(newest.read_bytes()[:1000])
    resumed, _ = run(tmp_path / "damaged")
    assert_same(whole, resumed)


def test_more_patience_goes_on_after_no_gain(tmp_path: Path) -> None:
    still = replace(LOOP, epochs=9, learning_rate=0.0)
    _, outcome = run(tmp_path, loop=replace(still, patience=2))
    assert outcome.ending == "no-gain"
    again = trainer(tmp_path, replace(still, patience=4)).run(Quiet(), StopFlag())
    assert again.steps > outcome.steps


def test_what_a_killed_save_left_is_removed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.claim({"seed": 0})
    (tmp_path / ".checkpoint-00000004.pt.77.tmp").write_bytes(b"half")
    folder.claim({"seed": 0})
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
