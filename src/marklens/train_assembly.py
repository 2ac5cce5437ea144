"""Where settings become a training run; apart from `assembly`, as nothing that searches may reach torch."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zlib import crc32

import numpy as np
import torch

from marklens import assembly
from marklens.core.errors import UsageError, first_line
from marklens.core.file_names import FileFinder
from marklens.core.groups import read_groups
from marklens.core.ports import Progress
from marklens.core.resources import StopFlag
from marklens.core.types import Mark
from marklens.datasets.grouping import groups_of
from marklens.datasets.icons.brand_split import SPLITS, Split
from marklens.datasets.icons.selecting import held_out, select_split
from marklens.datasets.opening import open_dataset
from marklens.embeddings.onnx_embedder import BUNDLED, BUNDLED_SIZE, bundled_weights
from marklens.evaluation.protocols import read_groups as read_queries
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import load_complete
from marklens.indexing.preparing import make_preparer
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.prepared import Preparer
from marklens.preprocessing.text_detector import NoDetector
from marklens.retrieval.catalog import Catalog
from marklens.settings import Settings, TrainSettings
from marklens.training.backbones import Backbone, create_backbone
from marklens.training.checkpoints import RunFolder
from marklens.training.copying.copier import Copier, Copying
from marklens.training.copying.words import make_word_bank
from marklens.training.distributed import Mesh, join_mesh, leave_mesh
from marklens.training.folding import load_exported, sample_of, unfold
from marklens.training.lockups.fonts import find_fonts
from marklens.training.memory import keep_freed_memory
from marklens.training.moco import LearnerOptions, PairLearner
from marklens.training.pairs.groups import LEFT_OUT, alike, keep_apart, looks_of, spread_around
from marklens.training.pairs.masked_preparer import MaskedPreparer, Masks, catalog_masks
from marklens.training.pairs.packed_views import TABLES, PackedViews
from marklens.training.pairs.packing import pack_views
from marklens.training.pairs.pair_source import LoaderOptions, PackedPairs
from marklens.training.pairs.positives import PositiveShares
from marklens.training.run_state import LoopOptions, Outcome
from marklens.training.trainer import Trainer
from marklens.training.validation import Gallery, make_gallery

T = TypeVar("T", LearnerOptions, LoopOptions)
FREE = frozenset({"keep", "checkpoint_minutes", "workers", "patience"})
"""Settings that may change between two calls of one run."""


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What a call of `marklens train` asks for, beside the settings.

    Attributes:
        dataset: to learn from: a dataset, or a folder of packed views.
        out: the run's folder.
        index: whose text masks are taken; without it text is looked for.
        groups: brand groups of the training marks; without it those in the dataset's folder.
        validate: groups to measure Recall@100 on; their marks are never learned from.
        gallery: the marks that are searched to measure; without it those of `dataset`.
        minutes: after which it stops.
        device: ``auto``, ``cpu``, ``cuda``, ….
        resume: there must be a run to go on with.
    """

    dataset: Path
    out: Path
    index: Path | None = None
    groups: Path | None = None
    validate: Path | None = None
    gallery: Path | None = None
    minutes: float | None = None
    device: str = "auto"
    resume: bool = False


def train(request: TrainRequest, settings: Settings, progress: Progress, stop: StopFlag) -> Outcome:
    """Pack the views where that is not done yet, and train; the same call goes on with a run.

    Raises:
        UsageError: the folder holds another run, or settings and data do not fit each other.
        Interrupted: stopped while packing.
    """
    keep_freed_memory()
    if settings.train.weights == BUNDLED and "size" not in settings.train.model_fields_set:
        learned = settings.train.model_copy(update={"size": BUNDLED_SIZE})
        settings = settings.model_copy(update={"train": learned})
    device = _device(request.device)
    mesh = join_mesh(device)
    source = None
    try:
        if settings.train.batch % mesh.world:
            raise UsageError(f"train.batch {settings.train.batch} cannot be shared by {mesh.world} processes")
        if request.resume and not (request.out / "run.json").is_file():
            raise UsageError(f"{request.out} holds no run to resume: leave --resume out")
        folder = RunFolder(request.out, settings.train.keep)
        if mesh.leads:
            folder.refuse_others(_lasting(settings.train))
        views, measured = _views(request, settings, progress, stop, mesh, device)
        gallery = make_gallery(*measured, settings.train.gallery) if measured else None
        wanted = settings.train.model_copy(update={"size": views.size})
        source = _pairs(views, wanted)
        torch.manual_seed(wanted.seed)
        backbone = _begun(wanted, views)
        learner = PairLearner(backbone, _pick(LearnerOptions, wanted))
        if mesh.leads:
            folder.claim(_identity(wanted, views, gallery), request.resume)
        mesh.from_leader(0.0, device)
        loop = replace(_pick(LoopOptions, wanted), minutes=request.minutes)
        return Trainer(learner, source, gallery, loop, folder, device, mesh).run(progress, stop)
    finally:
        if source is not None:
            source.close()
        leave_mesh()


