"""Which kind of pair and which families of changes earn their place: short trainings without one of them.

python -m benchmarks.training_ablation --views packed112 --gallery packed112val \
    --groups logos/groups_val.json --out training-ablation.json

Every row is the same training but for what is left out; the whole one is trained with several seeds, and
their spread says which differences mean something. Measured are validation brands, and copies of validation
marks, changed by one family each, that have to find their original. Rows that are in the file already are not
made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.reporting import report
from marklens.cli.progress import shown_progress
from marklens.core.artifacts import read_json
from marklens.core.resources import StopFlag, graceful_stop
from marklens.core.sampling import evenly
from marklens.core.types import Pixels
from marklens.embeddings.pca_reducer import fit_pca
from marklens.evaluation.protocols import read_groups
from marklens.preprocessing.pipeline import ViewOptions
from marklens.training.backbones import LITE0, Backbone, create_backbone
from marklens.training.checkpoints import RunFolder
from marklens.training.copying.copier import FAMILIES, Copier, Copying
from marklens.training.copying.words import WordBank, make_word_bank
from marklens.training.lockups.fonts import find_fonts
from marklens.training.memory import keep_freed_memory
from marklens.training.moco import LearnerOptions, PairLearner
from marklens.training.pairs.packed_views import PackedViews
from marklens.training.pairs.pair_source import LoaderOptions, PackedPairs
from marklens.training.pairs.positives import PAIR_KINDS, PositiveShares
from marklens.training.run_state import LoopOptions
from marklens.training.trainer import Trainer
from marklens.training.validation import DIMS, WHITENING, Gallery, embed, make_gallery, measure_vectors

ROOMS = {
    "inks": ("recolour", "one_ink", "invert", "ground"),
    "outline": ("outline",),
    "geometry": ("flip", "stretch", "rotate", "warp"),
    "cuts": ("crop", "occlude"),
    "frame": ("frame",),
    "words": ("words",),
    "quality": ("blur", "jpeg"),
}
"""Families that are left out together."""
LEARNER = LearnerOptions(queue_size=0, momentum=0.0, temperature=0.1, average=0.95)
LOOP = LoopOptions(batch=96, epochs=1, warm_up=0.15, learning_rate=1e-3, checkpoint_minutes=1e6)
NEVER = 1e-9
"""A share of pairs: `two_looks` cannot be 0, as every mark has it and some have nothing else."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One training: its name in the table, what pairs it draws, how it changes them, from which seed."""

    name: str
    shares: PositiveShares
    copying: Copying
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Copies:
    """Copies of marks of the gallery, one family each.

    Attributes:
        pixels: uint8 (n, size, size, 3).
        originals: the mark of each.
        families: places in `FAMILIES`.
    """

    pixels: Pixels
    originals: np.ndarray[Any, np.dtype[np.int64]]
    families: np.ndarray[Any, np.dtype[np.int64]]


class FewSteps(PackedPairs):
    """Epochs cut short."""

    most: int

    def steps(self, batch: int) -> int:
        """Batches of so many pairs in an epoch."""
        return min(self.most, super().steps(batch))


def variants(seeds: int) -> list[Variant]:
    """The whole training with every seed, then each one without something."""
    whole = PositiveShares()
    rows = [Variant(f"everything, seed {seed}", whole, Copying(), seed) for seed in range(seeds)]
    for kind in PAIR_KINDS:
        share: Mapping[str, Any] = {kind: NEVER if kind == "two_looks" else 0.0}
        rows.append(Variant(f"without {kind}", replace(whole, **share), Copying()))
    rows += [
        Variant(f"without {room}", whole, Copying().without(*families)) for room, families in ROOMS.items()
    ]
    return [*rows, Variant("without any change", whole, Copying().without(*FAMILIES))]


