"""Fit what turns channels into scores: calibration curves, and weights on validation brands.

    python -m benchmarks.fit_scoring --dataset logos --index build/brands/views

Writes the profile that lies beside the network, which `scoring.profile = "fitted"` and the calibration use.
The curves come from logos at random; weights are those of the best mAP@100 on a grid. That of the text stays
the plan's: these brands were told apart by their names, so names find them better than anything else.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.gathering import Gathered, gather, measured, open_raw
from benchmarks.reporting import report
from marklens import assembly
from marklens.cli.progress import shown_progress
from marklens.core.artifacts import read_json
from marklens.core.types import VIEW_BITS, by_channel
from marklens.evaluation.protocols import Query, group_queries, read_groups
from marklens.indexing.chunks import load_chunk
from marklens.indexing.derive import reduce_chunk
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import load_complete
from marklens.reranking.profile import ENDING, Profile, with_ends
from marklens.reranking.reranker import Reranker, best_pairs
from marklens.reranking.scoring import Calibration, Weights
from marklens.reranking.spatial_matcher import spatial_similarities
from marklens.retrieval.patch_store import PatchStore
from marklens.retrieval.rarity import Rarity, measure_rarity, rarity_curve
from marklens.retrieval.vector_store import create_store
from marklens.settings import Settings, load_settings

ASKED, OTHERS = 200, 10_000
"""Marks that are compared with others patch by patch, both at random."""
RANKS = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
SPATIAL = tuple(np.arange(0.2, 0.96, 0.05).round(2).tolist())
"""Shares of the spatial channel that are tried; the global channel has the rest."""
COLOR = (0.0, 0.02, 0.05, 0.1)
"""Shares of the colour channel."""


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    index: Annotated[Path, typer.Option(help="Its index, made with that network.")],
    weights: Annotated[Path | None, typer.Option(help="A network; none takes the bundled one.")] = None,
    depth: Annotated[int, typer.Option(help="Candidates a query.")] = 1000,
    limit: Annotated[int, typer.Option(help="About how many queries, spread evenly.")] = 600,
    json: Annotated[Path | None, typer.Option(help="Also write what was tried as JSON.")] = None,
) -> None:
    """Fit and write."""
    named = {"model": {"weights": weights}} if weights else {}
    settings = load_settings(scoring={"calibrate": False}, **named)
    engine, folder = open_raw(index, settings), IndexFolder(index)
    manifest = load_complete(folder)
    files = engine.catalog.files()
    queries = group_queries(read_groups(dataset / "groups_val.json", files), files)
    queries = queries[:: max(1, len(queries) // limit)]
    with shown_progress() as progress:
        tested = {file for group in read_json(dataset / "groups_test.json").values() for file in group}
        untested = [number for number, file in files.items() if file not in tested]
        spatial = with_ends(spatial_rarity(folder, sorted(untested)))
        here = Calibration(global_=with_ends(manifest.rarity), spatial=spatial)
        gathered = gather(engine, queries, depth, {}, progress)
        rows = list(tried(gathered, queries, here, len(files)))
    report(
        f"{len(queries)} queries of validation brands among {len(files):,} marks",
        [row for row, _ in rows],
        json,
    )
    plan, best = rows[0][0]["mAP@100"], max(rows[1:], key=lambda row: row[0]["mAP@100"])
    gain = f"mAP@100 {plan:.3f} with the plan's weights, {best[0]['mAP@100']:.3f} with these"
    calibration = Calibration(global_=with_ends(own_rarity(folder, settings)), spatial=spatial)
    network = assembly.weights_file(settings)
    path = network.with_name(network.stem + ENDING)
    Profile(str(manifest.recipe.model["hash"]), settings.pca.dims, best[1], calibration, gain).save(path)
    typer.echo(f"{path}: {gain}")


def tried(
    gathered: Sequence[Gathered], queries: Sequence[Query], curves: Calibration, gallery: int
) -> Iterator[tuple[dict[str, Any], Weights]]:
    """The plan's weights, then what the search for better ones tries: patches first, then colour."""

    def row(weights: Weights) -> tuple[dict[str, Any], Weights]:
        shown = by_channel(weights)
        return {**shown, **measured(queries, gathered, weights, curves, gallery)}, weights

    yield row(Weights())
    text = Weights().text
    rows = [row(_weights(share, 0, text)) for share in SPATIAL]
    yield from rows
    best = max(rows, key=lambda each: each[0]["mAP@100"])[1]
    share = best.spatial / (best.spatial + best.global_)
    yield from (row(_weights(share, color, text)) for color in COLOR)


def _weights(spatial: float, color: float, text: float) -> Weights:
    """The spatial channel has its share of what colour, and then text, leave."""
    picture, rest = 1 - color, 1 - text
    shares = ((1 - spatial) * picture * rest, spatial * picture * rest, text, color * rest)
    return Weights(*(round(share, 4) for share in shares))


def spatial_rarity(folder: IndexFolder, numbers: Sequence[int]) -> Rarity:
    """How alike unrelated marks are patch by patch."""
    store, random = PatchStore(folder.patches), np.random.default_rng(0)
    stage = Reranker(store)
    asked = random.choice(numbers, ASKED, replace=False).tolist()
    others = np.sort(random.choice(numbers, min(OTHERS, len(numbers)), replace=False))
    ids, views = store.of_marks(others)
    best = []
    for number in asked:
        own = stage.stored(number)
        assert own is not None
        found = best_pairs(spatial_similarities(own, views), ids >> VIEW_BITS, others)[others != number]
        best.append(np.sort(np.nan_to_num(found))[::-1][: max(RANKS)])
    typical = np.median(np.stack(best), axis=0)
    return rarity_curve([(float(typical[rank - 1]), rank / len(others)) for rank in RANKS])


def own_rarity(folder: IndexFolder, settings: Settings) -> Rarity:
    """How alike unrelated views are under the network's own reduction; nothing where it has none."""
    reducer = assembly.make_reducer(settings, assembly.make_embedder(settings))
    if reducer is None:
        return ()
    store, ids, marks = create_store("exact", reducer.dims), [], 0
    for path in folder.chunks(load_complete(folder).chunks):
        chunk = load_chunk(path)
        ids.append(chunk.view_ids(marks))
        store.add(ids[-1], reduce_chunk(chunk, reducer))
        marks += len(chunk.marks)
    return measure_rarity(store, np.concatenate(ids))


if __name__ == "__main__":
    typer.run(main)
