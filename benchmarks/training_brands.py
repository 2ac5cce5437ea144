"""The brands of an icon import that a reduction may learn from."""

from pathlib import Path

from benchmarks.pack_brands import FULL_VIEWS
from marklens.core.artifacts import read_json
from marklens.datasets.icons.selecting import held_out
from marklens.datasets.opening import open_dataset
from marklens.preprocessing.pipeline import ViewMaker
from marklens.preprocessing.text_detector import NoDetector
from marklens.training.pairs.groups import LEFT_OUT, group_numbers, looks_of


def training_brands(dataset: Path) -> tuple[dict[str, list[str]], set[str]]:
    """Files of every training brand, and files that nothing is learned from.

    The latter are those of held-out brands, and of brands one of whose marks looks like one of theirs.
    """
    marks = {mark.file: mark for mark in open_dataset(dataset).marks(lambda fault: None)}
    brands: dict[str, list[str]] = read_json(dataset / "groups_train.json")
    files = [file for members in brands.values() for file in members]
    apart, maker = held_out(dataset, marks.values(), "train"), ViewMaker(FULL_VIEWS, NoDetector())
    looks = looks_of([marks[file] for file in files], maker)
    numbers = group_numbers(files, brands.items(), looks, looks_of(apart, maker)).tolist()
    out = {file for file, number in zip(files, numbers, strict=True) if number == LEFT_OUT}
    kept = {name: members for name, members in brands.items() if out.isdisjoint(members)}
    return kept, out | {mark.file for mark in apart}
