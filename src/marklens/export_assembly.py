"""Where a checkpoint becomes the ONNX file that searches, compared on real marks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from marklens import assembly
from marklens.core.artifacts import atomic
from marklens.core.errors import ModelError, PictureError, UsageError
from marklens.core.images import read_picture
from marklens.core.sampling import evenly
from marklens.core.types import Mark, Pixels
from marklens.datasets.grouping import find_groups, groups_of
from marklens.datasets.icons.brand_split import SPLITS
from marklens.datasets.icons.selecting import select_split
from marklens.datasets.opening import open_dataset
from marklens.embeddings.onnx_embedder import BUNDLED, BUNDLED_SIZE, bundled_weights
from marklens.evaluation.protocols import Query
from marklens.settings import Settings
from marklens.training.backbones import IMAGENET, LITE0, Backbone, create_backbone, fit_to_views
from marklens.training.checkpoints import load_backbone
from marklens.training.exporting import (
    Agreement,
    Precision,
    check_views,
    describe,
    export_onnx,
    onnx_pooled,
)
from marklens.training.folding import blend, load_exported, sample_of
from marklens.training.validation import Gallery, measure_vectors

VERIFIED_MARKS = 1000
MOST_MAP_LOST = 0.01
"""By int8, of mAP@100."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written.

    Attributes:
        agreement: with PyTorch.
        size: bytes.
        map_torch: mAP@100 of PyTorch on the marks it was verified on, where these have groups.
        map_onnx: the same of the file.
    """

    agreement: Agreement
    size: int
    map_torch: float | None = None
    map_onnx: float | None = None


def export(
    checkpoint: str,
    out: Path,
    precision: Precision,
    verify: Path | None,
    settings: Settings,
    share: float = 0.0,
) -> Exported:
    """Write a network as ONNX and compare it with PyTorch before it is kept.

    Args:
        checkpoint: ``imagenet``, ``bundled`` (what ships), a run's folder, its ``best.pt`` or a checkpoint.
        out: the file.
        precision: of the computation.
        verify: a dataset of real marks; int8 needs one, it is calibrated on them.
        settings: of the views.
        share: of ImageNet's weights in the result, 0..1, see `training.folding.blend`.

    Raises:
        UsageError: there is no such checkpoint, or int8 or a blend has no pictures to be fitted on.
        ModelError: the file answers otherwise than PyTorch; nothing is written.
    """
    if precision == "int8" and verify is None:
        raise UsageError("--int8 is calibrated on real marks: name a dataset with --verify")
    if share and verify is None:
        raise UsageError("--imagenet-share is fitted on real marks: name a dataset with --verify")
    network = _network(checkpoint)
    if share and verify is not None:
        network = _blended(network, share, verify, settings)
    backbone = fit_to_views(network, settings.views.size)
    gallery = _gallery(verify, settings) if verify else None
    pixels = check_views(settings.views.size) if gallery is None else gallery.pixels
    with atomic(out) as temporary:
        agreement = export_onnx(backbone, temporary, pixels, precision, settings.views.size)
        made = Exported(agreement, temporary.stat().st_size)
        if gallery is not None and gallery.queries:
            made = _searched(made, temporary, backbone, gallery)
    return made


def _searched(made: Exported, path: Path, backbone: Backbone, gallery: Gallery) -> Exported:
    before = measure_vectors(describe(backbone, gallery.pixels)[0], gallery).map_at_100
    after = measure_vectors(onnx_pooled(path, gallery.pixels), gallery).map_at_100
    if before - after > MOST_MAP_LOST:
        raise ModelError(
            f"the file finds less than PyTorch: mAP@100 {after:.3f} for {before:.3f}; nothing was written"
        )
    return replace(made, map_torch=before, map_onnx=after)


def _network(checkpoint: str) -> Backbone:
    if checkpoint == IMAGENET:
        return create_backbone()
    if checkpoint == BUNDLED:
        return load_exported(bundled_weights(), LITE0, BUNDLED_SIZE)
    if not Path(checkpoint).exists():
        raise UsageError(
            f"no checkpoint '{checkpoint}': give 'imagenet', 'bundled', a run's folder or a file in it"
        )
    return load_backbone(Path(checkpoint))


def _blended(network: Backbone, share: float, dataset: Path, settings: Settings) -> Backbone:
    """Between the network and ImageNet's, fitted on training brands where the dataset has that split."""
    marks = list(open_dataset(dataset).marks(lambda fault: None))
    if all((dataset / f"groups_{name}.json").is_file() for name in SPLITS):
        marks = select_split(dataset, marks, "train")
    chosen = [(number, marks[number]) for number in sample_of(len(marks), network.size).tolist()]
    views = [view for _, view in _views(chosen, settings)]
    if not views:
        raise UsageError(f"none of the pictures of {dataset} can be used")
    side = (network.size, network.size)
    small = [cv2.resize(view, side, interpolation=cv2.INTER_AREA) for view in views]
    origin = create_backbone(network.name, IMAGENET, network.size)
    return blend(network, origin, share, np.stack(small).astype(np.uint8))


def _gallery(dataset: Path, settings: Settings) -> Gallery:
    """One view of each of some marks, those of groups first; of an icon import, validation marks."""
    marks = list(open_dataset(dataset).marks(lambda fault: None))
    if all((dataset / f"groups_{name}.json").is_file() for name in SPLITS):
        marks = select_split(dataset, marks, "val")  # int8 is calibrated on them: none of the test split
    groups = find_groups(groups_of(dataset).items(), [mark.file for mark in marks], lambda fault: None)
    known = [number for _, numbers in groups for number in numbers][:VERIFIED_MARKS]
    others = np.setdiff1d(np.arange(len(marks)), known)
    room = min(len(others), VERIFIED_MARKS - len(known))
    spread = others[evenly(room, len(others))].tolist()
    place: dict[int, int] = {}
    views: list[Pixels] = []
    chosen = [(number, marks[number]) for number in dict.fromkeys(known + spread)]
    for number, view in _views(chosen, settings):
        place[number] = len(views)
        views.append(view)
    if not views:
        raise UsageError(f"none of the pictures of {dataset} can be used")
    queries = []
    for name, numbers in groups:
        members = frozenset(place[number] for number in numbers if number in place)
        queries += [Query(name, members - {own}, own) for own in sorted(members) if len(members) > 1]
    return Gallery(np.stack(views), np.arange(len(views), dtype=np.int64), queries)


def _views(marks: list[tuple[int, Mark]], settings: Settings) -> Iterator[tuple[int, Pixels]]:
    options = replace(assembly.view_options(settings), figurative=False, read=False)
    maker = assembly.make_view_maker(options)
    for number, mark in marks:
        try:
            yield number, maker.prepare(read_picture(mark.path)).views[0].pixels
        except PictureError:
            continue
