"""Make the bundled network and what lies beside it again, from nothing: two and a half hours on two cores.

    python -m benchmarks.train_default --work build/train

The settings are `examples/bundled.toml`. Each step that ends well leaves a file in `WORK/done` and is not
run again unless one before it is; what was stopped goes on, so the same call ends it. With --install the
files replace, at the end, the ones that ship.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from marklens.embeddings.onnx_embedder import bundled_weights

ARCHIVE = "@iconify/json@2.2.535"
RECIPE = Path(__file__).parents[1] / "examples" / "bundled.toml"
NETWORK = "lite0-marks"
ENDINGS = (".patches.safetensors", ".reduction.safetensors", ".scoring.json", ".onnx")
"""Of the files that ship; the network, by which the others are known, comes last."""
WHOLE = ("finished", "no-gain")
"""Endings of a training that was not stopped."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command.

    Attributes:
        name: of what it makes.
        command: to run in the work folder; it goes on where it was stopped.
    """

    name: str
    command: Sequence[str]


def steps() -> list[Step]:
    """From the archive to the files beside the network."""
    python = [sys.executable, "-m"]
    marklens, logos, index = [*python, "marklens"], ["--dataset", "logos"], ["--index", "index"]
    fitted = [*logos, "--weights", f"{NETWORK}.onnx"]
    pack = [*python, "benchmarks.pack_brands", *logos]
    build = [*marklens, "index", "build", "logos", *index]
    return [
        Step("archive", ["npm", "pack", "--silent", ARCHIVE]),
        Step("logos", [*marklens, "dataset", "import-icons", "iconify-json-2.2.535.tgz", "--out", "logos",
                       "--which", "logos"]),
        Step("fonts", [*python, "benchmarks.fetch_fonts", "--out", "fonts"]),
        Step("train-views", [*pack, "--out", "train112"]),
        Step("val-views", [*pack, "--out", "val112", "--split", "val"]),
        Step("run", [*marklens, "train", "train112", "--out", "run", "--gallery", "val112",
                     "--validate", "logos/groups_val.json", "--device", "cpu", "--json"]),
        Step("network", [*marklens, "export", "run", "--out", f"{NETWORK}.onnx", "--verify", "logos"]),
        Step("patches", [*python, "benchmarks.fit_patch_reduction", *fitted]),
        Step("index", build),
        Step("reduction", [*python, "benchmarks.fit_reduction", *fitted, *index]),
        Step("reduced-index", build),
        Step("scoring", [*python, "benchmarks.fit_scoring", *fitted, *index]),
    ]  # fmt: skip


def main(
    work: Annotated[Path, typer.Option(help="Folder for everything that is made.")],
    install: Annotated[bool, typer.Option("--install", help="Replace the network that ships.")] = False,
) -> None:
    """Run the steps."""
    weights = str((work / f"{NETWORK}.onnx").absolute())
    environment = {
        **os.environ,
        "MARKLENS_CONFIG": str(RECIPE),
        "MARKLENS_MODEL__WEIGHTS": weights,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    make(steps(), work, environment)
    if install:
        for ending in ENDINGS:
            shutil.copyfile(work / f"{NETWORK}{ending}", bundled_weights().with_name(f"{NETWORK}{ending}"))


def make(wanted: Sequence[Step], work: Path, environment: Mapping[str, str]) -> None:
    """Run the steps that are not done, and all after the first of them.

    Raises:
        SystemExit: one failed or was stopped.
    """
    done = [work / "done" / f"{number:02d}-{step.name}" for number, step in enumerate(wanted)]
    done[0].parent.mkdir(parents=True, exist_ok=True)
    first = next((number for number, mark in enumerate(done) if not mark.is_file()), len(done))
    for mark in done[first:]:
        mark.unlink(missing_ok=True)
    for step, mark in zip(wanted[first:], done[first:], strict=True):
        typer.echo("$ " + " ".join(step.command))
        said = run(step.command, work, environment)
        if step.name == "run" and json.loads(said)["ending"] not in WHOLE:
            sys.exit("the training was stopped: the same call goes on")
        mark.write_text(said, encoding="utf-8")


def run(command: Sequence[str], work: Path, environment: Mapping[str, str]) -> str:
    """Run a command to its end, which a signal to stop lets it reach by itself; returns its output.

    Raises:
        SystemExit: it failed.
    """
    with subprocess.Popen(command, cwd=work, env=environment, stdout=subprocess.PIPE, text=True) as child:

        def stop(number: int, _: object) -> None:
            if number == signal.SIGTERM:  # Ctrl-C reaches the child by itself
                child.terminate()

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            said = child.communicate()[0]
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    typer.echo(said, nl=False)
    if child.returncode:
        sys.exit(f"it failed with status {child.returncode}: mend the cause, the same call goes on")
    return str(said)


if __name__ == "__main__":
    typer.run(main)
