"""Settings turned into what builds an index, here or on a cluster, adds to it and checks it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

from marklens.assembly import (
    index_folder,
    make_embedder,
    make_patch_reducer,
    make_recipe,
    make_reducer,
    make_view_maker,
    matching_parts,
    view_options,
)
from marklens.core.errors import IndexMismatchError, UsageError
from marklens.core.ports import Dataset, Progress
from marklens.core.resources import StopFlag
from marklens.embeddings.view_describer import ViewDescriber
from marklens.indexing.builder import BuildOptions, BuildReport, build_index
from marklens.indexing.derive import DeriveOptions
from marklens.indexing.describing import Describer, Runner
from marklens.indexing.local_runner import LocalRunner
from marklens.indexing.maintenance import add_marks
from marklens.indexing.manifest import Recipe
from marklens.indexing.preparing import PoolPreparer, make_preparer
from marklens.indexing.ray_cluster import Cluster
from marklens.indexing.ray_runner import RayRunner
from marklens.indexing.verifying import Check, verify
from marklens.preprocessing.pipeline import ViewOptions
from marklens.reranking.color import color_histograms
from marklens.settings import MilvusSettings, PostgresSettings, ServeSettings, Settings


def build(
    root: Path,
    dataset: Dataset,
    settings: Settings,
    limit: int | None,
    progress: Progress,
    stop: StopFlag,
    store: str | None = None,
    on: str = "local",
) -> BuildReport:
    """Build or finish the index of a dataset, see `indexing.builder`; work runs ``local`` or on ``ray``."""
    embedder = make_embedder(settings)
    options = view_options(settings)
    if options.size != embedder.size:
        raise UsageError(f"views.size is {options.size}, the network takes {embedder.size}: set the same")
    patches = make_patch_reducer(settings, embedder, settings.patches.dims)
    views = ViewDescriber(embedder, patches, color_histograms)
    recipe = make_recipe(settings, embedder, patches)
    runner = (
        partial(_ray_runner, settings, options, recipe, stop)
        if on == "ray"
        else partial(_runner, settings, options, views)
    )
    describer = Describer(index_folder(root, settings), runner, progress, stop)
    how = DeriveOptions(
        form=settings.build.vectors,
        threads=settings.build.graph_threads,
        learned=make_reducer(settings, embedder),
    )
    return build_index(describer, dataset, recipe, BuildOptions(settings.build.chunk, limit, store, how))


def add(root: Path, dataset: Dataset, settings: Settings, progress: Progress, stop: StopFlag) -> BuildReport:
    """Add marks to an index, made as its other marks were, see `indexing.maintenance`."""
    folder = index_folder(root, settings)
    manifest, embedder, patches = matching_parts(folder, settings)
    options = ViewOptions.of_record(manifest.recipe.preprocessing)
    views = ViewDescriber(embedder, patches, color_histograms)
    describer = Describer(folder, partial(_runner, settings, options, views), progress, stop)
    return add_marks(describer, dataset, manifest.recipe, settings.build.chunk)


def check(root: Path, settings: Settings, sample: int, progress: Progress) -> Sequence[Check]:
    """Verify an index, see `indexing.verifying`."""
    folder = index_folder(root, settings)
    manifest, embedder, _ = matching_parts(folder, settings)
    maker = make_view_maker(ViewOptions.of_record(manifest.recipe.preprocessing))
    return verify(folder, maker, embedder, sample, progress)


def _runner(
    settings: Settings, options: ViewOptions, describer: ViewDescriber
) -> AbstractContextManager[Runner]:
    factory, build = partial(make_view_maker, options), settings.build
    return LocalRunner(make_preparer(factory, build.workers, build.timeout), describer)


def _ray_runner(
    settings: Settings, options: ViewOptions, recipe: Recipe, stop: StopFlag
) -> AbstractContextManager[Runner]:
    # passwords of servers stay here
    sent = settings.model_copy(
        update={"postgres": PostgresSettings(), "milvus": MilvusSettings(), "serve": ServeSettings()}
    )
    return RayRunner(
        Cluster(**settings.cluster.model_dump()),
        partial(_preparer_there, options, recipe, settings.build.timeout),
        partial(_describer_there, sent, recipe),
        stop,
    )


def _preparer_there(options: ViewOptions, recipe: Recipe, timeout: float) -> PoolPreparer:
    """What makes views on another machine, if these are the same as here."""
    _require_same_there(replace(recipe, preprocessing=options.record()), recipe)
    return PoolPreparer(partial(make_view_maker, options), 1, timeout)


def _describer_there(settings: Settings, recipe: Recipe) -> ViewDescriber:
    """What runs the network on another machine, if it is the same as here."""
    embedder = make_embedder(settings)
    patches = make_patch_reducer(settings, embedder, settings.patches.dims)
    _require_same_there(make_recipe(settings, embedder, patches), recipe)
    return ViewDescriber(embedder, patches, color_histograms)


def _require_same_there(there: Recipe, here: Recipe) -> None:
    differences = there.differences(here, ("preprocessing", "model", "patches"))
    if differences:
        raise IndexMismatchError(
            f"it would describe marks in another way ({'; '.join(differences)}): install the same Marklens "
            "and the same network there"
        )
