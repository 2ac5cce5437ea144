"""From chunks to the files a search reads: reduction, vectors with their graph, catalog, errors."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from marklens.core.artifacts import write_text
from marklens.core.errors import ArtifactError
from marklens.core.ports import Progress, VectorStore
from marklens.core.resources import StopFlag
from marklens.core.stopwatch import Stopwatch
from marklens.core.types import Fault, Ids, Vectors
from marklens.embeddings.pca_reducer import PcaReducer, fit_pca
from marklens.indexing.chunks import Chunk, load_chunk, views_in
from marklens.indexing.folder import STORES, IndexFolder
from marklens.indexing.manifest import Recipe
from marklens.reranking.color import COLORS
from marklens.retrieval.catalog import Catalog, Entry
from marklens.retrieval.faiss_forms import Plan
from marklens.retrieval.patch_store import Part, write_patch_store
from marklens.retrieval.rarity import Rarity, measure_rarity
from marklens.retrieval.vector_store import create_store, discard_store
from marklens.text.extractor import words_said
from marklens.text.index_builder import TextIndexBuilder


@dataclass(frozen=True, slots=True)
class Derived:
    """What the chunks held.

    Attributes:
        views: how many.
        rarity: how alike unrelated views are; nothing where they are too few to tell.
        seconds: time by stage.
    """

    views: int
    rarity: Rarity
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class DeriveOptions:
    """How the files that a search reads are made.

    Attributes:
        store: where the vectors shall be, one of `folder.STORES`.
        form: how FAISS shall keep them, see `retrieval.faiss_forms`.
        threads: for the graph; 1 makes it the same every time, 0 takes every core.
        learned: the network's own reduction; None fits one.
        fitted: the reduction that the index has and keeps; None chooses one.
    """

    store: str = STORES[0]
    form: str = "auto"
    threads: int = 0
    learned: PcaReducer | None = None
    fitted: PcaReducer | None = None


def derive(
    folder: IndexFolder,
    chunks: int,
    recipe: Recipe,
    options: DeriveOptions,
    progress: Progress,
    stop: StopFlag | None = None,
) -> Derived:
    """Make everything that a search reads from the first `chunks` chunks.

    Args:
        folder: the index.
        chunks: how many chunks belong to it.
        recipe: what the reduction shall be.
        options: how the files are made.
        progress: hears how far it is.
        stop: looked at between the stages.

    Raises:
        Interrupted: `stop` was set.
        ArtifactError: no chunk holds a usable mark, or one is damaged.
    """
    paths, watch, kind = folder.chunks(chunks), Stopwatch(stop), options.store
    reducer = options.fitted or _reducer(paths, recipe, options.learned, progress)
    reducer.save(folder.pca)
    watch.lap("pca")
    progress.start("graph", chunks)
    plan, server = _plan(paths, reducer, options.form), folder.server_of(kind)
    store = create_store(kind, reducer.dims, threads=options.threads, server=server, plan=plan)
    ids = _fill(store, _load(paths, progress), reducer)
    store.save(folder.vectors_of(kind))
    for other in STORES:
        if other != kind:
            discard_store(folder.vectors_of(other), server=folder.server_of(other))
    rarity = measure_rarity(store, ids)
    watch.lap("graph")
    if recipe.patches:
        progress.start("patches", chunks)
        parts = patch_parts(_load(paths, progress), first=0)
        write_patch_store(folder.patches, parts, int(recipe.patches["dims"]), COLORS)
    watch.lap("patches")
    progress.start("catalog", chunks)
    names = TextIndexBuilder()
    Catalog.create(folder.catalog, noting_texts(entries(_load(paths, progress), first=0), names))
    watch.lap("catalog")
    progress.start("texts", None)
    names.finish().save(folder.texts)
    watch.lap("texts")
    return Derived(len(ids), rarity, watch.seconds)


def _fill(store: VectorStore, chunks: Iterable[Chunk], reducer: PcaReducer) -> Ids:
    """Add the vectors of all views to a store; returns the views' ids, int64 (views,)."""
    ids: list[Ids] = []
    marks = 0
    for chunk in chunks:
        ids.append(chunk.view_ids(marks))
        store.add(ids[-1], reduce_chunk(chunk, reducer))
        marks += len(chunk.marks)
    return np.concatenate(ids)