def main(
    views: Annotated[Path, typer.Option(help="Packed views of training brands, see pack_brands.")],
    gallery: Annotated[Path, typer.Option(help="Packed views of validation brands, of the same size.")],
    groups: Annotated[Path, typer.Option(help="groups_val.json of the dataset.")],
    out: Annotated[Path, typer.Option(help="JSON file to write; its rows are kept.")],
    fonts: Annotated[Path | None, typer.Option(help="Folder of WOFF files for words beside marks.")] = None,
    steps: Annotated[int, typer.Option(help="Steps of 96 pairs.")] = 100,
    seeds: Annotated[int, typer.Option(help="Times that the whole training is made.")] = 3,
    marks: Annotated[
        int, typer.Option(help="Marks that are searched, and of how many copies are made.")
    ] = 4000,
    copied: Annotated[int, typer.Option(help="Marks that are copied by each family.")] = 300,
    workers: Annotated[int, typer.Option(help="Processes that make pairs.")] = 1,
) -> None:
    """Train, measure, tell."""
    keep_freed_memory()
    packed, searched = PackedViews.open(views), PackedViews.open(gallery)
    found = make_gallery(searched, read_groups(groups, dict(enumerate(searched.files))), marks)
    bank = make_word_bank(find_fonts(fonts, "train") if fonts else None)
    copies = make_copies(found, packed, bank, copied)
    rows: list[dict[str, Any]] = read_json(out)["rows"] if out.is_file() else []
    title = f"{len(found.queries)} queries among {found.marks[-1] + 1} marks, {steps} steps"
    untrained = create_backbone(LITE0, "imagenet", packed.size)
    with graceful_stop() as stop:
        if not rows:
            rows.append({"training": "ImageNet", **score(untrained, found, copies), "seconds": 0.0})
        for variant in variants(seeds):
            if any(row["training"] == variant.name for row in rows) or stop:
                continue
            started = perf_counter()
            backbone = train(variant, packed, bank, steps, workers, stop)
            if not stop:
                took = perf_counter() - started
                rows.append({"training": variant.name, **score(backbone, found, copies), "seconds": took})
                report(title, rows, out)
    report(title, rows, out)


def make_copies(found: Gallery, packed: PackedViews, bank: WordBank, count: int) -> Copies:
    """Copies of some full views of the gallery by each family alone, at usual strength."""
    first = np.flatnonzero(np.diff(found.marks, prepend=-1))
    chosen = first[evenly(count, len(first))]
    made, originals, families = [], [], []
    for place, family in enumerate(FAMILIES):
        copier = Copier(_options(packed), Copying().only(family), bank)
        for view in chosen.tolist():
            made.append(copier(found.pixels[view], np.random.default_rng([place, view])))
            originals.append(int(found.marks[view]))
            families.append(place)
    return Copies(np.stack(made), np.array(originals), np.array(families))


def train(
    variant: Variant, packed: PackedViews, bank: WordBank, steps: int, workers: int, stop: StopFlag
) -> Backbone:
    """The network after so many steps."""
    copier = Copier(_options(packed), variant.copying, bank)
    source = FewSteps(packed, copier, variant.shares, variant.seed, LoaderOptions(workers))
    source.most = steps
    torch.manual_seed(variant.seed)
    learner = PairLearner(create_backbone(LITE0, "imagenet", packed.size), LEARNER)
    with TemporaryDirectory() as folder, shown_progress() as progress:
        run = RunFolder(Path(folder), 1)
        trainer = Trainer(learner, source, None, replace(LOOP, seed=variant.seed), run, torch.device("cpu"))
        trainer.run(progress, stop)
    source.close()
    return learner.best_backbone


def score(backbone: Backbone, found: Gallery, copies: Copies) -> dict[str, Any]:
    """Measures on brands, and the share of copies by each family that finds its original first."""
    device = torch.device("cpu")
    vectors = embed(backbone, found.pixels, device)
    means = measure_vectors(vectors, found)
    reduction = fit_pca([vectors], DIMS, WHITENING)
    gallery, queries = reduction.reduce(vectors), reduction.reduce(embed(backbone, copies.pixels, device))
    best = np.concatenate([(part @ gallery.T).argmax(1) for part in np.array_split(queries, 16)])
    right = found.marks[best] == copies.originals
    shares = {name: float(right[copies.families == place].mean()) for place, name in enumerate(FAMILIES)}
    brands = {"mAP@100": means.map_at_100, "R@1": means.recall_at_1, "R@100": means.recall_at_100}
    return {**brands, "copies": float(right.mean()), **shares}


def _options(packed: PackedViews) -> ViewOptions:
    return ViewOptions(size=packed.size, read=False)


if __name__ == "__main__":
    typer.run(main)