def _views(
    request: TrainRequest,
    settings: Settings,
    progress: Progress,
    stop: StopFlag,
    mesh: Mesh,
    device: torch.device,
) -> tuple[PackedViews, tuple[PackedViews, Any] | None]:
    """The views to learn from, and those to search with the groups to find."""
    asked = read_groups(request.validate) if request.validate else {}
    names = {file for files in asked.values() for file in files}
    packer = _Packer(request, settings, progress, stop, mesh, device)
    views = packer.pack(request.dataset, request.out / "views", "train", names, settings.train.size)
    learned = FileFinder(dict(enumerate(views.files)))
    if any(map(learned.find, names)):
        raise UsageError(
            f"marks of {request.validate} are among the views of {request.dataset}: pack without"
        )
    if request.validate is None:
        return views, None
    out = request.out / "gallery"
    gallery = packer.pack(request.gallery or request.dataset, out, "val", names, views.size)
    return views, (gallery, read_queries(request.validate, dict(enumerate(gallery.files))))


@dataclass(frozen=True, slots=True)
class _Packer:
    request: TrainRequest
    settings: Settings
    progress: Progress
    stop: StopFlag
    mesh: Mesh
    device: torch.device

    def pack(self, dataset: Path, out: Path, split: Split, names: set[str], size: int) -> PackedViews:
        """Open packed views, or pack what is needed of a dataset.

        Args:
            dataset: of an icon import only the marks of the split are taken.
            out: where the views go.
            split: ``train`` leaves the named marks out, ``val`` takes them and others to search among.
            names: files of the marks that are asked for.
            size: pixels of a side.
        """
        if (dataset / TABLES).is_file():
            if split == "train" and (self.request.groups or self.request.index):
                raise UsageError(
                    f"{dataset} is packed with its groups and masks: leave --groups and --index out"
                )
            return self._checked(PackedViews.open(dataset), dataset, None if split == "train" else size)
        if self.mesh.leads:
            self._make(dataset, out, split, names, size)
        self.mesh.from_leader(0.0, self.device)
        return PackedViews.open(out)

    def _make(self, dataset: Path, out: Path, split: Split, names: set[str], size: int) -> None:
        everything = list(open_dataset(dataset).marks(lambda fault: None))
        imported = all((dataset / f"groups_{name}.json").is_file() for name in SPLITS)
        groups = alike(self.request.groups) if self.request.groups else groups_of(dataset)
        apart: Sequence[Mark] = []
        kept: Sequence[Mark] = everything
        if split == "train":
            kept, apart = keep_apart(everything, names, groups)
            apart = [*apart, *self._asked_elsewhere(names)]
            apart += held_out(dataset, everything, split) if imported else ()
        if imported:
            kept = select_split(dataset, kept, split)
        if split != "train":
            kept = spread_around(kept, names, self.settings.train.gallery)
        options = replace(assembly.view_options(self.settings), size=size, read=False)
        plain = ViewMaker(replace(options, figurative=False, inner=False), NoDetector())
        preparer, looks = self._preparer(options), looks_of(apart, plain)
        pack_views(out, kept, groups.items(), options, preparer, self.progress, self.stop, looks)

    def _asked_elsewhere(self, names: set[str]) -> Sequence[Mark]:
        """Marks that are asked for in a gallery of another dataset: what looks like them is left out too."""
        gallery = self.request.gallery
        if gallery is None or gallery == self.request.dataset or (gallery / TABLES).is_file():
            return []
        return keep_apart(list(open_dataset(gallery).marks(lambda fault: None)), names, {})[1]

    def _checked(self, views: PackedViews, root: Path, size: int | None) -> PackedViews:
        """Packed views of the size that is wanted: the setting's, if somebody set it, or the given one."""
        train = self.settings.train
        wanted = size or (train.size if "size" in train.model_fields_set else views.size)
        if wanted != views.size:
            raise UsageError(
                f"the views in {root} are of {views.size} pixels, {wanted} are wanted: pack again"
            )
        return views

    def _preparer(self, options: ViewOptions) -> Preparer:
        known = index_masks(self.request.index, options) if self.request.index else {}
        return masked_preparer(options, self.settings.build.workers, self.settings.build.timeout, known)


