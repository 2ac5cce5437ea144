"""The analysis on one page of Markdown."""

from collections.abc import Iterable, Sequence
from itertools import islice

from marklens.datasets.analysis.analyzer import Analysis
from marklens.datasets.analysis.distributions import Spread
from marklens.datasets.analysis.document import NAMES, duplicate_figures, overview, share
from marklens.datasets.analysis.duplicates import FINE_DISTANCE
from marklens.datasets.analysis.metadata import Counts
from marklens.datasets.vienna import described

ROWS = 15
"""Longest table; stats.json has everything."""


def summary(analysis: Analysis) -> str:
    """Lay out the analysis as Markdown; everything counted is in ``stats.json``."""
    sections = [
        f"# {analysis.name}",
        _overview(analysis),
        *_pictures(analysis),
        *_metadata(analysis),
        *_vienna(analysis),
        *_duplicates(analysis),
    ]
    text = "\n\n".join(section for section in sections if section) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")  # names of files may be no valid text


def _overview(analysis: Analysis) -> str:
    return _table(("", "number"), list(overview(analysis).items()))


def _pictures(analysis: Analysis) -> list[str]:
    pictures = analysis.pictures
    spreads = [
        ("width, pixels", pictures.width),
        ("height, pixels", pictures.height),
        ("file, bytes", pictures.file_sizes.spread),
        ("aspect ratio (width / height)", pictures.aspect.spread),
        ("aspect ratio of the mark in it", pictures.mark_aspect.spread),
        ("ink, share of the picture", pictures.ink.spread),
    ]
    heads = ("", "least", "1 %", "25 %", "median", "75 %", "99 %", "most", "mean")
    return [
        "## Pictures",
        _table(heads, [(name, *_spread(spread)) for name, spread in spreads if spread]),
        _counts("size", pictures.sizes, pictures.readable),
        _counts("format", pictures.formats, pictures.readable),
        _counts("ground", pictures.grounds, pictures.readable),
        _counts("why unreadable", pictures.unreadable, pictures.pictures),
    ]


def _metadata(analysis: Analysis) -> list[str]:
    metadata = analysis.metadata
    faults = (
        f"`{fault.item}`: {fault.reason}" for shown in metadata.examples.values() for fault in shown[:1]
    )
    years = [(year, f"{count:,}") for year, count in metadata.years.items()]
    return [
        "## Metadata",
        _table(("year", "marks"), years) if years else "No mark has a year.",
        _counts("fault", metadata.faults, metadata.marks),
        "\n".join(f"- {example}" for example in faults),
    ]


def _vienna(analysis: Analysis) -> list[str]:
    vienna, marks = analysis.metadata.vienna, analysis.metadata.marks
    if not vienna.codes:
        return ["## Vienna codes", "No mark has a Vienna code."]
    levels = (
        ("category", vienna.categories), ("division", vienna.divisions), ("code", vienna.codes),
    )  # fmt: skip
    return [
        f"## Vienna codes\n\n{NAMES} A mark counts once for each category, division and code it has.",
        _counts("codes a mark has", vienna.codes_per_mark, marks),
        *(_counts(level, counts, marks, named=True) for level, counts in levels),
    ]


def _duplicates(analysis: Analysis) -> list[str]:
    rows = [
        (kind, *(f"{figures[name]:,}" for name in ("groups", "pictures", "largest")))
        for kind, figures in (
            ("exact", duplicate_figures(analysis, "exact")),
            ("near", duplicate_figures(analysis, "near")),
        )
    ]
    note = (
        "Exact: the files are equal byte for byte. Near: the looks of the marks without their empty border "
        f"differ in at most {analysis.near_distance} of 63 coarse and {FINE_DISTANCE} of 255 fine bits, also "
        "by way of others. "
        f"{analysis.duplicates.too_plain:,} pictures are too plain to be compared by their looks."
    )
    return ["## Duplicates", _table(("", "groups", "pictures", "largest group"), rows), note]


def _counts(head: str, counts: Counts, whole: int, named: bool = False) -> str:
    """A table of the first `ROWS` counts; nothing where there is none."""
    if not counts:
        return ""
    rows = [
        (f"{key} {described(key)}".strip() if named else key, *_counted(count, whole))
        for key, count in islice(counts.items(), ROWS)
    ]
    if len(counts) > ROWS:
        rows.append((f"… {len(counts) - ROWS:,} more in stats.json", "", ""))
    return _table((head, "number", "share"), rows)


def _counted(part: int, whole: int) -> tuple[str, str]:
    return f"{part:,}", f"{100 * share(part, whole):.1f} %"


def _spread(spread: Spread) -> Iterable[str]:
    figures = (
        spread.least, spread.p1, spread.p25, spread.median, spread.p75, spread.p99, spread.most, spread.mean,
    )  # fmt: skip
    return (f"{figure:,.2f}".rstrip("0").rstrip(".") for figure in figures)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
