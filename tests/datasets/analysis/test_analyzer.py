"""The whole analysis: the same bytes however it comes about, and one bad picture costs one picture."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from tests.small_index import Silent

from marklens.core.errors import ArtifactError, Interrupted, MarklensError, UsageError
from marklens.core.resources import StopFlag
from marklens.core.types import Pixels
from marklens.datasets.analysis.analyzer import Analysis, AnalysisOptions, analyze
from marklens.datasets.analysis.checkpoint import FOLDER, NAME
from marklens.datasets.analysis.duplicates import read_duplicate_groups
from marklens.datasets.analysis.measuring import Inspection, inspect
from marklens.datasets.analysis.writing import DUPLICATES, ERRORS, STATS, SUMMARY, write_analysis
from marklens.datasets.opening import open_dataset
from marklens.datasets.synthetic import write_synthetic_l3d

FILES = (STATS, SUMMARY, DUPLICATES, ERRORS)
MARKS = 230


class StopAfter(Silent):
    """Sets a flag when so many pictures have been measured."""

    def __init__(self, stop: StopFlag, pictures: int) -> None:
        super().__init__()
        self._stop, self._pictures = stop, pictures

    def advance(self, steps: int, skipped: bool = False) -> None:
        super().advance(steps, skipped)
        if self.steps - self.skipped >= self._pictures:
            self._stop.set()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic L3D with two broken pictures, a blank one, an exact copy and a near one."""
    root = write_synthetic_l3d(tmp_path_factory.mktemp("data") / "l3d", MARKS, seed=3).root
    images = sorted((root / "images").iterdir())
    images[10].write_bytes(b"")
    images[100].write_bytes(images[101].read_bytes()[:900])
    cv2.imwrite(str(images[20]), np.full((256, 256, 3), 200, np.uint8))
    images[50].write_bytes(images[51].read_bytes())
    near = cv2.resize(cv2.imread(str(images[61])), (220, 220), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(images[60]), near)
    return root


def run(
    dataset: Path,
    out: Path,
    workers: int = 0,
    every: int = 40,
    progress: Silent | None = None,
    stop: StopFlag | None = None,
) -> Analysis:
    options = AnalysisOptions(inspect, "test", workers, every=every)
    analysis = analyze(open_dataset(dataset), out, options, progress or Silent(), stop or StopFlag())
    write_analysis(out, analysis)
    return analysis


