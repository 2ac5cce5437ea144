"""The analysis as one document: ``stats.json``."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from marklens import __version__
from marklens.datasets.analysis.analyzer import Analysis
from marklens.datasets.analysis.duplicates import FINE_DISTANCE, Kind
from marklens.datasets.analysis.metadata import Counts, ViennaCounts
from marklens.datasets.vienna import EDITION, described

NAMES = f"Names after the {EDITION}, abridged; a code bears the name of its division."


def stats(analysis: Analysis) -> dict[str, Any]:
    """The analysis as one JSON document; shares run from 0 to 1."""
    metadata = analysis.metadata
    return {
        "marklens": __version__,
        "dataset": str(analysis.root),
        "marks": metadata.marks,
        "pictures": asdict(analysis.pictures),
        "text": {
            "with_text": metadata.with_text,
            "share": share(metadata.with_text, metadata.marks),
            "source": "metadata only: no picture was searched for text",
        },
        "years": {"marks": metadata.years, "without_year": metadata.without_year},
        "vienna": _vienna(metadata.vienna, metadata.marks),
        "metadata_faults": metadata.faults,
        "duplicates": {
            "exact": duplicate_figures(analysis, "exact"),
            "near": {
                **duplicate_figures(analysis, "near"),
                "coarse_bits": analysis.near_distance,
                "fine_bits": FINE_DISTANCE,
            },
            "too_plain_to_compare": analysis.duplicates.too_plain,
        },
    }


def overview(analysis: Analysis) -> dict[str, str]:
    """The figures that matter most, by name, as they shall be shown."""
    pictures, metadata = analysis.pictures, analysis.metadata
    marks, readable = metadata.marks, pictures.readable
    exact, near = duplicate_figures(analysis, "exact"), duplicate_figures(analysis, "near")
    return {
        "marks": f"{marks:,}",
        "pictures that cannot be read": counted(pictures.pictures - readable, marks),
        "in colour": counted(pictures.colored, readable),
        "greyscale": counted(pictures.gray, readable),
        "with text in the metadata": counted(metadata.with_text, marks),
        "with a year": counted(marks - metadata.without_year, marks),
        "with Vienna codes": counted(metadata.vienna.marks_with_codes, marks),
        "faults in the metadata": f"{sum(metadata.faults.values()):,}",
        "exact copies beyond the first": counted(exact["beyond_the_first"], marks),
        "in groups of near duplicates": counted(near["pictures"], marks),
    }


def duplicate_figures(analysis: Analysis, kind: Kind) -> dict[str, Any]:
    """Groups of one kind: how many, pictures in them, the largest, and group size to groups."""
    sizes = [len(group.places) for group in analysis.duplicates.groups if group.kind == kind]
    return {
        "groups": len(sizes),
        "pictures": sum(sizes),
        "beyond_the_first": sum(sizes) - len(sizes),
        "largest": max(sizes, default=0),
        "sizes": {str(size): groups for size, groups in sorted(Counter(sizes).items())},
    }


def share(part: int, whole: int) -> float:
    """Part of a whole, 0..1, to 6 places; 0 of nothing is 0."""
    return round(part / whole, 6) if whole else 0.0


def counted(part: int, whole: int) -> str:
    """A number and its share of a whole, for people."""
    return f"{part:,} ({100 * share(part, whole):.1f} %)"


def _vienna(vienna: ViennaCounts, marks: int) -> dict[str, Any]:
    codes = sum(int(number) * count for number, count in vienna.codes_per_mark.items())
    return {
        "names": NAMES,
        "marks_with_codes": vienna.marks_with_codes,
        "codes_per_mark": {"mean": share(codes, marks), "marks": vienna.codes_per_mark},
        "categories": _named(vienna.categories, marks),
        "divisions": _named(vienna.divisions, marks),
        "codes": _named(vienna.codes, marks),
        "distinct_codes": len(vienna.codes),
        "together": {"codes": vienna.together_codes, "marks": vienna.together},
    }


def _named(counts: Counts, marks: int) -> list[dict[str, Any]]:
    return [
        {"code": code, "name": described(code), "marks": count, "share": share(count, marks)}
        for code, count in counts.items()
    ]
