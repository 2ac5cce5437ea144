"""Pack the views of an icon import's training brands, for training runs.

    python -m benchmarks.pack_brands --dataset logos --out build/packed112 --size 112 --workers 2

Marks of validation and test brands are left out, and marks that look like them whatever they are called.
With --masks PACKED or --index INDEX, text masks come from there and no text is looked for.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from benchmarks.training_brands import FULL_VIEWS
from marklens.cli.progress import shown_progress
from marklens.core.resources import graceful_stop
from marklens.datasets.grouping import groups_of
from marklens.datasets.icons.brand_names import brand_of
from marklens.datasets.icons.brand_split import SPLITS
from marklens.datasets.icons.selecting import held_out, select_split
from marklens.datasets.opening import open_dataset
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector
from marklens.train_assembly import index_masks, masked_preparer
from marklens.training.pairs.groups import looks_of
from marklens.training.pairs.masked_preparer import Masks
from marklens.training.pairs.packed_views import packed_masks
from marklens.training.pairs.packing import pack_views

Groups = Mapping[str, Sequence[str]]


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the cache.")],
    size: Annotated[int, typer.Option(help="Pixels of a view's side.")] = 112,
    workers: Annotated[int, typer.Option(help="Processes; 0 works in this one.")] = 1,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "train",
    limit: Annotated[int | None, typer.Option(help="Take only the first marks.")] = None,
    concepts: Annotated[Path | None, typer.Option(help="What import_concepts wrote.")] = None,
    masks: Annotated[Path | None, typer.Option(help="A cache of another size.")] = None,
    index: Annotated[Path | None, typer.Option(help="An index of the dataset.")] = None,
) -> None:
    """Select, pack, tell."""
    part = next((name for name in SPLITS if name == split), None)
    if part is None:
        raise typer.BadParameter("give train, val or test", param_hint="--split")
    everything = list(open_dataset(dataset).marks(lambda fault: None))
    marks = select_split(dataset, everything, part)
    brands = groups_of(dataset)
    groups = [*brands.items()]
    if concepts is not None:
        if part != "train":
            raise typer.BadParameter("concepts are to train on", param_hint="--concepts")
        marks += open_dataset(concepts).marks(lambda fault: None)
        groups += _joined(groups_of(concepts), brands)
    marks = marks[:limit]
    options, started = ViewOptions(size=size, read=False), perf_counter()
    apart = looks_of(held_out(dataset, everything, part), ViewMaker(FULL_VIEWS, NoDetector()))
    known: Masks = packed_masks(masks) if masks else index_masks(index, options) if index else {}
    with graceful_stop() as stop, shown_progress() as progress:
        preparer = masked_preparer(options, workers, 60.0, known)
        report = pack_views(out, marks, groups, options, preparer, progress, stop, apart)
    typer.echo(f"{report}\n{perf_counter() - started:.0f} s")


def _joined(concepts: Groups, brands: Groups) -> list[tuple[str, Sequence[str]]]:
    """Concepts, each together with the brand that is called like it: negatives of each other they are not."""
    called = {name: brand_of("", name.replace(" ", "-"), shown_as_brand=True) for name in concepts}
    return [(name, [*files, *brands.get(called[name] or "", ())]) for name, files in concepts.items()]


if __name__ == "__main__":
    typer.run(main)
