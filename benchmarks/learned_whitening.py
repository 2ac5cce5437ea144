"""A reduction that is learned from pairs, beside a PCA: what does it find?

    python -m benchmarks.learned_whitening --views train112 --gallery val112 --groups logos/groups_val.json \
        --brands logos/groups_train.json

What it is: benchmarks/fit_reduction.py. Measured on validation brands, with the bundled network at the size
it learned at.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer

from benchmarks.fit_reduction import differences, fit_whitening
from benchmarks.reporting import report
from marklens.core.artifacts import read_json
from marklens.core.types import Ids, Vectors
from marklens.embeddings.onnx_embedder import BUNDLED_SIZE, bundled_weights
from marklens.embeddings.pca_reducer import fit_pca, to_unit
from marklens.evaluation.evaluator import Measures
from marklens.evaluation.protocols import read_groups
from marklens.training.backbones import LITE0, Backbone
from marklens.training.folding import load_exported
from marklens.training.memory import keep_freed_memory
from marklens.training.pairs.groups import LEFT_OUT
from marklens.training.pairs.packed_views import PackedViews
from marklens.training.validation import DIMS, WHITENING, embed, make_gallery, measure_reduced

SHRINKAGES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
OTHERS = 4000
"""Marks of no group that the spread of all views is taken of too."""


def main(
    views: Annotated[Path, typer.Option(help="Packed views of training brands, see pack_brands.")],
    gallery: Annotated[Path, typer.Option(help="Packed views of validation brands.")],
    groups: Annotated[Path, typer.Option(help="groups_val.json of the dataset.")],
    brands: Annotated[Path, typer.Option(help="groups_train.json of the dataset.")],
    marks: Annotated[int, typer.Option(help="Marks that are searched.")] = 4000,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Embed, fit, measure, tell."""
    keep_freed_memory()
    packed, searched = PackedViews.open(views), PackedViews.open(gallery)
    found = make_gallery(searched, read_groups(groups, dict(enumerate(searched.files))), marks)
    network, device = load_exported(bundled_weights(), LITE0, BUNDLED_SIZE), torch.device("cpu")
    vectors = embed(network, found.pixels, device)
    learned, owners, brand = _training(network, packed, read_json(brands))
    apart = np.concatenate(list(differences(learned, owners, brand)))
    reducers = {
        "PCA of the gallery": fit_pca([vectors], DIMS, WHITENING),
        "PCA of training": fit_pca([learned], DIMS, WHITENING),
    }
    for share in SHRINKAGES:
        reducers[f"learned, shrinkage {share:g}"] = fit_whitening(learned, apart, DIMS, share)
    rows = [_row(name, measure_reduced(reducer.reduce(vectors), found)) for name, reducer in reducers.items()]
    report(f"{len(found.queries)} queries, {len(apart):,} pairs of {len(learned):,} views", rows, json)


def _training(
    network: Backbone, packed: PackedViews, brands: Mapping[str, Sequence[str]]
) -> tuple[Vectors, Ids, Ids]:
    """Vectors of the views of brands and of some other marks, with mark and brand (or -1) of each."""
    number = {file: place for place, files in enumerate(brands.values()) for file in files}
    usable = [mark for mark, group in enumerate(packed.groups.tolist()) if group != LEFT_OUT]
    own = [mark for mark in usable if packed.files[mark] in number]
    rest = [mark for mark in usable if packed.files[mark] not in number]
    chosen = [*own, *np.random.default_rng(0).permutation(rest)[:OTHERS].tolist()]
    places = [(view, mark) for mark in chosen for view in packed.views_of(mark)]
    rows, owners = np.array(places, np.int64).T
    brand = np.array([number.get(packed.files[mark], -1) for mark in owners.tolist()])
    return to_unit(embed(network, np.asarray(packed.pixels[rows]), torch.device("cpu"))), owners, brand


def _row(name: str, means: Measures) -> dict[str, Any]:
    return {
        "reduction": name, "mAP@100": means.map_at_100, "Recall@1": means.recall_at_1,
        "Recall@100": means.recall_at_100,
    }  # fmt: skip


if __name__ == "__main__":
    typer.run(main)
