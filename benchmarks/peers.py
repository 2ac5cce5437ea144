"""What a user would take instead: quality and cost on the same pictures, in one run.

    marklens export imagenet --out lite0-imagenet.onnx
    pip install --no-deps imagededup PyWavelets
    python -m benchmarks.peers --dataset logos --work build/peers --imagenet lite0-imagenet.onnx

Brands drawn by another hand. Rows: imagededup's perceptual hash; timm's Lite0 in PyTorch with a flat FAISS
index, pictures as they are; the plan's way (Tesseract's boxes filled, Lite0, PCA, HNSW); Marklens, stage 1
and both stages. imagededup's network wants weights from the internet; it is the second row with another
network. Milliseconds are wall time: of a mark while building, of a query with its stored description.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.chosen_marks import ChosenMarks
from benchmarks.reporting import report
from benchmarks.text_ablation import choose
from marklens import assembly, build_assembly
from marklens.cli.evaluate import ask_groups, measure
from marklens.cli.logs import configure_logs
from marklens.cli.progress import shown_progress
from marklens.core.images import read_picture, shrink
from marklens.core.resources import graceful_stop
from marklens.core.types import Mark, Pixels
from marklens.datasets.icons.brand_split import SPLITS
from marklens.evaluation.evaluator import Evaluation, Ranking, evaluate
from marklens.evaluation.protocols import Query, group_queries, read_groups
from marklens.settings import Settings, load_settings

Likeness = npt.NDArray[np.floating]
SIDE, BATCH, DEPTH = 224, 32, 1001


def main(
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote.")],
    work: Annotated[Path, typer.Option(help="Where the indexes go.")],
    imagenet: Annotated[Path, typer.Option(help="What 'marklens export imagenet' wrote.")],
    split: Annotated[str, typer.Option(help="Brands to ask for: val or test.")] = "test",
    gallery: Annotated[int, typer.Option(help="Marks in all.")] = 5000,
    json: Annotated[Path | None, typer.Option(help="Also write the rows as JSON.")] = None,
) -> None:
    """Describe, search, measure."""
    configure_logs(verbose=False, as_json=False)
    part = next(name for name in SPLITS if name == split)
    marks = choose(dataset, part, gallery)
    files = {number: mark.path.name for number, mark in enumerate(marks)}
    groups = dataset / f"groups_{split}.json"
    queries = group_queries(read_groups(groups, files), files)
    rows = []
    for name, describe in {"imagededup, pHash": _phash, "timm Lite0 in PyTorch, FAISS flat": _timm}.items():
        try:
            rows.append(_ranked(name, describe, marks, queries))
        except ImportError as error:
            typer.echo(f"{name} is left out: {error}")
    plan = load_settings(
        model={"weights": imagenet},
        patches={"dims": 0},
        views={"detector": "tesseract", "inner": False, "read": False},
    )
    indexes = {"the plan's way": (plan, False), "Marklens, stage 1": (load_settings(), False),
               "Marklens": (load_settings(), True)}  # fmt: skip
    for name, (settings, rerank) in indexes.items():
        chosen = ChosenMarks(dataset, tuple(marks))
        rows.append(_indexed(name, settings, rerank, chosen, groups, work))
    report(f"{len(queries):,} queries of {split} among {len(marks):,} marks", rows, json)


def _ranked(
    name: str, describe: Callable[[Iterable[Pixels]], Callable[[int], Likeness]], marks: Sequence[Mark],
    queries: Sequence[Query],
) -> dict[str, Any]:  # fmt: skip
    started = perf_counter()
    likeness = describe(read_picture(mark.path) for mark in marks)
    building = perf_counter() - started

    def rank(asked: Sequence[Query]) -> Iterator[Ranking]:
        for query in asked:
            assert query.own is not None
            began = perf_counter()
            scores = likeness(query.own)
            order = np.argsort(-scores, kind="stable")[:DEPTH]
            spent = (perf_counter() - began) * 1e3
            yield Ranking(order.astype(np.int64), scores[order], spent)

    return _row(name, evaluate(queries, rank, len(marks)), building / len(marks))


def _phash(pictures: Iterable[Pixels]) -> Callable[[int], Likeness]:
    """64 bits a picture; as many of them as agree."""
    from marklens.training.backbones import import_timm

    import_timm()  # some builds of torchvision, which imagededup imports, need what this prepares
    from imagededup.methods.hashing import PHash

    method = PHash()
    codes = [int(method.encode_image(image_array=picture), 16) for picture in pictures]
    bits = np.array([[code >> place & 1 for place in range(64)] for code in codes], np.int8)
    return lambda own: np.asarray((bits == bits[own]).mean(axis=1), np.float32)


def _timm(pictures: Iterable[Pixels]) -> Callable[[int], Likeness]:
    """Mean of the last map, cosine."""
    import faiss
    import torch

    from marklens.training.backbones import create_backbone

    network, squares = create_backbone(size=SIDE).eval(), map(_square, pictures)
    parts: list[npt.NDArray[np.float32]] = []
    with torch.inference_mode():
        while held := list(islice(squares, BATCH)):
            parts.append(network(torch.from_numpy(np.stack(held))).mean((2, 3)).numpy())
    vectors = np.concatenate(parts)
    faiss.normalize_L2(vectors)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)

    def likeness(own: int) -> Likeness:
        scores, found = flat.search(vectors[own : own + 1], len(vectors))
        ordered = np.empty(len(vectors), np.float32)
        ordered[found[0]] = scores[0]
        return ordered

    return likeness


def _square(picture: Pixels) -> Pixels:
    """On a white square of 224 pixels."""
    small = shrink(picture, SIDE)
    height, width = small.shape[:2]
    sheet = np.full((SIDE, SIDE, 3), 255, np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    sheet[top : top + height, left : left + width] = small
    return sheet


def _indexed(
    name: str, settings: Settings, rerank: bool, marks: ChosenMarks, groups: Path, work: Path
) -> dict[str, Any]:
    index = work / ("plan" if settings.model.weights else "marklens")
    with shown_progress() as progress, graceful_stop() as stop:
        started = perf_counter()
        build_assembly.build(index, marks, settings, None, progress, stop)
        building = perf_counter() - started
        engine = assembly.open_engine(index, settings)
        found = measure(engine, ask_groups(engine, groups, "default"), DEPTH, progress, rerank)
    return _row(name, found, building / marks.count())


def _row(name: str, found: Evaluation, seconds: float) -> dict[str, Any]:
    means = found.means
    return {
        "search": name,
        "mAP@100": means.map_at_100,
        "Recall@1": means.recall_at_1,
        "Recall@100": means.recall_at_100,
        "ms a mark": seconds * 1e3,
        "ms a query": found.latency_ms()["p50"],
    }


if __name__ == "__main__":
    typer.run(main)
