"""Build an index from a dataset, or finish a build that was stopped: the same call does both."""

import hashlib
import math
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from time import perf_counter
from typing import Any

from loguru import logger

from marklens import __version__
from marklens.core.artifacts import require_disk_space
from marklens.core.errors import ArtifactError, UsageError
from marklens.core.file_names import follows_from
from marklens.core.ports import Dataset
from marklens.core.types import Fault, Mark
from marklens.indexing.chunks import load_chunk
from marklens.indexing.derive import DeriveOptions, derive, write_errors
from marklens.indexing.describing import Describer
from marklens.indexing.folder import STORES, FolderLock, IndexFolder
from marklens.indexing.manifest import Manifest, Recipe, checksums, load_complete, require_same
from marklens.retrieval.catalog import Catalog
from marklens.retrieval.vector_store import check_store, prune_store

CHUNK_BYTES, VECTOR_BYTES, PATCH_BYTES, CATALOG_BYTES = 10_000, 4_000, 5_500, 1_000
"""Disk that a mark takes, generously: in its chunk, in vectors and graph, as patches, in the catalog."""
DERIVED_BYTES = VECTOR_BYTES + PATCH_BYTES + CATALOG_BYTES


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What a build may do.

    Attributes:
        chunk: marks written at a time.
        limit: take only the first marks of the dataset.
        store: where the vectors shall be, one of `folder.STORES`; None leaves them where they are.
        derive: how all else is made.
    """

    chunk: int = 256
    limit: int | None = None
    store: str | None = None
    derive: DeriveOptions = field(default_factory=DeriveOptions)


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        manifest: of the finished index.
        described: marks described now; those described before do not count.
        seconds: how long everything took.
        changed: False when the index was up to date.
    """

    manifest: Manifest
    described: int
    seconds: float
    changed: bool


def build_index(describer: Describer, dataset: Dataset, recipe: Recipe, options: BuildOptions) -> BuildReport:
    """Build the index of a dataset in the describer's folder, resuming what is there.

    An index that was made of the same marks and pictures is left as it is; another reduction or another
    vector store makes only the last stages again.

    Raises:
        Interrupted: a signal came; the finished chunks are kept.
        IndexMismatchError: the folder holds an index with another preprocessing or model.
        UsageError: the dataset has no marks, there is no server for the vectors, the folder holds the index
            of another dataset or one that marks were added to, or another process is changing it.
        ArtifactError: not one picture could be used.
        DiskSpaceError: there is too little room.
        DatabaseError: the vectors shall go to PostgreSQL, and it does not answer or refuses.
    """
    started, folder = perf_counter(), describer.folder
    if folder.root.exists() and not folder.root.is_dir():
        raise UsageError(f"{folder.root} is no folder: name one for the index")
    folder.root.mkdir(parents=True, exist_ok=True)
    with FolderLock(folder):
        scope = {"root": _identity(dataset), "limit": options.limit}
        before = _existing(folder, recipe, scope)
        if before is not None and before.complete:  # also what a killed removal had hidden
            before = replace(before, removed={**before.removed, **tombstones(folder)})
        kind = options.store or (before.store if before else STORES[0])
        check_store(kind, server=folder.server_of(kind))
        expected = min(dataset.count(), options.limit or sys.maxsize)
        before = before or _begun(folder, recipe, scope, kind)

        def before_writing() -> None:
            new = max(0, expected - before.counts.get("marks", 0))
            needed = expected * DERIVED_BYTES + new * CHUNK_BYTES
            made = () if before.complete else folder.chunks_from(0)
            require_disk_space(folder.root, needed, f"an index of {expected:,} marks", made)
            if not before.complete:
                before.save(folder)

        logger.info("building the index of about {} marks of {}", expected, dataset.root)
        faults: list[Fault] = []
        describer.progress.start("describe", expected)
        marks = islice(dataset.marks(faults.append), options.limit)
        done = describer.describe(marks, options.chunk, beside=before.complete, before_writing=before_writing)
        if not done.sources:
            raise UsageError(f"{dataset.root} holds no marks: give a folder of pictures or an L3D dataset")
        source = digest([*done.sources, repr(sorted(recipe.pca.items()))])
        waiting = any(folder.next_chunk(each).is_file() for each in done.sources)
        untouched = before.complete and not waiting and before.store == kind
        if untouched and before.source == source and _intact(folder):
            folder.sweep(len(done.sources))
            return BuildReport(before, done.marks, perf_counter() - started, changed=False)
        replace(before, complete=False, store=kind).save(folder)
        folder.settle(0, done.sources)
        folder.sweep(len(done.sources))
        paths = folder.chunks(len(done.sources))
        written = write_errors(folder, faults, (fault for path in paths for fault in load_chunk(path).faults))
        how, chunks = replace(options.derive, store=kind), len(done.sources)
        derived = derive(folder, chunks, recipe, how, describer.progress, describer.stop)
        manifest = Manifest(
            recipe=recipe,
            dataset=scope,
            store=kind,
            complete=True,
            source=source,
            chunks=chunks,
            counts=counts(folder, before.removed, derived.views, written),
            removed=before.removed,
            rarity=derived.rarity,
            checksums=checksums(folder),
            seconds={**done.seconds, **derived.seconds},
            made=stamp(),
        )
        manifest.save(folder)
        prune_store(folder.vectors, server=folder.server_of(kind))
        logger.info("index finished: {}", dict(manifest.counts))
        return BuildReport(manifest, done.marks, perf_counter() - started, changed=True)


