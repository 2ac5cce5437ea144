"""How well the network finds marks it never saw: every mark with all its views, as searching does it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from marklens.core.sampling import evenly
from marklens.core.types import Ids, Pixels, Vectors
from marklens.embeddings.pca_reducer import fit_pca
from marklens.evaluation.evaluator import Measures, Ranking, evaluate
from marklens.evaluation.protocols import Groups, Query, group_queries
from marklens.training.backbones import Backbone, pool, pooling_power
from marklens.training.pairs.packed_views import PackedViews

DIMS = 512
WHITENING = 0.75
"""As an index reduces its vectors: what counts is how well a search finds."""
DEPTH = 100
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Gallery:
    """Views of marks, and who is to be found.

    Attributes:
        pixels: uint8 (n, size, size, 3), the views of a mark one behind the other.
        marks: int64 (n,), ascending, the mark of each view, counted from 0 without gaps.
        queries: marks of the gallery with their relevant ones.
    """

    pixels: Pixels
    marks: Ids
    queries: Sequence[Query]


def make_gallery(views: PackedViews, groups: Groups, most: int) -> Gallery:
    """The members of all groups and, among them, others spread over the cache, as long as there is room.

    Args:
        views: of marks that are not learned from, if possible.
        groups: of marks by their number in `views`.
        most: marks wanted; the members are taken all the same.
    """
    members = sorted({number for numbers in groups.members.values() for number in numbers})
    others = np.setdiff1d(np.arange(len(views)), members)
    room = min(len(others), max(0, most - len(members)))
    spread = others[evenly(room, len(others))]
    chosen = np.sort(np.concatenate([np.array(members, np.int64), spread]))
    place = {int(number): row for row, number in enumerate(chosen)}
    rows = np.concatenate([np.array(views.views_of(int(number)), np.int64) for number in chosen])
    counts = [len(views.views_of(int(number))) for number in chosen]
    renumbered = Groups({name: tuple(place[n] for n in own) for name, own in groups.members.items()})
    queries = group_queries(renumbered, {place[n]: views.files[n] for n in members})
    return Gallery(np.asarray(views.pixels[rows]), np.repeat(np.arange(len(chosen)), counts), queries)


def measure(backbone: Backbone, gallery: Gallery, device: torch.device) -> Measures:
    """Recall@100 and the other measures of searching the gallery with this network."""
    return measure_vectors(embed(backbone, gallery.pixels, device), gallery)


def measure_vectors(vectors: Vectors, gallery: Gallery) -> Measures:
    """The measures of searching with these vectors, float32 (n, dims), of the gallery's views."""
    return measure_reduced(fit_pca([vectors], DIMS, WHITENING).reduce(vectors), gallery)


def measure_reduced(reduced: Vectors, gallery: Gallery) -> Measures:
    """The same for unit vectors, float32 (n, dims), that were reduced already."""
    rankings = [_rank(query, reduced, gallery.marks) for query in gallery.queries]
    return evaluate(gallery.queries, lambda _: rankings, int(gallery.marks[-1]) + 1).means


def embed(backbone: Backbone, pixels: Pixels, device: torch.device) -> Vectors:
    """Pooled vectors, float32 (n, dims), of uint8 (n, size, size, 3), with running statistics."""
    training, power = backbone.training, pooling_power(backbone)
    backbone.eval()
    chunks = (
        torch.from_numpy(np.ascontiguousarray(pixels[start : start + CHUNK]))
        for start in range(0, len(pixels), CHUNK)
    )
    with torch.inference_mode():
        parts = [pool(backbone(chunk.to(device)).float(), power).cpu().numpy() for chunk in chunks]
    backbone.train(training)
    return np.concatenate(parts).astype(np.float32)


def _rank(query: Query, vectors: Vectors, marks: Ids) -> Ranking:
    """Every mark's best pair of views with the query's, the best `DEPTH` and the query itself."""
    own = vectors[marks == query.own]
    starts = np.flatnonzero(np.diff(marks, prepend=-1))
    scores = np.maximum.reduceat((vectors @ own.T).max(axis=1), starts)
    order = np.argsort(-scores, kind="stable")[: DEPTH + 1].astype(np.int64)
    return Ranking(order, scores[order])
