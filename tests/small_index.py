"""Small datasets and indexes for tests: drawn marks, every one different, some with words."""

from pathlib import Path

import cv2
import numpy as np

from marklens import build_assembly
from marklens.core.resources import StopFlag
from marklens.datasets.opening import open_dataset
from marklens.indexing.builder import BuildReport
from marklens.settings import Settings, load_settings

WORDS = ("ACME", "Nordlicht", "Vela", "Kiwi", "Orion", "Zebra")


class Silent:
    """Progress that nobody looks at; it counts what it hears."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.steps = self.skipped = 0

    def start(self, stage: str, total: int | None) -> None:
        self.stages.append(stage)

    def advance(self, steps: int, skipped: bool = False) -> None:
        self.steps += steps
        self.skipped += steps * skipped


class StopAfter(Silent):
    """Sets a stop flag after so many steps, as a signal would."""

    def __init__(self, steps: int, flag: StopFlag) -> None:
        super().__init__()
        self._after, self._flag = steps, flag

    def advance(self, steps: int, skipped: bool = False) -> None:
        super().advance(steps, skipped)
        if self.steps >= self._after:
            self._flag.set()


def draw_mark(seed: int, words: bool = False) -> np.ndarray:
    """A mark of three random shapes, uint8 (240, 240, 3), BGR; the same seed draws the same mark."""
    random = np.random.default_rng(seed)
    picture = np.full((240, 240, 3), 255, np.uint8)
    for _ in range(3):
        color = tuple(int(value) for value in random.integers(0, 200, 3))
        points = random.integers(30, 210, (int(random.integers(3, 7)), 2)).astype(np.int32)
        if random.random() < 0.5:
            cv2.fillPoly(picture, [points], color)
        else:
            cv2.circle(
                picture, points[0].tolist(), int(random.integers(15, 70)), color, int(random.integers(6, 20))
            )
    if words:
        picture[180:] = 255
        word = WORDS[seed % len(WORDS)]
        cv2.putText(picture, word, (12, 225), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (20, 20, 20), 4, cv2.LINE_AA)
    return picture


def draw_marks(folder: Path, count: int, first: int = 0) -> Path:
    """Write `count` PNG files, every third with words."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        cv2.imwrite(str(folder / f"mark{seed:04d}.png"), draw_mark(seed, words=seed % 3 == 0))
    return folder


def quick_settings(**views: object) -> Settings:
    """Settings for small indexes: in this process, small chunks, a graph that is the same every time."""
    return load_settings(
        build={"workers": 0, "chunk": 8, "graph_threads": 1},
        pca={"dims": 16, "sample": 1000, "own_from": 0},
        model={"batch_size": 8},
        views=views,
    )


def build(
    index: Path,
    dataset: Path,
    settings: Settings | None = None,
    stop: StopFlag | None = None,
    limit: int | None = None,
) -> BuildReport:
    """Build an index quietly."""
    settings = settings or quick_settings()
    stop = StopFlag() if stop is None else stop
    return build_assembly.build(index, open_dataset(dataset), settings, limit, Silent(), stop)