def reduce_chunk(chunk: Chunk, reducer: PcaReducer) -> Vectors:
    """The unit vectors of a chunk's views, float32 (views, dims)."""
    return reducer.reduce(chunk.vectors.astype(np.float32))


def patch_parts(chunks: Iterable[Chunk], first: int) -> Iterator[Part]:
    """What the patch store holds of these chunks, whose marks are numbered from `first` on."""
    for chunk in chunks:
        yield chunk.view_ids(first), chunk.local
        first += len(chunk.marks)


def entries(chunks: Iterable[Chunk], first: int) -> Iterator[Entry]:
    """What the catalog holds of these chunks, numbered from `first` on."""
    number = first
    for chunk in chunks:
        for position, mark in enumerate(chunk.marks):
            yield Entry(
                number, mark, chunk.views_of(position), chunk.masks[position], chunk.readings[position]
            )
            number += 1


def noting_texts(entries: Iterable[Entry], names: TextIndexBuilder) -> Iterator[Entry]:
    """The same entries; on the way, `names` takes what each mark says: its text, else what was read."""
    for entry in entries:
        said = words_said(entry.mark.text, entry.reading)
        if said is not None:
            names.add(entry.number, said)
        yield entry


def write_errors(folder: IndexFolder, of_dataset: Iterable[Fault], of_pictures: Iterable[Fault]) -> int:
    """Write errors.jsonl: what is wrong with the dataset's data, then with its pictures; return how many."""
    rows = dict.fromkeys(
        [*(("dataset", fault) for fault in of_dataset), *(("picture", fault) for fault in of_pictures)]
    )
    lines = [json.dumps({"of": of, **asdict(fault)}) + "\n" for of, fault in rows]
    write_text(folder.errors, "".join(lines))
    return len(rows)


def listed_faults(folder: IndexFolder, of: str) -> list[Fault]:
    """What errors.jsonl says of the ``dataset`` or of its ``picture``s; nothing if there is no such file."""
    if not folder.errors.is_file():
        return []
    rows = [json.loads(line) for line in folder.errors.read_text(encoding="utf-8").splitlines()]
    return [Fault(row["item"], row["kind"], row["reason"]) for row in rows if row["of"] == of]


def _load(paths: Sequence[Path], progress: Progress) -> Iterator[Chunk]:
    for path in paths:
        yield load_chunk(path)
        progress.advance(1)


def _reducer(
    paths: Sequence[Path], recipe: Recipe, learned: PcaReducer | None, progress: Progress
) -> PcaReducer:
    """The network's own reduction; one fitted on these views where it has none, or as `own_from` says."""
    total = sum(map(views_in, paths))
    if not total:
        raise ArtifactError("not one picture could be used: see errors.jsonl for the reasons")
    if learned is not None and not recipe.fits_its_own(total):
        return learned
    progress.start("reduce", len(paths))
    sample = _sample(_load(paths, progress), total, int(recipe.pca["sample"]))
    return fit_pca(sample, int(recipe.pca["dims"]), float(recipe.pca["whitening"]))


def _plan(paths: Sequence[Path], reducer: PcaReducer, form: str) -> Plan:
    """How the vector store shall keep the views of these chunks, and how to draw some of them."""
    total = sum(map(views_in, paths))

    def draw(count: int) -> Vectors:
        drawn = [reducer.reduce(part) for part in _sample(map(load_chunk, paths), total, count)]
        return np.concatenate(drawn) if drawn else np.empty((0, reducer.dims), np.float32)

    return Plan(form, total, draw)


def _sample(chunks: Iterable[Chunk], total: int, sample: int) -> Iterator[Vectors]:
    """Views spread evenly over all chunks, about `sample` of `total`."""
    step, position = max(1.0, total / sample), 0
    for chunk in chunks:
        rows = np.arange(position, position + len(chunk.owners))
        chosen = np.floor((rows + 1) / step) > np.floor(rows / step)
        position += len(rows)
        if chosen.any():
            yield chunk.vectors[chosen].astype(np.float32)