def content(out: Path) -> dict[str, bytes]:
    return {name: (out / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def undisturbed(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    assert run(dataset, out).measured == MARKS
    return content(out)


def test_everything_is_accounted_for(undisturbed: dict[str, bytes], dataset: Path, tmp_path: Path) -> None:
    stats = json.loads(undisturbed[STATS])
    assert stats["marks"] == stats["pictures"]["pictures"] == MARKS
    assert stats["pictures"]["readable"] == MARKS - 3
    assert stats["pictures"]["unreadable"] == {"blank": 1, "empty": 1, "truncated": 1}
    assert stats["metadata_faults"] == {"missing-file": 2, "not-a-picture": 1}
    assert stats["duplicates"]["exact"]["groups"] == 1
    errors = [json.loads(line) for line in undisturbed[ERRORS].splitlines()]
    assert [error["of"] for error in errors] == ["dataset"] * 3 + ["picture"] * 3
    assert all(error["reason"] for error in errors)
    (tmp_path / DUPLICATES).write_bytes(undisturbed[DUPLICATES])
    groups = read_duplicate_groups(tmp_path / DUPLICATES)
    assert ("em000000050.jpg", "em000000051.jpg") in groups
    assert ("em000000060.jpg", "em000000061.jpg") in groups


@pytest.mark.parametrize("seed", range(4))
def test_stopped_at_random_and_resumed_it_gives_the_same_bytes(
    dataset: Path, tmp_path: Path, undisturbed: dict[str, bytes], seed: int
) -> None:
    random = np.random.default_rng(seed)
    kept = 0
    for pictures in random.integers(1, 120, 3):
        stop = StopFlag()
        progress = StopAfter(stop, int(pictures))
        try:
            run(dataset, tmp_path, progress=progress, stop=stop)
        except Interrupted as error:
            assert "goes on" in str(error)
        assert progress.skipped >= kept
        kept = json.loads((tmp_path / NAME).read_text())["pictures_done"] if (tmp_path / NAME).exists() else 0
    last = Silent()
    run(dataset, tmp_path, progress=last)
    assert last.skipped == kept
    assert last.steps == MARKS
    assert content(tmp_path) == undisturbed


def test_the_size_of_the_pieces_and_the_workers_change_nothing(
    dataset: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    run(dataset, tmp_path, workers=2, every=1000)
    assert content(tmp_path) == undisturbed


def test_a_second_call_measures_nothing(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path)
    before = content(tmp_path)
    assert run(dataset, tmp_path).measured == 0
    assert content(tmp_path) == before


def test_only_the_piece_of_a_changed_picture_is_measured_again(tmp_path: Path) -> None:
    root = write_synthetic_l3d(tmp_path / "l3d", 100, seed=5).root
    run(root, tmp_path / "out")
    first = next(iter(open_dataset(root).marks(lambda fault: None)))
    first.path.write_bytes(b"")
    assert run(root, tmp_path / "out").measured == 40
    run(root, tmp_path / "anew")
    assert content(tmp_path / "out") == content(tmp_path / "anew")


def test_pictures_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "marks"
    folder.mkdir()
    for number in range(90):
        picture = np.full((64, 64, 3), 255, np.uint8)
        cv2.circle(picture, (32, 32), 5 + number % 20, (number, 0, 0), -1)
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture)
    run(folder, tmp_path / "out")
    for number in range(35, 90):
        (folder / f"{number:03d}.png").unlink()
    assert run(folder, tmp_path / "out").metadata.marks == 35
    run(folder, tmp_path / "anew")
    assert content(tmp_path / "out") == content(tmp_path / "anew")
    assert len(list((tmp_path / "out" / FOLDER).iterdir())) == 1


def test_damaged_measurements_are_made_again(
    dataset: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    run(dataset, tmp_path)
    pieces = sorted((tmp_path / FOLDER).iterdir())
    pieces[1].write_bytes(pieces[1].read_bytes()[:500])
    pieces[2].unlink()
    pieces[4].write_bytes(pieces[3].read_bytes())
    assert run(dataset, tmp_path).measured == 120
    assert content(tmp_path) == undisturbed


def test_a_folder_of_another_dataset_and_a_damaged_checkpoint_are_refused(
    dataset: Path, marks: Path, tmp_path: Path
) -> None:
    run(marks, tmp_path)
    with pytest.raises(UsageError, match="choose another folder"):
        run(dataset, tmp_path)
    (tmp_path / NAME).write_text("[]")
    with pytest.raises(ArtifactError, match="damaged"):
        run(marks, tmp_path)


def test_measurements_of_another_recipe_do_not_count(marks: Path, tmp_path: Path) -> None:
    run(marks, tmp_path)
    other = AnalysisOptions(inspect, "another")
    assert analyze(open_dataset(marks), tmp_path, other, Silent(), StopFlag()).measured == 30


def test_a_dataset_without_marks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("file\n")
    with pytest.raises(UsageError, match="no marks"):
        run(tmp_path / "none.csv", tmp_path / "out")


def deadly(picture: Pixels, every: int) -> Inspection:
    """Ends the worker at every picture whose pixels sum up to a multiple of `every`."""
    if int(picture.sum()) % every == 0:
        os._exit(3)
    return inspect(picture)


def test_a_picture_that_kills_its_worker_costs_itself_only(marks: Path, tmp_path: Path) -> None:
    victim = sorted(marks.iterdir())[7]
    total = int(cv2.imread(str(victim)).sum())
    options = AnalysisOptions(partial(deadly, every=total), "deadly", workers=2)
    analysis = analyze(open_dataset(marks), tmp_path, options, Silent(), StopFlag())
    assert [(failure.place, failure.kind) for failure in analysis.failures] == [(7, "worker-died")]
    assert analysis.pictures.readable == 29


def test_workers_that_always_die_are_an_error_and_no_endless_loop(marks: Path, tmp_path: Path) -> None:
    options = AnalysisOptions(partial(deadly, every=1), "deadly", workers=1)
    with pytest.raises(MarklensError, match="workers 0"):
        analyze(open_dataset(marks), tmp_path, options, Silent(), StopFlag())


@pytest.mark.slow
def test_killed_by_sigkill_it_leaves_no_worker_and_goes_on(
    dataset: Path, tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.datasets.analysis.test_analyzer import run\n"
        "if __name__ == '__main__': run(Path(sys.argv[1]), Path(sys.argv[2]), workers=2)\n"
    )
    (tmp_path / "job.py").write_text(script)
    command = [sys.executable, str(tmp_path / "job.py"), str(dataset), str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment)
    while process.poll() is None and not (tmp_path / "out" / NAME).exists():
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    progress = Silent()
    run(dataset, tmp_path / "out", progress=progress)
    assert progress.skipped >= 40
    assert content(tmp_path / "out") == undisturbed
