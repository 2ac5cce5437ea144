"""What stage 2 adds, and what each way of doing it costs: brands drawn by another hand, stage 1 and beyond.

    python -m benchmarks.rerank --dataset logos --work build/rerank

Asks validation brands in a small gallery: all their logos, filled up with logos of no validation or test
brand. Every way scores the same candidates of stage 1, by 0.50 global and 0.35 of the way's own channel (and
0.05 colour), and once more by the share that suits it best. Milliseconds are processor time of one query.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated, Any, cast

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.brand_ranks import best_of_marks, mean_measures
from benchmarks.reporting import report
from marklens import assembly
from marklens.core.arrays import ranges
from marklens.core.artifacts import load_arrays, read_json, save_arrays
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.types import (
    PATCH_GRID,
    VIEW_BITS,
    Bools,
    Candidate,
    Colors,
    Ids,
    LocalViews,
    Patches,
    Vectors,
    View,
    ViewKind,
)
from marklens.embeddings.onnx_embedder import OnnxEmbedder, bundled_weights
from marklens.embeddings.patch_reducer import ENDING, quantised
from marklens.embeddings.pca_reducer import PcaReducer, find_reducer
from marklens.evaluation.metrics import relevant_ranks
from marklens.reranking.color import color_histograms, color_similarities
from marklens.reranking.reranker import Reranker, best_pairs
from marklens.reranking.scoring import Channels, Weights
from marklens.reranking.spatial_matcher import spatial_similarities, unit
from marklens.retrieval.patch_store import PatchStore, write_patch_store
from marklens.settings import load_settings

BLOCK = 250
"""Logos described and kept at a time: a run that was stopped goes on there."""
KEPT = 128
"""Dimensions of the patches that are kept."""


@dataclass(frozen=True, slots=True)
class Described:
    """The views of a gallery.

    Attributes:
        owners: int64 (views,), which mark.
        vectors: float32 (views, 512), of stage 1.
        patches: float16 (ink patches, KEPT), of the bundled patch reduction.
        inks: bool (views, 49).
        colors: uint8 (views, colours).
    """

    owners: Ids
    vectors: Vectors
    patches: npt.NDArray[np.float16]
    inks: Bools
    colors: Colors


def gallery_files(dataset: Path, size: int) -> list[str]:
    """Validation brands' logos first, then others of no validation or test brand, the same every time."""
    brands = {split: read_json(dataset / f"groups_{split}.json").values() for split in ("val", "test")}
    asked = {file for group in brands["val"] for file in group}
    kept_out = asked | {file for group in brands["test"] for file in group}
    others = sorted({path.name for path in (dataset / "images").iterdir()} - kept_out)
    filling = np.random.default_rng(0).permutation(others).tolist()
    return [*sorted(asked), *filling][:size]


def describe(dataset: Path, work: Path, files: Sequence[str], threads: int) -> Described:
    """Describe a gallery, or read what an earlier run described."""
    work.mkdir(parents=True, exist_ok=True)
    embedder = OnnxEmbedder(bundled_weights(), 16, threads)
    learned = PcaReducer.load(bundled_weights().with_name(bundled_weights().stem + ENDING))
    reducer = find_reducer(bundled_weights(), embedder.model_hash, 512)
    assert reducer is not None
    maker = assembly.make_view_maker(assembly.view_options(load_settings(views={"read": False})))
    blocks = []
    for start in range(0, len(files), BLOCK):
        path = work / f"{start:06d}-{reducer.digest}-{learned.digest}.safetensors"
        if not path.is_file():
            views: list[View] = []
            owners: list[int] = []
            for number, file in enumerate(files[start : start + BLOCK], start):
                try:
                    prepared = maker.prepare(read_picture(dataset / "images" / file)).views
                except PictureError:
                    continue
                views += prepared
                owners += [number] * len(prepared)
            pixels = np.stack([view.pixels for view in views])
            inks = np.stack([view.ink for view in views])
            pooled, patches = embedder.describe(pixels)
            save_arrays(
                path,
                {
                    "owners": np.array(owners, np.int64),
                    "vectors": reducer.reduce(pooled),
                    "patches": learned.reduce(patches[inks.reshape(-1, PATCH_GRID**2)]).astype(np.float16),
                    "inks": inks.reshape(-1, PATCH_GRID**2).astype(np.uint8),
                    "colors": color_histograms(pixels, inks),
                },
            )
        blocks.append(load_arrays(path)[0])
    joined = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return Described(**{**joined, "inks": joined["inks"].astype(np.bool_)})


