"""The page of training samples: pairs as they are drawn, and what each family of changes does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marklens.core.types import Pixels
from marklens.pages.pictures import data_uri
from marklens.pages.rendering import render

SAMPLE_SIDE = 128
"""Pixels of a sample's longer side."""


@dataclass(frozen=True, slots=True)
class PairSample:
    """A pair to learn from.

    Attributes:
        kind: why the two ought to be alike.
        files: of the two marks.
        views: uint8 (size, size, 3) each, before any change.
        copies: the same after the changes.
        changes: names of the families that changed each.
    """

    kind: str
    files: tuple[str, str]
    views: tuple[Pixels, Pixels]
    copies: tuple[Pixels, Pixels]
    changes: tuple[Sequence[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class FamilySample:
    """What one family of changes does.

    Attributes:
        name: of the family.
        chance: how often it changes a picture, 0..1.
        pictures: each before and after, uint8 (size, size, 3).
    """

    name: str
    chance: float
    pictures: Sequence[tuple[Pixels, Pixels]]


def samples_page(
    title: str,
    summary: Mapping[str, str],
    pairs: Sequence[PairSample],
    families: Sequence[FamilySample],
    facts: Mapping[str, str],
) -> str:
    """One self-contained page.

    Args:
        title: the heading.
        summary: figures at the top.
        pairs: in the order shown; a heading stands before each kind.
        families: of changes.
        facts: at the bottom.
    """
    kinds: dict[str, list[PairSample]] = {}
    for pair in pairs:
        kinds.setdefault(pair.kind, []).append(pair)
    return render(
        "samples.html.j2",
        title=title,
        summary=summary,
        kinds={kind.replace("_", " "): [_shown_pair(pair) for pair in held] for kind, held in kinds.items()},
        families=[_shown_family(family) for family in families],
        facts=facts,
    )


def _shown_pair(pair: PairSample) -> list[dict[str, object]]:
    """Both sides: the view, its copy, what it is called and what was changed."""
    return [
        {
            "file": file,
            "view": data_uri(view, SAMPLE_SIDE),
            "copied": data_uri(copy, SAMPLE_SIDE),
            "changes": ", ".join(name.replace("_", " ") for name in changes) or "as it is",
        }
        for file, view, copy, changes in zip(pair.files, pair.views, pair.copies, pair.changes, strict=True)
    ]


def _shown_family(family: FamilySample) -> dict[str, object]:
    return {
        "name": family.name.replace("_", " "),
        "chance": f"{100 * family.chance:.0f} %",
        "pictures": [
            (data_uri(before, SAMPLE_SIDE), data_uri(after, SAMPLE_SIDE)) for before, after in family.pictures
        ],
    }
