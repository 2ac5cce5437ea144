"""Is an index what its manifest says? Checksums, counts, chunks, and a sample of marks described again."""

from dataclasses import dataclass

import numpy as np

from marklens.core.errors import ArtifactError, DatabaseError, MarklensError
from marklens.core.images import read_picture
from marklens.core.ports import Embedder, Progress, VectorStore
from marklens.core.types import VIEW_BITS, Pixels
from marklens.embeddings.pca_reducer import PcaReducer
from marklens.indexing.chunks import load_chunk
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import Manifest, checksums, load_complete
from marklens.preprocessing.pipeline import ViewMaker
from marklens.retrieval.catalog import Catalog
from marklens.retrieval.vector_store import open_store

SAME_VECTOR = 0.999
"""Cosine that a mark described again must reach; half precision and another processor stay above it."""

BLOCK = 16_384
"""Vectors fetched at a time."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: what.
        passed: whether it is as it should be.
        detail: one sentence.
    """

    name: str
    passed: bool
    detail: str


def verify(
    folder: IndexFolder, maker: ViewMaker, embedder: Embedder, sample: int, progress: Progress
) -> list[Check]:
    """Look at everything; a check that cannot be done has failed.

    Args:
        folder: the index.
        maker: makes views as the index was made.
        embedder: the network the index was made with.
        sample: how many marks to describe again from their pictures.
        progress: hears how far it is.

    Raises:
        UsageError: there is no index.
        ArtifactError: it is not finished, or lacks a file.
    """
    manifest = load_complete(folder)
    progress.start("verify", manifest.chunks + sample)
    checks = [_checksums(folder, manifest), _chunks(folder, manifest, progress)]
    try:
        store = open_store(folder.vectors, server=folder.server_of(manifest.store))
        with Catalog.open(folder.catalog) as catalog:
            checks.append(_counts(manifest, catalog, store))
            checks.append(_described_again(folder, catalog, store, maker, embedder, sample, progress))
    except (ArtifactError, DatabaseError) as error:
        checks.append(Check("files open", False, str(error)))
    return checks


def _checksums(folder: IndexFolder, manifest: Manifest) -> Check:
    found = checksums(folder)
    wrong = [name for name, digest in found.items() if manifest.checksums.get(name) != digest]
    return Check(
        "checksums", not wrong, f"{', '.join(wrong)} changed" if wrong else f"{len(found)} files intact"
    )


def _chunks(folder: IndexFolder, manifest: Manifest, progress: Progress) -> Check:
    damaged: list[str] = []
    for path in folder.chunks(manifest.chunks):
        try:
            load_chunk(path)
        except ArtifactError:
            damaged.append(path.name)
        progress.advance(1)
    detail = f"{', '.join(damaged[:5])} damaged" if damaged else f"{manifest.chunks} intact"
    return Check("chunks", not damaged, detail)


def _counts(manifest: Manifest, catalog: Catalog, store: VectorStore) -> Check:
    held = catalog.counts()
    found = {"marks": held.marks, "removed": held.removed, "views": len(store)}
    said = {name: manifest.counts[name] for name in found}
    if found != said:
        return Check("counts", False, f"catalog and vectors hold {found}, the manifest says {said}")
    views = sum(catalog.view_counts().values())
    same = held.removed > 0 or views == len(store)  # the catalog counts the views of living marks
    if not _all_stored(catalog, store):
        return Check("counts", False, "marks of the catalog have no vectors: run 'marklens index compact'")
    return Check("counts", same, f"{held.marks} marks, {views} views, {len(store)} vectors")


def _all_stored(catalog: Catalog, store: VectorStore) -> bool:
    """Whether every view of every living mark has a vector."""
    kinds = catalog.view_kinds(sorted(catalog.files()))
    ids = [number << VIEW_BITS | kind for number, views in kinds.items() for kind in views]
    try:
        for start in range(0, len(ids), BLOCK):
            store.vectors(np.array(ids[start : start + BLOCK], np.int64))
    except KeyError:
        return False
    return True


def _described_again(
    folder: IndexFolder,
    catalog: Catalog,
    store: VectorStore,
    maker: ViewMaker,
    embedder: Embedder,
    sample: int,
    progress: Progress,
) -> Check:
    reducer = PcaReducer.load(folder.pca)
    numbers = sorted(catalog.files())
    chosen = numbers[:: max(1, len(numbers) // max(1, sample))][:sample]
    worst, again, lost = 1.0, 0, 0
    for number in chosen:
        try:
            picture = read_picture(catalog.marks([number])[number].path)
            cosine = _agreement(number, picture, store, maker, embedder, reducer)
        except (MarklensError, KeyError):
            lost += 1
            continue
        finally:
            progress.advance(1)
        worst, again = min(worst, cosine), again + 1
    detail = f"{again} marks described again, smallest cosine {worst:.4f}"
    detail += f", {lost} could not be (their pictures are gone or changed)" if lost else ""
    return Check("sample", (again > 0 or not chosen) and worst >= SAME_VECTOR, detail)


def _agreement(
    number: int,
    picture: Pixels,
    store: VectorStore,
    maker: ViewMaker,
    embedder: Embedder,
    reducer: PcaReducer,
) -> float:
    """The smallest cosine between a mark's stored vectors and those of its picture now."""
    views = maker.prepare(picture).views
    fresh = reducer.reduce(embedder.embed(np.stack([view.pixels for view in views])))
    stored = store.vectors(np.array([number << VIEW_BITS | view.kind for view in views], np.int64))
    return float((fresh * stored).sum(axis=1).min())
