"""The only place that turns settings into objects."""

from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from marklens.core.artifacts import sha256, state_of
from marklens.core.errors import ArtifactError, IndexMismatchError, UsageError
from marklens.core.ports import LocalStore, VectorStore
from marklens.embeddings.onnx_embedder import OnnxEmbedder, bundled_weights
from marklens.embeddings.patch_reducer import PatchReducer, find_patch_reducer
from marklens.embeddings.pca_reducer import PcaReducer, find_reducer
from marklens.embeddings.view_describer import ViewDescriber
from marklens.engine import Engine, views_again
from marklens.indexing.folder import IndexFolder, is_locked
from marklens.indexing.manifest import Manifest, Recipe, load_complete, require_counts, require_same
from marklens.preprocessing.pipeline import PREPROCESSING_VERSION, ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import create_text_detector
from marklens.preprocessing.text_reader import PpOcrReader
from marklens.query_maker import QueryMaker
from marklens.reranking.color import color_histograms
from marklens.reranking.extraction import ExtractedPatches
from marklens.reranking.profile import Profile, calibrated_for, find_profile
from marklens.reranking.reranker import Reranker
from marklens.reranking.scoring import Calibration, Weights
from marklens.retrieval.catalog import Catalog
from marklens.retrieval.milvus import Layout, Milvus
from marklens.retrieval.patch_store import PatchStore
from marklens.retrieval.postgres import Server
from marklens.retrieval.vector_store import open_store
from marklens.settings import PatchSettings, Settings
from marklens.text.matcher import TextMatcher
from marklens.text.text_index import TextIndex

EXTRACTED_BYTES = 256 << 20
"""For the patches of marks whose pictures were looked at because the index keeps none: 30,000 marks."""


def index_folder(root: Path, settings: Settings) -> IndexFolder:
    """The files of an index, and the servers that can hold its vectors."""
    postgres, milvus, server = settings.postgres, settings.milvus, None
    if postgres.url is not None:
        url = postgres.url.get_secret_value()
        server = Server(url, postgres.connections, postgres.patience, postgres.build_memory)
    if milvus.uri is None:
        return IndexFolder(root, server)
    token = milvus.token.get_secret_value() if milvus.token else ""
    layout = Layout(milvus.index, milvus.shards, milvus.replicas)
    return IndexFolder(root, server, Milvus(milvus.uri, token, milvus.timeout, layout))


def view_options(settings: Settings) -> ViewOptions:
    """What the settings say of views."""
    return ViewOptions(**settings.views.model_dump())


def make_view_maker(options: ViewOptions) -> ViewMaker:
    """The pipeline that indexing, querying and training share."""
    detector = create_text_detector(
        options.detector if options.figurative else "none", options.detector_side, options.confidence
    )
    reads = options.read and options.figurative and options.detector != "none"
    return ViewMaker(options, detector, PpOcrReader() if reads else None)


def weights_file(settings: Settings) -> Path:
    """The network of the settings, or the bundled one."""
    return settings.model.weights or bundled_weights()


def make_embedder(settings: Settings) -> OnnxEmbedder:
    """The network of the settings, or the bundled one."""
    model = settings.model
    return OnnxEmbedder(weights_file(settings), model.batch_size, model.threads, model.providers)


def make_reducer(settings: Settings, embedder: OnnxEmbedder) -> PcaReducer | None:
    """The reduction learned for the settings' network; None where it has none of so many dims."""
    return find_reducer(weights_file(settings), embedder.model_hash, settings.pca.dims)


def make_patch_reducer(settings: Settings, embedder: OnnxEmbedder, dims: int) -> PatchReducer | None:
    """The patch reduction of the settings' network; None where it has none or no dims are wanted."""
    return find_patch_reducer(weights_file(settings), embedder.model_hash, dims) if dims else None


def make_recipe(settings: Settings, embedder: OnnxEmbedder, patches: PatchReducer | None) -> Recipe:
    """What an index made with these settings remembers of them."""
    model = {"hash": embedder.model_hash, "dims": embedder.dims, "file": weights_file(settings).name}
    learned = make_reducer(settings, embedder)
    pca = {**settings.pca.model_dump(), "reduction": learned.digest if learned else ""}
    kept = {} if patches is None else {"dims": patches.dims, "reduction": patches.digest}
    return Recipe(view_options(settings).record(), model, pca, kept)


def make_reranker(
    settings: Settings,
    profile: Profile | None,
    calibration: Calibration,
    store: LocalStore | None,
    reach: int | None = None,
) -> Reranker:
    """Stage 2 as the settings weigh it.

    Args:
        settings: weights, and whether scores are calibrated.
        profile: what was fitted for the network.
        calibration: what was fitted for the index.
        store: patches and colours.
        reach: as `Reranker`'s.

    Raises:
        UsageError: all weights are zero, or fitted ones are wanted and there are none.
    """
    scoring = settings.scoring
    if scoring.profile == "fitted" and profile is None:
        raise UsageError("setting scoring.profile: no weights were fitted for this network, take 'plan'")
    base = profile.weights if profile is not None and scoring.profile == "fitted" else Weights()
    given = {
        name: value
        for name in ("global_", "spatial", "text", "color")
        if (value := getattr(scoring, f"weight_{name.rstrip('_')}")) is not None
    }
    if not any((asdict(base) | given).values()):
        raise UsageError("setting scoring: all weights are 0, so nothing would count")
    return Reranker(store, replace(base, **given), calibration if scoring.calibrate else Calibration(), reach)


