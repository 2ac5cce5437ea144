"""Change a finished index: add marks, remove them, compact what was removed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from loguru import logger

from marklens.core.artifacts import require_disk_space, sha256
from marklens.core.errors import ArtifactError
from marklens.core.ports import Dataset, Progress
from marklens.core.types import Fault, Mark
from marklens.core.wording import counted
from marklens.embeddings.pca_reducer import PcaReducer, find_reducer
from marklens.indexing.builder import (
    CATALOG_BYTES,
    PATCH_BYTES,
    VECTOR_BYTES,
    BuildReport,
    counts,
    is_removed,
    stamp,
    tombstones,
)
from marklens.indexing.chunks import Chunk, found_chunk, load_chunk
from marklens.indexing.derive import (
    DeriveOptions,
    derive,
    entries,
    listed_faults,
    noting_texts,
    patch_parts,
    reduce_chunk,
    write_errors,
)
from marklens.indexing.describing import Describer
from marklens.indexing.folder import STORES, FolderLock, IndexFolder
from marklens.indexing.manifest import (
    Manifest,
    Recipe,
    checksums,
    load_complete,
    require_counts,
    require_same,
)
from marklens.retrieval.catalog import Catalog
from marklens.retrieval.patch_store import append_patches
from marklens.retrieval.vector_store import check_store, open_store, prune_store
from marklens.text.index_builder import TextIndexBuilder, merge_indexes
from marklens.text.text_index import TextIndex


def add_marks(describer: Describer, dataset: Dataset, recipe: Recipe, chunk: int) -> BuildReport:
    """Add the marks of a dataset whose ids the index does not know; its reduction stays as it is.

    Raises:
        Interrupted: a signal came; the same call resumes.
        IndexMismatchError: the index was made with another preprocessing or model.
        ArtifactError: the index is damaged.
    """
    started, folder = perf_counter(), describer.folder
    with FolderLock(folder):
        manifest = load_complete(folder)
        require_same(manifest.recipe, recipe, folder, ("preprocessing", "model", "patches"))
        store = open_store(folder.vectors, writable=True, server=folder.server_of(manifest.store))
        faults: list[Fault] = []
        with Catalog.open(folder.catalog, writable=True) as catalog:
            held = catalog.counts()
            require_counts(folder, manifest, held.marks + held.removed, len(store))
            describer.progress.start("describe", dataset.count())
            new = _unknown(dataset.marks(faults.append), catalog, describer.progress)
            done = describer.describe(new, chunk, first=manifest.chunks)
            total = manifest.chunks + len(done.sources)
            folder.settle(manifest.chunks, done.sources)
            paths = folder.chunks(total)[manifest.chunks :]
            known = dict.fromkeys(listed_faults(folder, "picture"))

            def chunks() -> Iterator[Chunk]:  # passed over several times: together they may not fit
                return map(load_chunk, paths)

            if all(not part.marks and known.keys() >= {*part.faults} for part in chunks()):
                for path in paths:
                    path.unlink()
                return BuildReport(manifest, 0, perf_counter() - started, changed=False)
            reducer, texts = PcaReducer.load(folder.pca), TextIndex.load(folder.texts)
            first = number = catalog.capacity
            for part in chunks():
                store.add(part.view_ids(number), reduce_chunk(part, reducer))
                number += len(part.marks)
            # all of it is written again: a disk that fills up halfway leaves what nobody can open
            _require_room(folder, manifest, number, f"adding to {first:,} marks")
            faulty = {**known, **dict.fromkeys(fault for part in chunks() for fault in part.faults)}
            written = write_errors(folder, [*listed_faults(folder, "dataset"), *faults], faulty)
            names = TextIndexBuilder()
            store.save(folder.vectors)  # the likeliest to fail: a server may be away
            # from here to the end nobody can open the index
            catalog.append(noting_texts(entries(chunks(), first), names))
            merge_indexes(texts, names.finish()).save(folder.texts)
            if manifest.recipe.patches:
                append_patches(folder.patches, patch_parts(chunks(), first))
            held = catalog.counts()
        new_ids = {mark.id for part in chunks() for mark in part.marks}
        manifest = replace(
            manifest,
            chunks=total,
            added=manifest.added + len(paths),
            removed={id: file for id, file in manifest.removed.items() if id not in new_ids},
            counts={"marks": held.marks, "removed": held.removed, "views": len(store), "faults": written},
            checksums=checksums(folder),
            seconds=done.seconds,
            made=stamp(),
        )
        manifest.save(folder)
        folder.sweep(total)  # from now on no build goes on here
        return BuildReport(manifest, done.marks, perf_counter() - started, changed=True)


def remove_marks(folder: IndexFolder, ids: Sequence[str]) -> tuple[int, list[str]]:
    """Hide marks from every search at once; `compact` frees their room.

    Returns:
        how many were removed, and the ids that the index does not know.
    """
    with FolderLock(folder):
        manifest = load_complete(folder)
        views = len(open_store(folder.vectors, server=folder.server_of(manifest.store)))
        with Catalog.open(folder.catalog, writable=True) as catalog:
            held = catalog.counts()
            require_counts(folder, manifest, held.marks + held.removed, views)
            unknown = catalog.remove(ids)
            held, tombstones = catalog.counts(), catalog.removed()
        now = {**manifest.counts, "marks": held.marks, "removed": held.removed}
        hidden = {**manifest.removed, **tombstones}  # also what a killed removal had hidden
        sums = {**manifest.checksums, folder.catalog.name: sha256(folder.catalog)}  # nothing else has changed
        replace(manifest, counts=now, removed=hidden, checksums=sums).save(folder)
        return held.removed - manifest.counts["removed"], unknown


def compact(
    folder: IndexFolder, threads: int, progress: Progress, form: str = "auto", weights: Path | None = None
) -> Manifest:
    """Leave removed marks out for good and make vectors and catalog anew from the chunks.

    No picture is read. It also mends an index that was interrupted while it was changed: marks whose adding
    had not come to its end are left out, and can be added again, as can those of a damaged chunk where marks
    were added (else a build mends it). Where the index has lost its reduction, it takes that which lies
    beside its network's `weights`, or fits one.

    Raises:
        ArtifactError: a build has not finished, or a chunk is damaged that a build can mend.
    """
    with FolderLock(folder):
        manifest = Manifest.load(folder)
        if not manifest.complete:
            raise ArtifactError(
                f"the build of {folder.root} is not finished: run 'marklens index build' again"
            )
        check_store(manifest.store, server=folder.server_of(manifest.store))
        marks = sum(manifest.counts[which] for which in ("marks", "removed"))
        _require_room(folder, manifest, marks, f"compacting {marks:,} marks")
        removed = {**manifest.removed, **tombstones(folder)}
        manifest = replace(manifest, removed=removed)
        manifest.save(folder)  # the catalog, which knows of a killed removal, is about to go
        paths = folder.chunks(manifest.chunks)
        damaged = [path for path in paths if not _purge(path, removed)]
        if damaged:
            if not manifest.added or len(damaged) == len(paths):
                load_chunk(damaged[0])  # which says what is wrong
            _empty(damaged, next(path for path in paths if path not in damaged))
        for path in [*folder.chunks_from(manifest.chunks), *folder.next_chunks()]:  # of what was stopped
            _purge(path, removed, source="")  # the rest of it is found mark by mark
        reducer = _reducer_left(folder)
        model, dims = str(manifest.recipe.model["hash"]), int(manifest.recipe.pca["dims"])
        learned = find_reducer(weights, model, dims) if weights else None
        options = DeriveOptions(manifest.store, form, threads, learned, reducer)
        derived = derive(folder, manifest.chunks, manifest.recipe, options, progress)
        manifest = replace(
            manifest,
            counts=counts(folder, {}, derived.views, manifest.counts["faults"]),
            rarity=derived.rarity or manifest.rarity,
            checksums=checksums(folder),
            removed=removed,
            made=stamp(),
        )
        manifest.save(folder)
        prune_store(folder.vectors, server=folder.server_of(manifest.store))
        return manifest


def _purge(path: Path, removed: Mapping[str, str], source: str | None = None) -> bool:
    """Leave removed marks out of the chunk in a file, which then bears `source`; False if it is damaged."""
    chunk = found_chunk(path)
    if chunk is None:
        return False
    gone = frozenset(mark.id for mark in chunk.marks if is_removed(mark, removed))
    if gone:
        left = chunk.without(gone)
        (left if source is None else replace(left, source=source)).save(path)
    return True


def _reducer_left(folder: IndexFolder) -> PcaReducer | None:
    """The reduction that the index has, unless it is lost or damaged: its vectors are made anew anyway."""
    try:
        return PcaReducer.load(folder.pca)
    except ArtifactError:
        return None


def _empty(damaged: Sequence[Path], intact: Path) -> None:
    """Put empty chunks into the places of those that are damaged: without their marks the others serve.

    Raises:
        ArtifactError: one cannot be read for now, which is no damage.
    """
    for path in filter(Path.exists, damaged):
        try:
            path.open("rb").close()
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read ({error.strerror}): mend that first") from error
    empty = replace(load_chunk(intact).take(np.empty(0, np.int64)), source="", faults=())
    for path in damaged:
        empty.save(path)
    logger.warning(
        "the marks of {} are left out: 'marklens index add' with their dataset adds them again, also those "
        "that were removed and compacted away", counted(len(damaged), "damaged chunk"),
    )  # fmt: skip


def _require_room(folder: IndexFolder, manifest: Manifest, marks: int, purpose: str) -> None:
    """See that all that is made from the chunks can be written once more."""
    here = manifest.store == STORES[0]
    needed = CATALOG_BYTES + VECTOR_BYTES * here + PATCH_BYTES * bool(manifest.recipe.patches)
    require_disk_space(folder.root, marks * needed, purpose)


def _unknown(marks: Iterator[Mark], catalog: Catalog, progress: Progress) -> Iterator[Mark]:
    removed, refused, others, files = catalog.removed(), 0, 0, catalog.files()
    for mark in marks:
        number = catalog.number(mark.id)
        if mark.id in removed:
            refused += 1
        elif number is None:
            yield mark
            continue
        else:
            others += files[number] != mark.file
        progress.advance(1, skipped=True)
    if others:
        logger.warning(
            "{} marks have ids that the index has of other files: they are left out, give other ids in a "
            "manifest", others,
        )  # fmt: skip
    if refused:
        logger.warning("{} marks were removed before: compact the index to add them again", refused)
