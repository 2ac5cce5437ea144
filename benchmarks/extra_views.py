"""Which further kinds of view pay: the inside of a box, the connected parts of a mark, each on its own?

    python -m benchmarks.extra_views --dataset logos

Asks validation brands in a small gallery, by the bundled reduction. A pair of views in which a further one
takes place counts `share` of its cosine, so that it must be much more alike than the whole to win.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks.brand_ranks import mean_measures, ranks_of
from benchmarks.reporting import report
from benchmarks.rerank import gallery_files
from marklens import assembly
from marklens.cli.progress import shown_progress
from marklens.core.artifacts import read_json
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.ink import find_ground, find_ink, ink_box
from marklens.core.types import Ids, Pixels, Vectors, ViewKind
from marklens.preprocessing.image_normalizer import fit_square
from marklens.settings import load_settings

LEAST, MOST = 0.08, 0.9
"""Share of the ink that a part has: less is a detail, more is the whole."""
PARTS = 3
"""Parts of a mark at most, the largest."""
REACH = 5
"""Pixels of a 224-pixel view: what lies nearer together is one part."""
PART = 7
"""The kind of a part; no `ViewKind` has this number."""
FURTHER = {"inner": int(ViewKind.INNER), "part": PART}
SHARES = (1.0, 0.95, 0.9, 0.8, 0.7)


@dataclass(frozen=True, slots=True)
class Views:
    """The views of a gallery.

    Attributes:
        vectors: float32 (views, dims).
        owners: int64 (views,), places of their marks, rising.
        kinds: int64 (views,), `ViewKind`, or `PART`.
    """

    vectors: Vectors
    owners: Ids
    kinds: Ids


def parts_of(view: Pixels) -> list[Pixels]:
    """The connected parts of a view, each fitted into a view of its own; none where there is but one."""
    ground = find_ground(view)
    ink = find_ink(view, ground)
    joined = cv2.dilate(ink.astype(np.uint8), np.ones((REACH, REACH), np.uint8))
    count, labels = cv2.connectedComponents(joined)
    labels = np.where(ink, labels, 0)
    sizes = np.bincount(labels.ravel(), minlength=count)[1:] / max(1, int(np.count_nonzero(ink)))
    chosen = [place for place in np.argsort(-sizes) if LEAST <= sizes[place] <= MOST][:PARTS]
    found = []
    for place in chosen:
        alone = np.where((labels == place + 1)[..., None], view, ground.color).astype(np.uint8)
        box = ink_box(find_ink(alone, ground))
        if box is not None:
            top, bottom, left, right = box
            found.append(
                fit_square(np.ascontiguousarray(alone[top:bottom, left:right]), ground, len(view), 0)
            )
    return found


def describe(dataset: Path, files: Sequence[str], threads: int) -> Views:
    """Embed every view and every part."""
    settings = load_settings(model={"threads": threads})
    maker, embedder = (
        assembly.make_view_maker(assembly.view_options(settings)),
        assembly.make_embedder(settings),
    )
    reducer = assembly.make_reducer(settings, embedder)
    assert reducer is not None
    vectors, owners, kinds = [], [], list[int]()
    with shown_progress() as progress:
        progress.start("describe", len(files))
        for place, file in enumerate(files):
            progress.advance(1)
            try:
                views = maker.prepare(read_picture(dataset / "images" / file)).views
            except PictureError:
                continue
            pixels = [view.pixels for view in views]
            whole = [view for view in views if view.kind != ViewKind.INNER]
            extra = parts_of(whole[-1].pixels)
            vectors.append(reducer.reduce(embedder.embed(np.stack(pixels + extra))))
            owners += [place] * (len(pixels) + len(extra))
            kinds += [int(view.kind) for view in views] + [PART] * len(extra)
    return Views(np.concatenate(vectors), np.array(owners, np.int64), np.array(kinds, np.int64))


def measure(views: Views, asked: dict[int, list[int]], kind: int | None, share: float) -> dict[str, Any]:
    """Ask for every mark; further views of that kind count `share`, others not at all."""
    kept = ~np.isin(views.kinds, [each for each in FURTHER.values() if each != kind])
    vectors, owners, further = views.vectors[kept], views.owners[kept], views.kinds[kept] == kind
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    marks = owners[starts]
    rows = []
    for place, relevant in asked.items():
        mine = owners == place
        pairs = vectors[mine] @ vectors.T
        pairs[further[mine][:, None] | further[None]] *= share
        scores = np.maximum.reduceat(pairs.max(axis=0), starts)
        scores[marks == place] = -np.inf
        rows.append((ranks_of(scores, np.flatnonzero(np.isin(marks, relevant))), len(relevant)))
    return mean_measures(rows)


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    size: Annotated[int, typer.Option(help="Marks of the gallery.")] = 4000,
    threads: Annotated[int, typer.Option(help="CPU threads of the network; 0 takes every core.")] = 0,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Describe and measure."""
    files = gallery_files(dataset, size)
    views = describe(dataset, files, threads)
    places = {file: place for place, file in enumerate(files)}
    known = set(views.owners.tolist())
    asked: dict[int, list[int]] = {}
    for group in read_json(dataset / "groups_val.json").values():
        members = [places[file] for file in group if file in places and places[file] in known]
        asked |= {one: [other for other in members if other != one] for one in members if len(members) > 1}
    rows = [{"further views": "none", "count": "", **measure(views, asked, None, 1)}]
    for name, kind in FURTHER.items():
        rows += [
            {"further views": f"{np.count_nonzero(views.kinds == kind)} {name}", "count": f"{share:g}",
             **measure(views, asked, kind, share)}
            for share in SHARES
        ]  # fmt: skip
    report(f"{len(asked)} queries among {len(known)} marks", rows, json)


if __name__ == "__main__":
    typer.run(main)
