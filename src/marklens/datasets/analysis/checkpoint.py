"""What is measured so far, in pieces that survive crashes and know which pictures they are of."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from marklens.core.artifacts import load_arrays, read_json, save_arrays, write_json
from marklens.core.errors import OF_THE_MACHINE, ArtifactError, UsageError
from marklens.datasets.analysis.measuring import ROW, Failure, Measured, Table

FORMAT = 1
"""Raise it whenever the same picture would be measured differently: older pieces are then measured again."""
NAME = "stats_checkpoint.json"
FOLDER = "measurements"


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive pictures of a dataset that are saved together.

    Attributes:
        number: from 0.
        paths: of the pictures.
        digest: hexadecimal; changes with any file's name, size or time of change.
    """

    number: int
    paths: Sequence[str]
    digest: str


class Checkpoint:
    """The pieces measured so far: ``stats_checkpoint.json`` and one file of measurements a piece.

    Args:
        out: folder of the analysis.
        root: of the dataset.
        recipe: says how pictures are measured; pieces measured otherwise do not count.

    Raises:
        UsageError: the folder holds the analysis of another dataset.
        ArtifactError: the checkpoint is damaged.
    """

    def __init__(self, out: Path, root: Path, recipe: str) -> None:
        self._out, self._root, self._recipe = out, str(root), f"{FORMAT} {recipe}"
        self._pieces: list[dict[str, Any]] = []
        if (out / NAME).is_file():
            self._pieces = self._load()

    def holds(self, piece: Piece) -> bool:
        """Whether these very pictures are measured, and none failed for a reason that may have passed."""
        if piece.number >= len(self._pieces):
            return False
        known = self._pieces[piece.number]
        if known["digest"] != piece.digest or any(kind in OF_THE_MACHINE for _, kind, _ in known["failures"]):
            return False
        try:
            return len(self.rows(piece.number)) == len(piece.paths)
        except ArtifactError:
            return False

    def save(self, piece: Piece, measured: Measured) -> None:
        """Keep the measurements of a piece: first themselves, then the checkpoint that names them."""
        columns = {name: measured.rows[name] for name in ROW.names or ()}
        save_arrays(self._path(piece.number), columns, {"digest": piece.digest})
        failures = [[failure.place, failure.kind, failure.reason] for failure in measured.failures]
        entry = {"digest": piece.digest, "pictures": len(piece.paths), "failures": failures}
        self._pieces[piece.number : piece.number + 1] = [entry]
        self._write()

    def cut(self, pieces: int) -> None:
        """Forget the pieces from this number on: the dataset has become smaller."""
        if len(self._pieces) > pieces:
            for number in range(pieces, len(self._pieces)):
                self._path(number).unlink(missing_ok=True)
            self._pieces = self._pieces[:pieces]
            self._write()

    def rows(self, number: int) -> Table:
        """The measurements of one piece.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        columns, metadata = load_arrays(self._path(number))
        if metadata.get("digest") != self._pieces[number]["digest"]:
            raise ArtifactError(f"{self._path(number)} is of other pictures: run the analysis again")
        table = np.zeros(len(columns["readable"]), ROW)
        for name, values in columns.items():
            table[name] = values
        return table

    def table(self) -> Table:
        """The measurements of all pieces, in the dataset's order."""
        pieces = [self.rows(number) for number in range(len(self._pieces))]
        return np.concatenate(pieces) if pieces else np.zeros(0, ROW)

    def failures(self) -> list[Failure]:
        """Every picture that cannot be used; its place counts from the dataset's first picture."""
        found, first = [], 0
        for piece in self._pieces:
            found += [Failure(first + place, kind, reason) for place, kind, reason in piece["failures"]]
            first += piece["pictures"]
        return found

    def _path(self, number: int) -> Path:
        return self._out / FOLDER / f"{number:05d}.safetensors"

    def _load(self) -> list[dict[str, Any]]:
        document = read_json(self._out / NAME)
        try:
            root, recipe, pieces = document["dataset"], document["recipe"], list(document["pieces"])
        except (KeyError, TypeError):
            raise ArtifactError(f"{self._out / NAME} is damaged: remove it to begin anew") from None
        if root != self._root:
            raise UsageError(f"{self._out} holds the analysis of {root}: choose another folder with --out")
        return pieces if recipe == self._recipe else []

    def _write(self) -> None:
        failed = sum(len(piece["failures"]) for piece in self._pieces)
        done = sum(piece["pictures"] for piece in self._pieces)
        document: Mapping[str, Any] = {
            "recipe": self._recipe,
            "dataset": self._root,
            "pictures_done": done,
            "readable": done - failed,
            "unreadable": failed,
            "pieces": self._pieces,
        }
        write_json(self._out / NAME, document)


def digest_of(files: Sequence[str], paths: Sequence[str]) -> str:
    """Hexadecimal digest of names, sizes and times of change, in order; a missing file counts as that."""
    digest = hashlib.blake2b(digest_size=16)
    for file, path in zip(files, paths, strict=True):
        try:
            status = os.stat(path)
            digest.update(
                f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
            )
        except OSError:
            digest.update(f"{file}\0-\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
