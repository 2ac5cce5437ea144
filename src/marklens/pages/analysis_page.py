"""The page of ``marklens dataset analyze``: figures, bars, columns, a heat map and samples of pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marklens.pages.pictures import Picture, data_uri
from marklens.pages.rendering import render

SAMPLE_SIDE = 128
"""Pixels of a sample's longer side: pages hold a hundred of them."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Names with a bar each, one below the other.

    Attributes:
        title: what is counted.
        bars: name and count, in the order shown.
        whole: what the shares are of.
        note: one sentence below the title, or nothing.
        wide: takes the whole width of the page.
    """

    title: str
    bars: Sequence[tuple[str, int]]
    whole: int
    note: str = ""
    wide: bool = False

    kind = "bars"

    @property
    def most(self) -> int:
        """The longest bar."""
        return max((count for _, count in self.bars), default=0)


@dataclass(frozen=True, slots=True)
class Columns:
    """A histogram: columns side by side in their natural order.

    Attributes:
        title: what is counted.
        columns: the name of each column, and its count.
        whole: what the shares are of.
        ticks: places and names of the labels below; the place is 0..1 along the axis.
        note: one sentence below the title, or nothing.
        wide: takes the whole width of the page.
    """

    title: str
    columns: Sequence[tuple[str, int]]
    whole: int
    ticks: Sequence[tuple[float, str]] = ()
    note: str = ""
    wide: bool = False

    kind = "columns"

    @property
    def most(self) -> int:
        """The highest column."""
        return max((count for _, count in self.columns), default=0)


@dataclass(frozen=True, slots=True)
class HeatMap:
    """How often things come together.

    Attributes:
        title: what comes together.
        names: short and long name of each row, and of each column.
        counts: of each pair; on the diagonal, of the thing itself.
        note: one sentence below the title, or nothing.
    """

    title: str
    names: Sequence[tuple[str, str]]
    counts: Sequence[Sequence[int]]
    note: str = ""

    kind = "heat map"

    def share(self, row: int, column: int) -> float:
        """Of all that have the row, the share that have the column too, 0..1."""
        own = self.counts[row][row]
        return self.counts[row][column] / own if own else 0.0


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures that belong together.

    Attributes:
        title: what they have in common.
        pictures: the picture, or None where it cannot be shown, and what is written below it.
    """

    title: str
    pictures: Sequence[tuple[Picture | None, str]]


@dataclass(frozen=True, slots=True)
class Samples:
    """Groups of pictures to look at."""

    title: str
    groups: Sequence[Group]
    note: str = ""

    kind = "samples"


Part = Bars | Columns | HeatMap | Samples


@dataclass(frozen=True, slots=True)
class Section:
    """Parts of a page under one heading."""

    title: str
    parts: Sequence[Part]
    note: str = ""


def analysis_page(
    title: str,
    summary: Mapping[str, str],
    sections: Sequence[Section],
    facts: Mapping[str, object] | None = None,
) -> str:
    """Lay out an analysis as a self-contained HTML page.

    Args:
        title: one line that says what was analysed.
        summary: name to value of the figures that matter most, as they shall be shown.
        sections: in the order shown.
        facts: name to value for the footer.

    Returns:
        The document. A picture that cannot be read leaves a placeholder.
    """
    return render(
        "analysis.html.j2",
        title=title,
        summary=summary,
        sections=sections,
        thumbnail=lambda picture: None if picture is None else data_uri(picture, SAMPLE_SIDE),
        facts=facts or {},
    )