def masked_preparer(options: ViewOptions, workers: int, timeout: float, known: Masks) -> Preparer:
    """What makes views, from masks where they are known, else by looking for text in worker processes."""
    factory = partial(assembly.make_view_maker, options)
    preparer = make_preparer(factory, workers, timeout)
    return MaskedPreparer(factory(), known, preparer, max(1, workers)) if known else preparer


def index_masks(index: Path, options: ViewOptions) -> Masks:
    """The text masks of an index.

    Raises:
        UsageError: it was made with other views.
    """
    made = load_complete(IndexFolder(index)).recipe.preprocessing
    wanted = {
        name: value for name, value in options.record().items() if name not in ("size", "read", "inner")
    }
    if other := [name for name, value in wanted.items() if made.get(name) != value]:
        raise UsageError(
            f"the index in {index} was made with other views ({', '.join(other)}): leave --index out"
        )
    with Catalog.open(IndexFolder(index).catalog) as catalog:
        return catalog_masks(catalog)


def _copier(views: PackedViews, wanted: TrainSettings) -> Copier:
    options = ViewOptions.of_record(views.recipe)
    fonts = find_fonts(wanted.fonts, "train") if wanted.fonts else None
    return Copier(options, Copying().turned(wanted.geometry), make_word_bank(fonts, seed=wanted.seed))


def _pairs(views: PackedViews, wanted: TrainSettings) -> PackedPairs:
    # losses on groups take marks of two groups for strangers, a code in common or not
    vienna = wanted.vienna if wanted.objective == "contrast" else 0.0
    shares = PositiveShares(wanted.two_looks, wanted.two_views, wanted.other_hand, vienna)
    marks = int(np.count_nonzero(views.groups != LEFT_OUT))
    if marks < wanted.batch:
        raise UsageError(f"{marks} marks do not fill a batch of {wanted.batch}: set train.batch lower")
    loading = LoaderOptions(wanted.workers)
    return PackedPairs(views, _copier(views, wanted), shares, wanted.seed, loading, wanted.members)


def _begun(wanted: TrainSettings, views: PackedViews) -> Backbone:
    """The network to begin with."""
    exported = bundled_weights() if wanted.weights == BUNDLED else Path(wanted.weights)
    if exported.suffix != ".onnx" or not exported.is_file():
        return create_backbone(wanted.backbone, wanted.weights, wanted.size)
    backbone = load_exported(exported, wanted.backbone, wanted.size)
    unfold(backbone, views.pixels[sample_of(len(views.pixels), wanted.size)])
    return backbone


def _identity(wanted: TrainSettings, views: PackedViews, gallery: Gallery | None) -> dict[str, Any]:
    """What makes two calls one run, as JSON holds it."""
    measured = None if gallery is None else [int(gallery.marks[-1]) + 1, len(gallery.queries)]
    pairs = {"marks": len(views), "views": len(views.kinds), "preprocessing": dict(views.recipe)}
    digests = [crc32(views.groups.tobytes()), 0 if gallery is None else _digest(gallery)]
    return {**_lasting(wanted), "size": wanted.size, **pairs, "validation": measured, "groups": digests}


def _lasting(wanted: TrainSettings) -> dict[str, Any]:
    """The settings that stay the same during a run and are known before there are views."""
    settings = wanted.model_dump(mode="json")
    return {name: value for name, value in settings.items() if name not in FREE | {"size"}}


def _digest(gallery: Gallery) -> int:
    asked = [(query.own, sorted(query.relevant)) for query in gallery.queries]
    return crc32(repr(asked).encode())


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"this machine cannot compute on '{name}' ({first_line(error)}): leave --device out"
        ) from None
    return device


def _pick(kind: type[T], wanted: TrainSettings) -> T:
    """The options of a part of training, whose fields bear the names of the settings."""
    given = wanted.model_dump()
    return kind(**{field.name: given[field.name] for field in fields(kind) if field.name in given})
