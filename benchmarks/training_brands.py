"""The brands of an icon import that a reduction may learn from."""

from pathlib import Path

from marklens.core.artifacts import read_json
from marklens.datasets.icons.selecting import held_out, select_split
from marklens.datasets.opening import open_dataset
from marklens.preprocessing.pipeline import ViewMaker, ViewOptions
from marklens.preprocessing.text_detector import NoDetector
from marklens.training.pairs.groups import LEFT_OUT, group_numbers, looks_of, usable_looks

FULL_VIEWS = ViewOptions(size=112, figurative=False, read=False)


def training_brands(dataset: Path) -> tuple[dict[str, list[str]], set[str]]:
    """Files of every training brand, and the files that something may be learned from, with a brand or not.

    Neither has marks of held-out brands, or of brands one of whose marks looks like one of theirs, or marks
    without a brand that look so.
    """
    marks = list(open_dataset(dataset).marks(lambda fault: None))
    brands: dict[str, list[str]] = read_json(dataset / "groups_train.json")
    apart, maker = held_out(dataset, marks, "train"), ViewMaker(FULL_VIEWS, NoDetector())
    chosen = {mark.file for mark in select_split(dataset, marks, "train")}.union(*brands.values())
    usable = list(usable_looks([mark for mark in marks if mark.file in chosen], maker))
    files, looks = [mark.file for mark, _ in usable], [look for _, look in usable]
    numbers = group_numbers(files, brands.items(), looks, looks_of(apart, maker)).tolist()
    learned = {file for file, number in zip(files, numbers, strict=True) if number != LEFT_OUT}
    kept = {name: [file for file in members if file in learned] for name, members in brands.items()}
    return {name: members for name, members in kept.items() if members}, learned
