"""The folder of a training run: settings, checkpoints, the best network; all of it atomic and plain data.

`run.json` says what the run is, `checkpoint-<step>.pt` holds everything that it needs to go on bit by bit,
`best.pt` only the network that measured best. Nothing is unpickled: files load with `weights_only=True`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from loguru import logger
from torch import Tensor

from marklens.core.artifacts import (
    atomic,
    read_json,
    remove_temporary,
    require_disk_space,
    write_json,
)
from marklens.core.errors import ArtifactError, UsageError, first_line
from marklens.training.backbones import Backbone

FORMAT = 1
BEST = "best.pt"
NAME = re.compile(r"checkpoint-\d{8}\.pt")


class RunFolder:
    """Where a run lives.

    Args:
        root: made where it is missing.
        keep: checkpoints left there; older ones are removed when a new one is complete.
    """

    def __init__(self, root: Path, keep: int = 2) -> None:
        self.root, self.keep = root, keep
        self.metrics, self.best, self._settings = root / "metrics.jsonl", root / BEST, root / "run.json"

    def claim(self, identity: Mapping[str, Any], insist: bool = False) -> None:
        """Make this the folder of the run that these settings describe.

        Args:
            identity: plain data; what may change between two calls of one run is not in it.
            insist: there must be a run to resume.

        Raises:
            UsageError: another run is here, or none although one must be.
        """
        if not self._settings.exists():
            if insist:
                raise UsageError(f"{self.root} holds no run to resume: leave --resume out")
            write_json(self._settings, dict(identity))
            return
        remove_temporary(self.root)
        self.refuse_others(dict.fromkeys(read_json(self._settings)) | dict(identity))

    def refuse_others(self, identity: Mapping[str, Any]) -> None:
        """Refuse to go on where another run is; only what is named here is compared.

        Raises:
            UsageError: with what differs.
        """
        there = read_json(self._settings) if self._settings.exists() else identity
        names = sorted(identity)
        other = [name for name in names if there.get(name) != identity.get(name)]
        if other:
            told = "; ".join(
                f"{name} {there.get(name)} there, {identity.get(name)} here" for name in other[:3]
            )
            raise UsageError(f"{self.root} holds a run of other settings ({told}): give another --out")

    def checkpoints(self) -> list[Path]:
        """The checkpoints, oldest first."""
        return sorted(path for path in self.root.iterdir() if NAME.fullmatch(path.name))

    def save(self, step: int, content: Mapping[str, Any]) -> Path:
        """Write the checkpoint of a step, then remove all but the newest few."""
        path = self.root / f"checkpoint-{step:08d}.pt"
        before = self.checkpoints()
        if before:
            require_disk_space(self.root, 2 * before[-1].stat().st_size, "a checkpoint")
        _write(path, content)
        for old in self.checkpoints()[: -self.keep]:
            old.unlink()
        return path

    def latest(self) -> dict[str, Any] | None:
        """The content of the newest checkpoint that can be read; None where there is none at all.

        Raises:
            ArtifactError: all are damaged.
        """
        damaged: ArtifactError | None = None
        for path in reversed(self.checkpoints()):
            try:
                return read_checkpoint(path)
            except ArtifactError as error:
                logger.warning("{}: going on from the one before", error)
                damaged = error
        if damaged is not None:
            raise damaged
        return None

    def save_best(self, backbone: Backbone, measures: Mapping[str, float]) -> None:
        """Write the best network so far with what it measured."""
        _write(self.best, {"recipe": recipe_of(backbone), "backbone": backbone.network.state_dict(),
                           "measures": dict(measures)})  # fmt: skip


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a file that `RunFolder` wrote.

    Raises:
        ArtifactError: it is missing, damaged, or something else.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing") from None
    except Exception as error:  # a damaged archive raises whatever it was damaged in
        raise ArtifactError(f"{path} is no checkpoint, or damaged ({first_line(error)})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ArtifactError(f"{path} is no checkpoint of this version of Marklens")
    return content


def load_backbone(path: Path) -> Backbone:
    """The network of a run folder (its best), of a best network's file or of a checkpoint.

    Raises:
        ArtifactError: there is none.
    """
    if path.is_dir():
        path = path / BEST
    content = read_checkpoint(path)
    recipe = content["recipe"]
    backbone = Backbone(recipe["name"], recipe["size"])
    backbone.network.load_state_dict(_network(content))
    return backbone.eval()


def _network(content: Mapping[str, Any]) -> dict[str, Tensor]:
    if "backbone" in content:
        return dict(content["backbone"])
    learner = content["learner"]
    prefixes = ("averaged.network.", "query.backbone.network.")
    prefix = next(prefix for prefix in prefixes if any(key.startswith(prefix) for key in learner))
    return {key.removeprefix(prefix): value for key, value in learner.items() if key.startswith(prefix)}


def recipe_of(backbone: Backbone) -> dict[str, Any]:
    """What is needed to make the same network again, before its weights are filled in."""
    return {"name": backbone.name, "size": backbone.size, "dims": backbone.dims}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with atomic(path) as temporary:
        torch.save({"format": FORMAT, **content}, temporary)
