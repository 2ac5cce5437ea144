"""Each way of copying at three strengths: does the copy find its original first?

    marklens export imagenet --out lite0-imagenet.onnx
    python -m benchmarks.robustness --dataset logos --fonts fonts --weights lite0-imagenet.onnx

Copies of marks of one split are searched for among marks of the same split and others, by the pipeline that
indexes and by stage 1 alone. Every network sees the same views; its reduction is fitted on the gallery's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks.reporting import report
from benchmarks.text_ablation import choose
from marklens import assembly
from marklens.cli.progress import shown_progress
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.ports import Progress
from marklens.core.sampling import evenly
from marklens.core.types import Ids, Mark, Pixels
from marklens.datasets.icons.brand_split import SPLITS
from marklens.datasets.icons.selecting import select_split
from marklens.embeddings.onnx_embedder import OnnxEmbedder, bundled_weights
from marklens.embeddings.pca_reducer import fit_pca
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector
from marklens.training.copying.copier import FAMILIES, Copier, Copying
from marklens.training.copying.words import make_word_bank
from marklens.training.lockups.fonts import find_fonts

STRENGTHS = (0.5, 1.0, 2.0)
DIMS, WHITENING = 512, 0.75


@dataclass(frozen=True, slots=True)
class Seen:
    """Views of some pictures.

    Attributes:
        views: uint8 (n, 224, 224, 3).
        owners: int64 (n,), the picture of each.
    """

    views: Pixels
    owners: Ids


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    split: Annotated[str, typer.Option(help="Whose marks are copied: val or test.")] = "test",
    marks: Annotated[int, typer.Option(help="Marks that are copied.")] = 500,
    gallery: Annotated[int, typer.Option(help="Marks that are searched.")] = 5000,
    weights: Annotated[list[Path] | None, typer.Option(help="Networks beside the bundled one.")] = None,
    fonts: Annotated[Path | None, typer.Option(help="Folder of WOFF files for words beside marks.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Copy, search, tell."""
    cv2.setNumThreads(1)
    part = next(name for name in SPLITS if name == split)
    chosen = choose(dataset, part, gallery)
    own = {mark.path.name for mark in select_split(dataset, chosen, part)}
    asked = [place for place, mark in enumerate(chosen) if mark.path.name in own]
    asked = [asked[place] for place in evenly(marks, len(asked)).tolist()]
    files = [*(weights or ()), bundled_weights()]
    maker = assembly.make_view_maker(ViewOptions(read=False))
    bank = make_word_bank(find_fonts(fonts, "test") if fonts else None)
    originals = _originals([chosen[place] for place in asked])
    with shown_progress() as progress:
        progress.start("gallery", len(chosen))
        searched = _seen(maker, (read_picture(mark.path) for mark in chosen), progress)
        networks = [_Network(file, searched) for file in files]
        progress.start("copies", len(FAMILIES) * len(STRENGTHS) * len(asked))
        rows: list[dict[str, Any]] = []
        for family in FAMILIES:
            for strength in STRENGTHS:
                copies = _copies(originals, family, strength, bank)
                queries = _seen(maker, copies, progress)
                found = {each.name: each.share_first(queries, asked) for each in networks}
                rows.append({"copied by": family, "strength": strength, **found})
                report(f"{len(asked)} marks of {split} among {len(chosen):,}", rows, json)


class _Network:
    """A network and the gallery as it sees it."""

    def __init__(self, file: Path, gallery: Seen) -> None:
        self.name = f"R@1 {file.stem}"
        self._embedder, self._owners = OnnxEmbedder(file), gallery.owners
        vectors = self._embedder.embed(gallery.views)
        self._reducer = fit_pca([vectors], DIMS, WHITENING)
        self._gallery = self._reducer.reduce(vectors)

    def share_first(self, queries: Seen, originals: Sequence[int]) -> float:
        """The share of copies whose best mark is their original."""
        likeness = self._reducer.reduce(self._embedder.embed(queries.views)) @ self._gallery.T
        best, where = likeness.max(axis=1), likeness.argmax(axis=1)
        right = 0
        for copy, original in enumerate(originals):
            rows = np.flatnonzero(queries.owners == copy)
            if len(rows):
                row = rows[best[rows].argmax()]
                right += int(self._owners[where[row]] == original)
        return right / len(originals)


def _originals(marks: Sequence[Mark]) -> list[Pixels]:
    """Full views, which are what is copied."""
    maker = ViewMaker(ViewOptions(figurative=False, inner=False, read=False), NoDetector())
    return [maker.prepare(read_picture(mark.path)).views[0].pixels for mark in marks]


def _copies(originals: Sequence[Pixels], family: str, strength: float, bank: Any) -> Iterator[Pixels]:
    copying = Copying(strength=strength).only(family)
    copier = Copier(ViewOptions(read=False), copying, bank)
    for number, view in enumerate(originals):
        yield copier.changed(view, np.random.default_rng([FAMILIES.index(family), number]))[0]


def _seen(maker: ViewMaker, pictures: Iterator[Pixels], progress: Progress) -> Seen:
    """Every view of every picture that has one."""
    views, owners = [], []
    for number, picture in enumerate(pictures):
        try:
            prepared = maker.prepare(picture).views
        except PictureError:
            prepared = ()
        views += [view.pixels for view in prepared]
        owners += [number] * len(prepared)
        progress.advance(1)
    return Seen(np.stack(views), np.array(owners, np.int64))


if __name__ == "__main__":
    typer.run(main)