def find_scoring(settings: Settings, embedder: OnnxEmbedder) -> Profile | None:
    """What was fitted for the settings' network, see `reranking.profile`."""
    return find_profile(weights_file(settings), embedder.model_hash)


def open_engine(root: Path, settings: Settings) -> Engine:
    """Open an index for searching; its views are made as the manifest says.

    Raises:
        UsageError: there is no index.
        ArtifactError: it is unfinished or damaged, or being changed.
        IndexMismatchError: it was made with another network or preprocessing than this Marklens and these
            settings bring.
    """
    folder = index_folder(root, settings)
    manifest, embedder, patches = matching_parts(folder, settings)
    catalog = Catalog.open(folder.catalog)
    try:
        files = _open_files(folder, manifest, catalog, settings.search.rerank and patches is not None)
        return _assembled(settings, manifest, embedder, patches, catalog, files)
    except BaseException:
        catalog.close()
        raise


@dataclass(frozen=True, slots=True)
class _Files:
    """What is open of an index beside its catalog, all of one state."""

    folder: IndexFolder
    store: VectorStore
    reducer: PcaReducer
    patches: PatchStore | None
    texts: tuple[int, ...] | None
    version: str


def _open_files(folder: IndexFolder, manifest: Manifest, catalog: Catalog, patches: bool) -> _Files:
    try:
        store = open_store(folder.vectors, server=folder.server_of(manifest.store))
        reducer, held = PcaReducer.load(folder.pca), catalog.counts()
        require_counts(folder, manifest, held.marks + held.removed, len(store))
        kept = PatchStore(folder.patches) if patches else None
        if kept is not None:
            require_counts(folder, manifest, held.marks + held.removed, len(kept))
        files = _Files(folder, store, reducer, kept, state_of(folder.texts), sha256(folder.manifest))
        if Manifest.load(folder) != manifest:
            raise ArtifactError(f"the files of {folder.root} may be of two states")
    except ArtifactError as error:
        if is_locked(folder) or Manifest.load(folder) != manifest:
            raise ArtifactError(f"the index in {folder.root} is being changed: try again") from error
        raise
    return files


def _assembled(
    settings: Settings,
    manifest: Manifest,
    embedder: OnnxEmbedder,
    patches: PatchReducer | None,
    catalog: Catalog,
    files: _Files,
) -> Engine:
    maker, reach = make_view_maker(ViewOptions.of_record(manifest.recipe.preprocessing)), None
    local: LocalStore | None = files.patches
    if settings.search.rerank and settings.search.extract and patches is None:  # it kept none: look again
        patches = make_patch_reducer(settings, embedder, settings.patches.dims or PatchSettings().dims)
        reach = settings.search.extract if patches else None
    describer = ViewDescriber(embedder, patches, color_histograms)
    if reach is not None:
        local = ExtractedPatches(partial(views_again, catalog, maker), describer.describe, EXTRACTED_BYTES)
    profile = find_scoring(settings, embedder)
    calibration = calibrated_for(profile, manifest.rarity, _learned(files.reducer, settings, embedder))
    return Engine(
        QueryMaker(maker, describer, files.reducer, settings.search.cache_mb << 20),
        files.store,
        catalog,
        make_reranker(settings, profile, calibration, local, reach),
        asdict(manifest.recipe),
        partial(_open_names, files.folder, files.texts),
        settings.search.depth,
        settings.search.mirrored,
        version=files.version,
        content=manifest.content,
    )


def _open_names(folder: IndexFolder, opened: tuple[int, ...] | None) -> TextMatcher:
    """The texts of an index, if they are still those that it had when it was opened."""
    names = TextMatcher(TextIndex.load(folder.texts))
    if state_of(folder.texts) != opened:
        raise ArtifactError(f"the index in {folder.root} was changed by another process: open it again")
    return names


def matching_parts(
    folder: IndexFolder, settings: Settings
) -> tuple[Manifest, OnnxEmbedder, PatchReducer | None]:
    """The manifest of a finished index, its network and patch reduction, after checking that all fit."""
    manifest = load_complete(folder)
    embedder, remembered = make_embedder(settings), int(manifest.recipe.patches.get("dims", 0))
    dims = settings.patches.dims if "dims" in settings.patches.model_fields_set else remembered
    patches = make_patch_reducer(settings, embedder, dims)
    here = make_recipe(settings, embedder, patches)
    version = manifest.recipe.preprocessing.get("version")
    if version != PREPROCESSING_VERSION:
        raise IndexMismatchError(
            f"the index in {folder.root} was made with preprocessing version {version}, this Marklens has "
            f"{PREPROCESSING_VERSION}: build it again"
        )
    # what nobody set follows the index; what somebody set must agree with it
    asked = {name: here.preprocessing[name] for name in settings.views.model_fields_set}
    wanted = replace(here, preprocessing={**manifest.recipe.preprocessing, **asked})
    require_same(manifest.recipe, wanted, folder, ("preprocessing", "model", "patches"))
    return manifest, embedder, patches


def _learned(reducer: PcaReducer, settings: Settings, embedder: OnnxEmbedder) -> int | None:
    """Dims of a reduction that is the one learned for the network; None for any other."""
    learned = find_reducer(weights_file(settings), embedder.model_hash, reducer.dims)
    return reducer.dims if learned is not None and learned.digest == reducer.digest else None