class Gallery:
    """Described marks with their patches packed in one way."""

    def __init__(self, held: Described, patches: npt.NDArray[Any]) -> None:
        self.held, self._patches = held, patches
        self.marks, self.starts, self._views = np.unique(held.owners, return_index=True, return_counts=True)
        counts = np.count_nonzero(held.inks, axis=1)
        self._rows, self._counts = np.cumsum(counts) - counts, counts

    def local(self, places: Ids) -> tuple[Ids, LocalViews]:
        """The views of the marks at these places, and the place that each belongs to."""
        views = ranges(self.starts[places], self._views[places])
        patches = self._patches[ranges(self._rows[views], self._counts[views])]
        local = LocalViews(cast(Patches, patches), self.held.inks[views], self.held.colors[views])
        return np.repeat(places, self._views[places]), local

    def first_stage(self, place: int) -> Vectors:
        """The best pair of views with every mark, float32 (marks,); -inf for the mark itself."""
        own = self.held.vectors[self.starts[place] : self.starts[place] + self._views[place]]
        scores = best_of_marks(own, self.held.vectors, self.starts)
        scores[place] = -np.inf
        return scores


def packed(held: Described, dims: int, kind: str) -> npt.NDArray[Any]:
    """The patches with so many dimensions, as int8 or fp16."""
    vectors = unit(cast(Patches, held.patches[:, :dims]))
    return quantised(vectors) if kind == "int8" else vectors.astype(np.float16)


def soft_similarities(query: LocalViews, marks: LocalViews) -> Vectors:
    """Optimal transport with entropy (Cuturi 2013): 3 rounds of Sinkhorn give every patch its partners."""
    temperature, vectors, counts = 0.1, unit(marks.patches), marks.counts
    starts, found = np.cumsum(counts) - counts, np.empty((len(query), len(marks)), np.float32)
    for row in range(len(query)):
        products = unit(query.view(row).patches) @ vectors.T
        kernel = np.exp(products / temperature)
        ours: npt.NDArray[Any] = np.full((len(products), len(marks)), 1 / len(products))
        theirs: npt.NDArray[Any] = np.empty(len(vectors))
        for _ in range(3):
            theirs = 1 / np.repeat(counts, counts) / (kernel * np.repeat(ours, counts, axis=1)).sum(axis=0)
            ours = 1 / len(products) / np.add.reduceat(kernel * theirs, starts, axis=1)
        plan = kernel * theirs * np.repeat(ours, counts, axis=1)
        found[row] = np.add.reduceat((plan * products).sum(axis=0), starts)
    return np.clip(found, 0, 1)


def pooled_similarities(query: LocalViews, marks: LocalViews) -> Vectors:
    """The plan's way: every patch takes its best match wherever it is; the mean of both directions."""
    vectors, counts = unit(marks.patches), marks.counts
    starts, found = np.cumsum(counts) - counts, np.empty((len(query), len(marks)), np.float32)
    for row in range(len(query)):
        products = unit(query.view(row).patches) @ vectors.T
        forward = np.maximum.reduceat(products, starts, axis=1).mean(axis=0)
        found[row] = (forward + np.add.reduceat(products.max(axis=0), starts) / counts) / 2
    return np.clip(found, 0, 1)


def placed_similarities(query: LocalViews, marks: LocalViews) -> Vectors:
    """Patch against patch in the same place, as views are trimmed alike; over the union of inks."""
    found = np.empty((len(query), len(marks)), np.float32)
    table = np.zeros((len(marks), PATCH_GRID**2, marks.patches.shape[1]), np.float32)
    table[marks.inks] = unit(marks.patches)
    for row in range(len(query)):
        ink = query.inks[row]
        products = np.einsum("vpd,pd->vp", table[:, ink], unit(query.view(row).patches))
        found[row] = np.maximum(products, 0).sum(axis=1) / (marks.inks | ink).sum(axis=1)
    return found


Compare = Callable[[LocalViews, LocalViews], Vectors]


def colors_alike(query: LocalViews, marks: LocalViews) -> Vectors:
    """The colour channel as a way of comparing."""
    return color_similarities(query.colors, marks.colors)


@dataclass(frozen=True, slots=True)
class Asked:
    """One query with its candidates.

    Attributes:
        place: of the query in the gallery.
        relevant: places of the right answers.
        candidates: places, best of stage 1 first.
        similarity: float32, of stage 1.
    """

    place: int
    relevant: Ids
    candidates: Ids
    similarity: Vectors


