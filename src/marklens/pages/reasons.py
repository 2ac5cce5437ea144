"""Why a hit is one, as pictures: the patches that match, in one colour on both sides."""

from dataclasses import dataclass

from marklens.core.types import PATCH_GRID, PatchMatches, View
from marklens.pages.pictures import data_uri


@dataclass(frozen=True, slots=True)
class ReasonOnPage:
    """What a page shows of the reasons for one hit.

    Attributes:
        query, mark: the views that were compared patch by patch, None where none were.
        matches: of their patches.
        sounds: the alignment of the words: sounds of the query and of the mark, step by step.
        language: in which they sound most alike.
    """

    query: View | None
    mark: View | None
    matches: PatchMatches | None
    sounds: tuple[tuple[str, str], ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Patch:
    """A matched patch as the template draws it.

    Attributes:
        x, y: column and row, 0..PATCH_GRID-1.
        hue: degrees; the same on both sides of a match.
        opacity: 0..1, by its share in the similarity.
        note: for people who point at it.
    """

    x: int
    y: int
    hue: int
    opacity: float
    note: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """A view with the patches that matched.

    Attributes:
        kind: of the view.
        picture: ``data:`` address.
        patches: that matched.
    """

    kind: str
    picture: str | None
    patches: tuple[Patch, ...]


def overlays(reason: ReasonOnPage) -> tuple[Overlay, ...]:
    """The query's view and the mark's; none where no pictures were compared patch by patch."""
    if reason.query is None or reason.mark is None or reason.matches is None:
        return ()
    ours, theirs = _patches(reason.matches)
    return (
        Overlay(reason.query.kind.label, data_uri(reason.query.pixels), ours),
        Overlay(reason.mark.kind.label, data_uri(reason.mark.pixels), theirs),
    )


def _patches(matches: PatchMatches) -> tuple[tuple[Patch, ...], tuple[Patch, ...]]:
    strongest = float(matches.shares.max(initial=1e-9))
    ours: list[Patch] = []
    theirs: list[Patch] = []
    for query, mark, alike, share in zip(
        matches.query, matches.mark, matches.similarities, matches.shares, strict=True
    ):
        hue, opacity = hue_of(int(query)), 0.25 + 0.45 * float(share) / strongest
        note = f"{alike:.2f} alike, adds {share:.3f} to the likeness of the views"
        for patches, place in ((ours, int(query)), (theirs, int(mark))):
            row, column = divmod(place, PATCH_GRID)
            patches.append(Patch(column, row, hue, opacity, note))
    return tuple(ours), tuple(theirs)


def hue_of(place: int) -> int:
    """A colour for a patch of the query: neighbours differ little along a row and clearly between rows."""
    row, column = divmod(place, PATCH_GRID)
    return (row * 360 // PATCH_GRID + column * 24) % 360
