"""Make the bundled network and what lies beside it again, from nothing: two and a half hours on two cores.

    python -m benchmarks.train_default --work build/train

The settings are `examples/bundled.toml`. What is finished in the work folder is not made again, and what was
stopped goes on, so the same call ends it. With --install the files replace the ones that ship.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from marklens.embeddings.onnx_embedder import bundled_weights

ARCHIVE = "@iconify/json@2.2.535"
RECIPE = Path(__file__).parents[1] / "examples" / "bundled.toml"


@dataclass(frozen=True, slots=True)
class Step:
    """One command.

    Attributes:
        made: what is there when it is finished; None where the command itself sees whether it is.
        command: to run in the work folder.
    """

    made: str | None
    command: Sequence[str]


def steps(network: Path, size: int) -> list[Step]:
    """From the archive to the files beside the network."""
    python = [sys.executable, "-m"]
    marklens, logos, index = [*python, "marklens"], ["--dataset", "logos"], ["--index", "index"]
    fitted = [*logos, "--weights", str(network)]
    pack = [*python, "benchmarks.pack_brands", *logos, "--size", str(size)]
    return [
        Step("iconify-json-2.2.535.tgz", ["npm", "pack", "--silent", ARCHIVE]),
        Step("logos/import.json", [*marklens, "dataset", "import-icons", "iconify-json-2.2.535.tgz",
                                   "--out", "logos", "--which", "logos"]),
        Step("fonts", [*python, "benchmarks.fetch_fonts", "--out", "fonts"]),
        Step(f"train{size}/marks.safetensors", [*pack, "--out", f"train{size}"]),
        Step(f"val{size}/marks.safetensors", [*pack, "--out", f"val{size}", "--split", "val"]),
        Step(None, [*marklens, "train", f"train{size}", "--out", "run", "--gallery", f"val{size}",
                    "--validate", "logos/groups_val.json", "--device", "cpu"]),
        Step(str(network), [*marklens, "export", "run", "--out", str(network), "--verify", "logos"]),
        Step(None, [*python, "benchmarks.fit_patch_reduction", *fitted]),
        Step(None, [*marklens, "index", "build", "logos", *index]),
        Step(None, [*python, "benchmarks.fit_reduction", *fitted, *index]),
        Step(None, [*marklens, "index", "build", "logos", *index]),
        Step(None, [*python, "benchmarks.fit_scoring", *fitted, *index]),
    ]  # fmt: skip


def main(
    work: Annotated[Path, typer.Option(help="Folder for everything that is made.")],
    size: Annotated[int, typer.Option(help="Pixels of a side while training.")] = 112,
    install: Annotated[bool, typer.Option("--install", help="Replace the network that ships.")] = False,
) -> None:
    """Run the steps."""
    work.mkdir(parents=True, exist_ok=True)
    network = Path("lite0-marks.onnx")
    if install:
        network = bundled_weights()
        if not (work / "replaced.onnx").is_file():
            shutil.move(network, work / "replaced.onnx")
    environment = {**os.environ, "MARKLENS_CONFIG": str(RECIPE), "PYTHONPATH": os.pathsep.join(sys.path)}
    if not install:
        environment["MARKLENS_MODEL__WEIGHTS"] = str((work / network).absolute())
    for step in steps(network, size):
        if step.made is None or not (work / step.made).exists():
            typer.echo("$ " + " ".join(step.command))
            subprocess.run(step.command, cwd=work, env=environment, check=True)


if __name__ == "__main__":
    typer.run(main)
