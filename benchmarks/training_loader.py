"""How many pictures a second the training loader makes: by size, by workers, and what each family costs.

    python -m benchmarks.training_loader --dataset logos --work build/loader --out loader.json

Pictures, not pairs: a pair is two. Threads are measured beside processes, which the loader takes.
The first row of a size counts processor time, which other programs on the machine change little.
So does the time of a family: of a picture that only this family changes, at 112 pixels, with the way back
through the pipeline, which is the row "pipeline".
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated, Any

import cv2
import numpy as np
import typer

from benchmarks.reporting import report
from marklens import assembly
from marklens.cli.progress import shown_progress
from marklens.core.resources import StopFlag
from marklens.datasets.opening import open_dataset
from marklens.indexing.preparing import PoolPreparer
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector
from marklens.training.copying.copier import FAMILIES, Copier, Copying
from marklens.training.copying.words import make_word_bank
from marklens.training.pairs.look_pool import Drawn, make_looks
from marklens.training.pairs.packed_views import PackedViews
from marklens.training.pairs.packing import pack_views
from marklens.training.pairs.pair_source import LoaderOptions, PackedPairs

SIZES = (112, 128, 224)
BATCH = 64
STARTED = 4
"""Batches before the clock runs: the workers have started."""
MEASURED = 8
"""Batches."""
CHANGED = 300
"""Pictures a family changes."""


def main(
    dataset: Annotated[Path, typer.Option(help="Any dataset.")],
    work: Annotated[Path, typer.Option(help="Where the caches are kept.")],
    limit: Annotated[int, typer.Option(help="Marks packed.")] = 1000,
    workers: Annotated[int, typer.Option(help="The most worker processes tried.")] = 2,
    out: Annotated[Path | None, typer.Option(help="JSON.")] = None,
) -> None:
    """Pack, measure, tell."""
    cv2.setNumThreads(1)
    bank = make_word_bank()
    rows: list[dict[str, Any]] = []
    for size in SIZES:
        views = _packed(dataset, work / f"packed{size}", limit, size)
        copier = Copier(ViewOptions(size=size), Copying(), bank)
        alone = PackedPairs(views, copier)
        rows.append({"size": size, "how": "a second of one core", "pictures/s": _loaded(alone, process_time)})
        for count in (0, *(2**power for power in range(workers.bit_length()))):
            source = PackedPairs(views, copier, loading=LoaderOptions(count))
            rows.append({"size": size, "how": f"{count} processes", "pictures/s": _loaded(source)})
            source.close()
        rows.append({"size": size, "how": "2 threads", "pictures/s": _threaded(views, copier, 2)})
    report("Training loader, pictures a second", rows, out)
    views = PackedViews.open(work / f"packed{SIZES[0]}")
    costs = list(_costs(views, partial(Copier, ViewOptions(size=views.size), bank=bank)))
    report("Cost of a family of changes", costs, out and out.with_suffix(".families.json"))


def _packed(dataset: Path, folder: Path, limit: int, size: int) -> PackedViews:
    options = ViewOptions(size=size, figurative=False, read=False)
    marks = list(islice(open_dataset(dataset).marks(lambda fault: None), limit))
    with shown_progress() as progress:
        preparer = PoolPreparer(partial(assembly.make_view_maker, options), 2, 60.0)
        pack_views(folder, marks, [], options, preparer, progress, StopFlag())
    return PackedViews.open(folder)


def _loaded(source: PackedPairs, clock: Callable[[], float] = perf_counter) -> float:
    batches = _endless(source)
    for _ in range(STARTED):
        next(batches)
    started = clock()
    for _ in range(MEASURED):
        next(batches)
    rate = MEASURED * 2 * BATCH / (clock() - started)
    batches.close()  # type: ignore[attr-defined]
    return rate


def _endless(source: PackedPairs) -> Iterator[object]:
    epoch = 0
    while True:
        yield from source.batches(epoch, BATCH)
        epoch += 1


def _threaded(views: PackedViews, copier: Copier, threads: int) -> float:
    """The same work in threads of one process."""
    drawn = [Drawn((place, place), (0, place)) for place in range(MEASURED * BATCH)]
    parts = [
        [Drawn((pair.views[0] % len(views.pixels),) * 2, pair.seed) for pair in drawn[start : start + 32]]
        for start in range(0, len(drawn), 32)
    ]
    with ThreadPoolExecutor(threads) as pool:
        started = perf_counter()
        list(pool.map(lambda part: make_looks(views.pixels, part, copier), parts))
        return 2 * len(drawn) / (perf_counter() - started)


def _costs(views: PackedViews, make: partial[Copier]) -> Iterator[dict[str, Any]]:
    pictures = [np.array(views.pixels[place % len(views.pixels)]) for place in range(CHANGED)]
    maker = ViewMaker(ViewOptions(size=views.size, figurative=False), NoDetector())
    started = process_time()
    for picture in pictures:
        maker.prepare(picture)
    base = 1000 * (process_time() - started) / CHANGED
    yield {"family": "pipeline", "chance": 1.0, "ms": base}
    for name in FAMILIES:
        copier = make(Copying().only(name))
        started = process_time()
        for place, picture in enumerate(pictures):
            copier(picture, np.random.default_rng(place))
        spent = 1000 * (process_time() - started) / CHANGED
        yield {"family": name, "chance": getattr(Copying(), name), "ms": spent}


if __name__ == "__main__":
    typer.run(main)
