"""Searches that went wrong, to look at and sort by cause: a sheet with a row for each.

    python -m benchmarks.failures --dataset logos --index build/brands/views --out failures.png

A row has the query, its first five hits, and the right mark that came first, with its rank. Drawn at random
among the queries of a split whose first hit is wrong.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from marklens import assembly
from marklens.cli.progress import shown_progress
from marklens.core.images import read_picture, shrink
from marklens.core.types import Pixels
from marklens.engine import Engine
from marklens.evaluation.protocols import Query, group_queries, read_groups
from marklens.settings import load_settings

SIDE, GAP, LABEL = 112, 8, 22
HITS = 5


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    index: Annotated[Path, typer.Option(help="Its index.")],
    out: Annotated[Path, typer.Option(help="The PNG file to write.")],
    split: Annotated[str, typer.Option(help="Brands to ask for: val or test.")] = "test",
    count: Annotated[int, typer.Option(help="How many failures.")] = 30,
    depth: Annotated[int, typer.Option(help="How far the right mark is looked for.")] = 1000,
) -> None:
    """Ask in random order until there are enough failures, and draw them."""
    engine = assembly.open_engine(index, load_settings())
    files = engine.catalog.files()
    queries = group_queries(read_groups(dataset / f"groups_{split}.json", files), files)
    rows: list[Pixels] = []
    with shown_progress() as progress:
        progress.start("failures", count)
        for place in np.random.default_rng(0).permutation(len(queries)).tolist():
            row = _row(engine, queries[place], depth)
            if row is not None:
                rows.append(row)
                progress.advance(1)
            if len(rows) == count:
                break
    cv2.imwrite(str(out), np.concatenate(rows)[:, :, ::-1])


def _row(engine: Engine, query: Query, depth: int) -> Pixels | None:
    """The strip of a query, uint8 (height, width, 3); None where its first hit is right."""
    number = query.own
    assert number is not None
    hits = [hit for hit in engine.search_mark(number, depth).hits if hit.number != number]
    if hits[0].number in query.relevant:
        return None
    right = next((hit for hit in hits if hit.number in query.relevant), None)
    best = right.number if right else min(query.relevant)
    shown = [number, *(hit.number for hit in hits[:HITS]), best]
    marks = engine.catalog.marks(shown)
    labels = [
        Path(query.name).stem,
        *(f"{hit.score:.2f}" for hit in hits[:HITS]),
        f"rank {hits.index(right) + 1}" if right else "not found",
    ]
    return _strip([read_picture(marks[each].path) for each in shown], labels)


def _strip(pictures: Sequence[Pixels], labels: Sequence[str]) -> Pixels:
    """Pictures side by side with a line of text below each."""
    strip = np.full((SIDE + LABEL + GAP, (SIDE + GAP) * len(pictures), 3), 255, np.uint8)
    for column, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        small, left = shrink(picture, SIDE), column * (SIDE + GAP)
        strip[: small.shape[0], left : left + small.shape[1]] = small
        at = (left, SIDE + LABEL - 6)
        cv2.putText(strip, label[:18], at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


if __name__ == "__main__":
    typer.run(main)
