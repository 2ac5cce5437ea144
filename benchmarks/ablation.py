"""What each part of the search adds, from the pictures as a whole to the full score: brands of other hands.

    python -m benchmarks.ablation --dataset logos --index build/brands/views --split test

Every logo of the split's brands is asked for by what the index keeps of it; its own words are read off its
picture. The milliseconds are those that a part adds to a query, median of wall time on an idle machine.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
import typer

from benchmarks.gathering import Gathered, gather, measured, open_raw, read_words, without_text
from benchmarks.reporting import report
from marklens import assembly
from marklens.cli.progress import shown_progress
from marklens.core.ports import Progress
from marklens.core.types import VIEW_BITS, Candidate
from marklens.engine import Engine
from marklens.evaluation.protocols import Query, group_queries, read_groups
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import load_complete
from marklens.reranking.color import color_similarities
from marklens.reranking.profile import Profile, calibrated_for
from marklens.reranking.reranker import Reranker, best_pairs
from marklens.reranking.scoring import Calibration, Channels, Weights
from marklens.reranking.spatial_matcher import spatial_similarities
from marklens.retrieval.patch_store import PatchStore
from marklens.settings import load_settings

EXPANDED = 3
"""Hits that join the query's vectors, and the power of their scores (alpha query expansion)."""
ALPHA = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A way to score.

    Attributes:
        name: what it adds.
        weights: of the channels.
        calibration: of them.
        gathered: the candidates with their channels, query by query.
        adds: milliseconds a query.
    """

    name: str
    weights: Weights
    calibration: Calibration
    gathered: Sequence[Gathered]
    adds: float | str


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    index: Annotated[Path, typer.Option(help="Its index.")],
    split: Annotated[str, typer.Option(help="Brands to ask for: val or test.")] = "test",
    depth: Annotated[int, typer.Option(help="Candidates a query.")] = 1000,
    limit: Annotated[int | None, typer.Option(help="Only so many queries, spread evenly.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Ask, score in every way, and measure."""
    engine, patches = open_raw(index), PatchStore(IndexFolder(index).patches)
    files = engine.catalog.files()
    queries = group_queries(read_groups(dataset / f"groups_{split}.json", files), files)
    queries = queries[:: max(1, len(queries) // limit)] if limit else queries
    with shown_progress() as progress:
        words, reading = read_words(engine, queries, progress)
        named = gather(engine, queries, depth, words, progress)
        plain = [without_text(each, depth) for each in named]
        spent = time_parts(engine, patches, queries, depth, words)
        profile = _profile(index)
        rows = make_rows(plain, named, profile, {**spent, "reading": reading})
        wide, expansion = expand(engine, patches, queries, depth, plain, profile, progress)
        rows.append(Row("+ query expansion, no text", profile.weights, profile.calibration, wide, expansion))
    found = [
        {"score": row.name, **measured(queries, row.gathered, row.weights, row.calibration, len(files)),
         "adds ms": row.adds}
        for row in rows
    ]  # fmt: skip
    legible = sum(text is not None for text in words.values())
    title = f"{len(queries)} queries of the {split} split, {legible} with legible words, {len(files):,} marks"
    report(title, found, json)


def make_rows(
    plain: Sequence[Gathered],
    named: Sequence[Gathered],
    profile: Profile,
    spent: dict[str, float],
) -> list[Row]:
    """All ways but query expansion."""
    plan, raw, fitted, even = Weights(), Calibration(), profile.weights, profile.calibration
    text = spent["text"] + spent["reading"]
    return [
        Row("global", plan, raw, [only(each, "global_") for each in plain], spent["global"]),
        Row("+ spatial", plan, raw, [only(each, "global_", "spatial") for each in plain], spent["spatial"]),
        Row("+ colour (the plan's score)", plan, raw, plain, spent["color"]),
        Row("+ text read off the picture", plan, raw, named, text),
        Row("calibrated, no text", plan, even, plain, 0.0),
        Row("fitted weights, no text", fitted, even, plain, 0.0),
        Row("fitted weights, text read", fitted, even, named, 0.0),
    ]


def only(gathered: Gathered, *names: str) -> Gathered:
    """Without the other channels."""
    present = gathered.channels.present()
    kept = {name: values for name, values in present.items() if name in (*names, "global_")}
    return replace(gathered, channels=Channels(**kept))


def _profile(index: Path) -> Profile:
    """What was fitted, for this index."""
    settings = load_settings()
    profile = assembly.find_scoring(settings, assembly.make_embedder(settings))
    if profile is None:
        raise typer.BadParameter("no weights were fitted for this network: run benchmarks.fit_scoring")
    rarity = load_complete(IndexFolder(index)).rarity
    return replace(profile, calibration=calibrated_for(profile, rarity, None))


def time_parts(
    engine: Engine,
    patches: PatchStore,
    queries: Sequence[Query],
    depth: int,
    words: dict[int, str | None],
    sample: int = 150,
) -> dict[str, float]:
    """Milliseconds of each part of stage 2 for one query, medians."""
    stage = Reranker(patches)
    spent: dict[str, list[float]] = {"global": [], "spatial": [], "color": [], "text": []}
    for query in queries[:: max(1, len(queries) // sample)]:
        assert query.own is not None
        started = perf_counter()
        candidates = engine.similar(query.own, depth)
        spent["global"].append(perf_counter() - started)
        numbers = np.array([candidate.number for candidate in candidates], np.int64)
        own = stage.stored(query.own)
        assert own is not None
        started = perf_counter()
        ids, views = patches.of_marks(numbers)
        best_pairs(spatial_similarities(own, views), ids >> VIEW_BITS, numbers)
        spent["spatial"].append(perf_counter() - started)
        started = perf_counter()
        best_pairs(color_similarities(own.colors, views.colors), ids >> VIEW_BITS, numbers)
        spent["color"].append(perf_counter() - started)
        if text := words.get(query.own):
            plain = _seconds(partial(engine.compared, query.own, depth))
            spent["text"].append(_seconds(partial(engine.compared, query.own, depth, text)) - plain)
    return {name: float(np.median(values)) * 1e3 for name, values in spent.items() if values}


def _seconds(do: Callable[[], object]) -> float:
    started = perf_counter()
    do()
    return perf_counter() - started


def expand(
    engine: Engine,
    patches: PatchStore,
    queries: Sequence[Query],
    depth: int,
    gathered: Sequence[Gathered],
    profile: Profile,
    progress: Progress,
) -> tuple[list[Gathered], float]:
    """Alpha query expansion (Radenović et al. 2018): the best hits join the query, both stages again."""
    stage, found, spent = Reranker(patches), [], []
    progress.start("expand", len(queries))
    for query, first in zip(queries, gathered, strict=True):
        assert query.own is not None
        started = perf_counter()
        scores = first.channels.calibrated(profile.calibration).combined(profile.weights)
        keep = first.numbers != query.own
        order = np.flatnonzero(keep)[np.argsort(-scores[keep], kind="stable")][:EXPANDED]
        kinds = engine.catalog.view_kinds([query.own])[query.own]
        vectors = engine.store.vectors(np.array([query.own << VIEW_BITS | kind for kind in kinds], np.int64))
        theirs = engine.store.vectors(
            np.array([int(first.numbers[row]) << VIEW_BITS | first.kinds[row] for row in order], np.int64)
        )
        mixed = vectors + (scores[order] ** ALPHA @ theirs)[None]
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        candidates: list[Candidate] = engine.candidates(mixed.astype(np.float32), kinds, depth)
        unknown = np.full(len(candidates), np.nan, np.float32)
        channels = stage.channels(stage.stored(query.own), candidates, unknown)
        spent.append(perf_counter() - started)
        found.append(Gathered.of(candidates, channels))
        progress.advance(1)
    return found, float(np.median(spent)) * 1e3


if __name__ == "__main__":
    typer.run(main)
