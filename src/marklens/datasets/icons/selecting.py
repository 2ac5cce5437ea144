"""Which marks of an icon import belong to a split: a brand of another split is never among them."""

from collections.abc import Iterable
from pathlib import Path

from marklens.core.artifacts import read_json
from marklens.core.types import Mark
from marklens.datasets.icons.brand_names import brand_of
from marklens.datasets.icons.brand_split import SPLITS, Split, split_of


def brand_known_by(mark: Mark) -> str:
    """The normalised brand of an icon: as the import says, else as its file name suggests."""
    pack, _, name = mark.id.partition("--")
    return mark.attributes.get("brand") or brand_of(pack, name, True) or name or mark.id


def select_split(dataset: Path, marks: Iterable[Mark], split: Split) -> list[Mark]:
    """The marks whose brand falls into a split and that no other split's groups file names.

    Args:
        dataset: folder that `import-icons` wrote, with ``groups_<split>.json``.
        marks: of the dataset.
        split: whose marks to keep.
    """
    taken = _named_by_others(dataset, split)
    return [mark for mark in marks if mark.file not in taken and split_of(brand_known_by(mark)) == split]


def held_out(dataset: Path, marks: Iterable[Mark], split: Split) -> list[Mark]:
    """The marks of the brands that measure other splits: nothing that looks like them is for this one."""
    taken = _named_by_others(dataset, split)
    return [mark for mark in marks if mark.file in taken]


def _named_by_others(dataset: Path, split: Split) -> set[str]:
    others = [read_json(dataset / f"groups_{other}.json") for other in SPLITS if other != split]
    return {file for groups in others for files in groups.values() for file in files}
