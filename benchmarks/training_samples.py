"""A page of what training learns from: pairs of every kind, and every family of changes at work.

    python -m benchmarks.training_samples --packed build/packed112 --out samples.html --fonts fonts
    python -m benchmarks.training_samples --dataset logos --out samples.html

With --dataset the views of its first marks are packed into a folder beside the page.
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from marklens import __version__, assembly
from marklens.cli.progress import shown_progress
from marklens.core.artifacts import write_text
from marklens.core.errors import UsageError
from marklens.core.resources import graceful_stop
from marklens.datasets.grouping import groups_of
from marklens.datasets.opening import open_dataset
from marklens.indexing.preparing import PoolPreparer
from marklens.pages.samples_page import FamilySample, PairSample, samples_page
from marklens.preprocessing.pipeline import ViewOptions
from marklens.training.copying.copier import FAMILIES, Copier, Copying
from marklens.training.copying.words import WordBank, make_word_bank
from marklens.training.lockups.fonts import find_fonts
from marklens.training.pairs.packed_views import PackedViews
from marklens.training.pairs.packing import pack_views
from marklens.training.pairs.pair_source import PackedPairs
from marklens.training.pairs.positives import PAIR_KINDS

BATCH = 64
SHOWN = 8
"""Pairs of each kind, and pictures of each family."""


def main(
    out: Annotated[Path, typer.Option(help="The page.")],
    packed: Annotated[Path | None, typer.Option(help="A packed cache.")] = None,
    dataset: Annotated[Path | None, typer.Option(help="To pack the first marks of.")] = None,
    limit: Annotated[int, typer.Option(help="Marks of the dataset.")] = 2000,
    fonts: Annotated[Path | None, typer.Option(help="WOFF files, see benchmarks.fetch_fonts.")] = None,
    seed: Annotated[int, typer.Option(help="Of the choice.")] = 0,
) -> None:
    """Draw, change, show."""
    if packed is None:
        packed = out.with_suffix(".packed")
        _pack(dataset, packed, limit)
    views = PackedViews.open(packed)
    bank = make_word_bank(find_fonts(fonts, "train") if fonts else None)
    options = ViewOptions(**{name: views.recipe[name] for name in ("size", "margin", "trim", "polarity")})
    copying = Copying()
    write_text(
        out,
        samples_page(
            "Training samples",
            {
                "marks": f"{len(views):,}",
                "views": f"{len(views.pixels):,}",
                "groups": f"{len(np.unique(views.groups)):,}",
                "pixels a side": str(views.size),
            },
            _pairs(views, Copier(options, copying, bank), seed),
            _families(views, options, copying, bank, seed),
            {"version": __version__, "cache": packed.name, "seed": str(seed)},
        ),
    )
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def _pack(dataset: Path | None, packed: Path, limit: int) -> None:
    if dataset is None:
        raise UsageError("give --packed or --dataset")
    options = ViewOptions(size=112, read=False)
    marks = list(open_dataset(dataset).marks(lambda fault: None))[:limit]
    with graceful_stop() as stop, shown_progress() as progress:
        preparer = PoolPreparer(partial(assembly.make_view_maker, options), 2, 60.0)
        pack_views(packed, marks, groups_of(dataset).items(), options, preparer, progress, stop)


def _pairs(views: PackedViews, copier: Copier, seed: int) -> list[PairSample]:
    """The first pairs of every kind in an epoch."""
    source = PackedPairs(views, copier, seed=seed)
    owners = np.repeat(np.arange(len(views)), np.diff(views.starts))
    held: dict[str, list[PairSample]] = {kind: [] for kind in PAIR_KINDS}
    for step in range(source.steps(BATCH)):
        chosen = source.choose(0, BATCH, step)
        for row, kind in enumerate(chosen.kinds):
            if len(held[kind]) == SHOWN:
                continue
            places = int(chosen.first[row]), int(chosen.second[row])
            random = np.random.default_rng([seed, 0, step * BATCH + row, 2])
            first, second = (np.array(views.pixels[place]) for place in places)
            (one, why), (other, other_why) = (copier.copy(view, random) for view in (first, second))
            files = views.files[owners[places[0]]], views.files[owners[places[1]]]
            held[kind].append(PairSample(kind, files, (first, second), (one, other), (why, other_why)))
    return [pair for pairs in held.values() for pair in pairs]


def _families(
    views: PackedViews, options: ViewOptions, copying: Copying, bank: WordBank, seed: int
) -> list[FamilySample]:
    shown = []
    for number, name in enumerate(FAMILIES):
        random = np.random.default_rng([seed, number])
        copier = Copier(options, Copying().only(name), bank)
        before = [np.array(views.pixels[place]) for place in random.integers(0, len(views.pixels), SHOWN)]
        pictures = [(view, copier(view, random)) for view in before]
        shown.append(FamilySample(name, getattr(copying, name), pictures))
    return shown


if __name__ == "__main__":
    typer.run(main)