def ask(gallery: Gallery, dataset: Path, files: Sequence[str], queries: int, depth: int) -> list[Asked]:
    """Every so many-th logo of the validation brands with its candidates."""
    number = {file: place for place, file in enumerate(files)}
    groups = [
        np.flatnonzero(np.isin(gallery.marks, [number[file] for file in group if file in number]))
        for group in read_json(dataset / "groups_val.json").values()
    ]
    pairs = [(int(place), group[group != place]) for group in groups if len(group) > 1 for place in group]
    asked = []
    for place, relevant in pairs[:: max(1, len(pairs) // queries)]:
        scores = gallery.first_stage(place)
        best = np.argsort(-scores, kind="stable")[:depth]
        asked.append(Asked(place, relevant, best, np.clip(scores[best], 0, 1)))
    return asked


def channel(gallery: Gallery, asked: Sequence[Asked], compare: Compare) -> tuple[list[Vectors], list[float]]:
    """What one way says of all candidates, and its milliseconds a query."""
    values, milliseconds = [], []
    for query in asked:
        started = process_time()
        _, own = gallery.local(np.array([query.place]))
        owners, views = gallery.local(query.candidates)
        values.append(best_pairs(compare(own, views), owners, query.candidates))
        milliseconds.append((process_time() - started) * 1e3)
    return values, milliseconds


def measured(asked: Sequence[Asked], scores: Sequence[Vectors]) -> dict[str, float]:
    """The means over all queries of the rankings by these scores."""
    rows = []
    for query, score in zip(asked, scores, strict=True):
        order = np.argsort(-score, kind="stable")
        ranks = relevant_ranks(score[order], np.isin(query.candidates[order], query.relevant))
        rows.append((ranks, len(query.relevant)))
    return mean_measures(rows)


def fused(
    asked: Sequence[Asked],
    weights: Weights,
    spatial: Sequence[Vectors] | None = None,
    color: Sequence[Vectors] | None = None,
    first: Sequence[Vectors] | None = None,
) -> list[Vectors]:
    """The scores of all candidates of all queries."""
    return [
        Channels(
            query.similarity if first is None else first[row],
            None if spatial is None else spatial[row],
            None,
            None if color is None else color[row],
        ).combined(weights)
        for row, query in enumerate(asked)
    ]


def expanded(gallery: Gallery, asked: Sequence[Asked], scores: Sequence[Vectors]) -> list[Vectors]:
    """Alpha query expansion (Radenović et al. 2018): the 3 best join the query's vector, by score cubed."""
    vectors, starts = gallery.held.vectors, gallery.starts
    found = []
    for query, score in zip(asked, scores, strict=True):
        best = np.argsort(-score, kind="stable")[:3]
        mixed = vectors[starts[query.place]] + score[best] ** 3 @ vectors[starts[query.candidates[best]]]
        similarity = np.maximum.reduceat(vectors @ (mixed / np.linalg.norm(mixed)), starts)
        found.append(np.clip(similarity[query.candidates], 0, 1))
    return found


def best_share(asked: Sequence[Asked], spatial: Sequence[Vectors]) -> tuple[float, float]:
    """The share of the channel beside the global one that suits it best, and mAP@100 there."""
    shares = np.linspace(0.1, 1, 10).tolist()
    found = [
        measured(asked, fused(asked, Weights(1 - share, share, 0, 0), spatial))["mAP@100"] for share in shares
    ]
    return shares[int(np.argmax(found))], max(found)


PACKINGS = (
    *((dims, "int8") for dims in (64, 96, 128)),
    *((dims, "fp16") for dims in (64, 96, 128)),
)
"""Dimensions and form."""


def compare_packings(held: Described, gallery: Gallery, asked: Sequence[Asked]) -> Iterator[dict[str, Any]]:
    """How many dimensions, in which form."""
    for dims, kind in PACKINGS:
        packing = Gallery(held, packed(held, dims, kind))
        spatial, spent = channel(packing, asked, spatial_similarities)
        share, suited = best_share(asked, spatial)
        patches = len(held.patches) / len(gallery.marks)
        yield {
            "packing": f"{dims} {kind}",
            "bytes a mark": round(patches * dims * (1 if kind == "int8" else 2)),
            **measured(asked, fused(asked, Weights(), spatial)),
            "best share": share,
            "mAP@100 there": suited,
            "ms p50": float(np.median(spent)),
        }


def time_store(work: Path, held: Described, dims: int, depth: int, queries: int = 100) -> dict[str, Any]:
    """Rerank drawn candidates out of a drawn store of 50,000 marks, from the memory map to the order."""
    marks, path, random = 50_000, work / "drawn.safetensors", np.random.default_rng(0)
    views = np.flatnonzero(np.diff(held.owners, prepend=-1))

    def parts() -> Iterator[tuple[Ids, LocalViews]]:
        for first in range(0, marks, 5000):
            rows = random.choice(views, 5000)
            inks = held.inks[rows]
            patches = random.integers(-127, 128, (int(np.count_nonzero(inks)), dims), np.int8)
            yield np.arange(first, first + 5000) << VIEW_BITS, LocalViews(patches, inks, held.colors[rows])

    write_patch_store(path, parts(), dims, held.colors.shape[1])
    stage, processor, wall = Reranker(PatchStore(path)), [], []
    for _ in range(queries):
        numbers = random.choice(marks, depth, replace=False).tolist()
        candidates = [Candidate(number, 0.5, (ViewKind.FULL, ViewKind.FULL)) for number in numbers]
        query = stage.stored(numbers[0])
        started, cpu = perf_counter(), process_time()
        stage.rerank(query, candidates)
        wall.append((perf_counter() - started) * 1e3)
        processor.append((process_time() - cpu) * 1e3)
    size = path.stat().st_size / marks
    path.unlink()
    clocks = {"processor": processor, "wall": wall}
    found = {f"{name} p{q}": float(np.percentile(of, q)) for name, of in clocks.items() for q in (50, 99)}
    return {"marks": marks, "candidates": depth, "file, bytes a mark": round(size), **found}


def compare_ways(gallery: Gallery, asked: Sequence[Asked]) -> Iterator[dict[str, Any]]:
    """Global alone, the ways of comparing patches, colour, query expansion."""
    plan = Weights()
    yield _row("global", asked, fused(asked, plan), None, [])
    color, color_spent = channel(gallery, asked, colors_alike)
    ways: Mapping[str, Compare] = {
        "max-pooled": pooled_similarities, "soft": soft_similarities, "same place": placed_similarities,
        "mutual, voted": spatial_similarities,
    }  # fmt: skip
    kept: dict[str, list[Vectors]] = {}
    for name, compare in ways.items():
        kept[name], spent = channel(gallery, asked, compare)
        yield _row(f"+ {name}", asked, fused(asked, plan, kept[name]), kept[name], spent)
    best = kept["mutual, voted"]
    yield _row("mutual, voted alone", asked, fused(asked, Weights(0, 1, 0, 0), best), None, [])
    yield _row("+ mutual, voted + colour", asked, fused(asked, plan, best, color), None, color_spent)
    first = expanded(gallery, asked, fused(asked, plan, best))
    yield _row("+ mutual, voted + expansion", asked, fused(asked, plan, best, None, first), None, [])


def _row(
    name: str,
    asked: Sequence[Asked],
    scores: Sequence[Vectors],
    spatial: Sequence[Vectors] | None,
    spent: Sequence[float],
) -> dict[str, Any]:
    share, suited = ("–", "–") if spatial is None else best_share(asked, spatial)
    return {
        "way": name,
        **measured(asked, scores),
        "best share": share,
        "mAP@100 there": suited,
        "ms p50": float(np.median(spent)) if len(spent) else "–",
    }


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    work: Annotated[Path, typer.Option(help="Where the described gallery is kept.")],
    size: Annotated[int, typer.Option(help="Marks of the gallery.")] = 4000,
    queries: Annotated[int, typer.Option(help="About how many to ask.")] = 300,
    depth: Annotated[int, typer.Option(help="Candidates a query.")] = 1000,
    dims: Annotated[int, typer.Option(help="Of the packing that the ways are compared with.")] = 96,
    packings: Annotated[bool, typer.Option(help="Compare the packings too.")] = True,
    threads: Annotated[int, typer.Option(help="CPU threads of the network; 0 takes every core.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Describe what is missing and measure."""
    files = gallery_files(dataset, size)
    held = describe(dataset, work, files, threads)
    gallery = Gallery(held, packed(held, dims, "int8"))
    asked = ask(gallery, dataset, files, queries, depth)
    title = f"{len(asked)} queries among {len(gallery.marks)} marks"
    report(title, list(compare_ways(gallery, asked)), json)
    if packings:
        report(f"Packing: {title}", list(compare_packings(held, gallery, asked)))
    report("Reranking one view's candidates, milliseconds", [time_store(work, held, dims, depth)])


if __name__ == "__main__":
    typer.run(main)