def _begun(folder: IndexFolder, recipe: Recipe, scope: Mapping[str, Any], kind: str) -> Manifest:
    """The manifest of a build that begins.

    Raises:
        UsageError: the folder holds chunks that no manifest tells of.
    """
    if folder.chunks_from(0) or folder.next_chunks():
        raise UsageError(
            f"{folder.root / 'chunks'} holds files of something else, or of an index whose "
            "manifest.json is gone: delete them or build into another folder"
        )
    return Manifest(recipe, dict(scope), kind)


def counts(folder: IndexFolder, removed: Mapping[str, str], views: int, faults: int) -> dict[str, int]:
    """Mark these ids and files as removed in a fresh catalog and count what it holds."""
    with Catalog.open(folder.catalog, writable=True) as catalog:
        catalog.remove(_gone(catalog, removed))
        held = catalog.counts()
    return {"marks": held.marks, "removed": held.removed, "views": views, "faults": faults}


def is_removed(mark: Mark, removed: Mapping[str, str]) -> bool:
    """Whether a mark is one of those removed, id to file.

    Ids that follow from file names, as those of folders do, go from file to file: there the file decides.
    """
    file = removed.get(mark.id)
    if file is None:
        return False
    same = os.path.splitext(file)[0] == os.path.splitext(mark.file)[0]
    return same or not file or not follows_from(mark.id, file)  # indexes of before know no files


def _gone(catalog: Catalog, removed: Mapping[str, str]) -> list[str]:
    """Ids of the removed marks that a fresh catalog holds, also under the ids that their files have got."""
    if not removed:
        return []
    files = catalog.files()
    known = [number for id in removed if (number := catalog.number(id)) is not None]
    gone = {mark.id for mark in catalog.marks(known).values() if is_removed(mark, removed)}
    moved = {file for id, file in removed.items() if id not in gone and follows_from(id, file)}
    renamed = [number for number, file in files.items() if file in moved]
    return [*gone, *(mark.id for mark in catalog.marks(renamed).values() if mark.id not in gone)]


def tombstones(folder: IndexFolder) -> Mapping[str, str]:
    """Id and file of what the catalog hides; a killed removal may not have reached the manifest."""
    try:
        with Catalog.open(folder.catalog) as catalog:
            return catalog.removed()
    except ArtifactError:
        return {}


def stamp() -> dict[str, str]:
    """Who made it, and when."""
    return {"version": __version__, "at": datetime.now(UTC).isoformat(timespec="seconds")}


def digest(parts: Iterable[str]) -> str:
    """Hexadecimal digest of some strings in order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _identity(dataset: Dataset) -> str:
    """What a dataset is known by: one folder can hold several manifests."""
    return str(getattr(dataset, "path", dataset.root))


def _existing(folder: IndexFolder, recipe: Recipe, scope: Mapping[str, Any]) -> Manifest | None:
    """The manifest that is there, after checking that this build may go on from it."""
    if not folder.manifest.is_file():
        return None
    before = Manifest.load(folder)
    require_same(before.recipe, recipe, folder, ("preprocessing", "model", "patches"))
    if before.dataset["root"] != scope["root"]:
        state = "index" if before.complete else "unfinished build"
        raise UsageError(
            f"{folder.root} holds the {state} of {before.dataset['root']}: build into another folder"
            + (", or add marks with 'marklens index add'" if before.complete else ", or delete it")
        )
    if before.added:
        raise UsageError(
            f"marks were added to the index in {folder.root}: go on with 'marklens index add', "
            "or build into another folder"
        )
    if before.complete and (scope["limit"] or math.inf) < (before.dataset["limit"] or math.inf):
        raise UsageError(
            f"the index in {folder.root} holds more marks than --limit {scope['limit']}: "
            "build into another folder"
        )
    return before


def _intact(folder: IndexFolder) -> bool:
    """Whether the finished files are what the manifest says."""
    try:
        return load_complete(folder).checksums == checksums(folder)
    except ArtifactError:
        return False
