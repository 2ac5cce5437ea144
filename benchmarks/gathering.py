"""What every channel says of the candidates of many queries: for the ablation and for fitting weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marklens import assembly
from marklens.core.errors import PictureError
from marklens.core.images import read_picture
from marklens.core.ports import Progress
from marklens.core.types import Candidate, Ids
from marklens.engine import Engine
from marklens.evaluation.evaluator import Ranking, mean_measures
from marklens.evaluation.evaluator import measure as measure_ranking
from marklens.evaluation.protocols import Query
from marklens.preprocessing.pipeline import ViewOptions
from marklens.reranking.scoring import Calibration, Channels, Weights
from marklens.settings import Settings, load_settings


@dataclass(frozen=True, slots=True)
class Gathered:
    """The candidates of one query.

    Attributes:
        numbers: int64 (n,), of the marks.
        kinds: int64 (n,), the view of each mark that matched.
        channels: what each says, before any calibration.
    """

    numbers: Ids
    kinds: Ids
    channels: Channels

    @classmethod
    def of(cls, candidates: Sequence[Candidate], channels: Channels) -> "Gathered":
        """Gather what is needed of candidates."""
        numbers = np.array([candidate.number for candidate in candidates], np.int64)
        return cls(numbers, np.array([candidate.views[1] for candidate in candidates], np.int64), channels)


def open_raw(index: Path, settings: Settings | None = None) -> Engine:
    """An index whose channels are not calibrated."""
    return assembly.open_engine(index, settings or load_settings(scoring={"calibrate": False}))


def gather(
    engine: Engine, queries: Sequence[Query], depth: int, words: Mapping[int, str | None], progress: Progress
) -> list[Gathered]:
    """Ask for marks of the index, also by these words; stage 1 brings the first `depth` + 1 candidates."""
    found = []
    progress.start("gather", len(queries))
    for query in queries:
        assert query.own is not None
        found.append(Gathered.of(*engine.compared(query.own, depth + 1, words.get(query.own))))
        progress.advance(1)
    return found


def without_text(gathered: Gathered, depth: int) -> Gathered:
    """What it would be if nobody had asked by name."""
    first, present = slice(0, depth + 1), gathered.channels.present()
    kept = {name: values[first] for name, values in present.items() if name != "text"}
    return Gathered(gathered.numbers[first], gathered.kinds[first], Channels(**kept))


def read_words(
    engine: Engine, queries: Sequence[Query], progress: Progress
) -> tuple[dict[int, str | None], float]:
    """What is read off the picture of each query, and the milliseconds that takes, median."""
    maker, spent = assembly.make_view_maker(ViewOptions()), []
    words: dict[int, str | None] = {}
    progress.start("read", len(queries))
    for query in queries:
        assert query.own is not None
        progress.advance(1)
        words[query.own] = None
        try:
            prepared = maker.prepare(
                read_picture(engine.catalog.marks([query.own])[query.own].path), read=True
            )
        except PictureError:
            continue
        spent.append(prepared.seconds["read"])
        words[query.own] = None if prepared.text is None else prepared.text.text
    return words, float(np.median(spent)) * 1e3


def measured(
    queries: Sequence[Query],
    gathered: Sequence[Gathered],
    weights: Weights,
    calibration: Calibration,
    gallery: int,
) -> dict[str, float]:
    """The means over all queries, if the channels are weighed like this."""
    measures = []
    for query, each in zip(queries, gathered, strict=True):
        scores = each.channels.calibrated(calibration).combined(weights)
        order = np.argsort(-scores, kind="stable")
        measures.append(measure_ranking(query, Ranking(each.numbers[order], scores[order]), gallery).measures)
    means = mean_measures(measures)
    return {
        "mAP@100": means.map_at_100,
        "Recall@1": means.recall_at_1,
        "Recall@10": means.recall_at_10,
        "Recall@100": means.recall_at_100,
        "Precision@10": means.precision_at_10,
        "R-precision": means.r_precision,
    }
