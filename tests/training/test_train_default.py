"""The recipe of the bundled network: steps that were not done whole are done again, with all that follow."""

import json
import os
import sys
from pathlib import Path

import pytest
from benchmarks.train_default import Step, make, steps


def noting(name: str, ending: str = "", status: int = 0) -> Step:
    """Writes its name into a file of runs, says something and ends."""
    code = (
        f"open('runs', 'a').write({name!r} + ' '); print({json.dumps({'ending': ending})!r}); "
        f"raise SystemExit({status})"
    )
    return Step(name, [sys.executable, "-c", code])


def test_what_is_done_is_not_done_again_and_what_failed_is(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="status 3"):
        make([noting("a"), noting("b", status=3), noting("c")], tmp_path, os.environ)
    make([noting("a"), noting("b"), noting("c")], tmp_path, os.environ)
    make([noting("a"), noting("b"), noting("c")], tmp_path, os.environ)
    assert (tmp_path / "runs").read_text().split() == ["a", "b", "b", "c"]
    (tmp_path / "done" / "01-b").unlink()  # somebody wants it again: what follows is made of it
    make([noting("a"), noting("b"), noting("c")], tmp_path, os.environ)
    assert (tmp_path / "runs").read_text().split()[4:] == ["b", "c"]


def test_a_stopped_training_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="stopped"):
        make([noting("run", "stopped"), noting("network")], tmp_path, os.environ)
    make([noting("run", "finished"), noting("network")], tmp_path, os.environ)
    assert (tmp_path / "runs").read_text().split() == ["run", "run", "network"]


def test_the_steps_know_each_other() -> None:
    wanted = steps()
    assert len({step.name for step in wanted}) == len(wanted)
    assert "--json" in next(step for step in wanted if step.name == "run").command
