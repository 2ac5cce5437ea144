"""An analysis as a page: which figures, plots and samples, in which order."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

from marklens import __version__
from marklens.datasets.analysis.analyzer import Analysis
from marklens.datasets.analysis.distributions import Histogram
from marklens.datasets.analysis.document import NAMES, duplicate_figures, share
from marklens.datasets.analysis.duplicates import FINE_DISTANCE, DuplicateGroup, Kind
from marklens.datasets.analysis.metadata import Counts
from marklens.datasets.vienna import described
from marklens.pages.analysis_page import Bars, Columns, Group, HeatMap, Part, Samples, Section, analysis_page

BARS = 15
"""Most bars of a chart."""
GROUPS, GROUPS_EVENLY, IN_A_GROUP = 4, 8, 8
"""Groups of duplicates that are shown: the largest, and as many evenly from all; pictures of each."""
FAULTY_OF_A_KIND = 8


def report(analysis: Analysis) -> str:
    """The analysis as one self-contained HTML page."""
    pictures, metadata = analysis.pictures, analysis.metadata
    exact, near = duplicate_figures(analysis, "exact"), duplicate_figures(analysis, "near")
    summary = {
        "marks": f"{metadata.marks:,}",
        "pictures that cannot be read": f"{pictures.pictures - pictures.readable:,}",
        "in colour": _percent(pictures.colored, pictures.readable),
        "with text": _percent(metadata.with_text, metadata.marks),
        "with Vienna codes": _percent(metadata.vienna.marks_with_codes, metadata.marks),
        "exact copies": f"{exact['beyond_the_first']:,}",
        "in near-duplicate groups": _percent(near["pictures"], metadata.marks),
        "metadata faults": f"{sum(metadata.faults.values()):,}",
    }
    sections = [
        _pictures(analysis),
        _metadata(analysis),
        _vienna(analysis),
        _duplicates(analysis),
        _faults(analysis),
    ]
    facts = {"dataset": analysis.name, "marks": f"{metadata.marks:,}", "version": __version__}
    page = analysis_page(
        f"{analysis.name}: {metadata.marks:,} marks",
        summary,
        [section for section in sections if section.parts or section.note],
        facts,
    )
    return page.encode("utf-8", "replace").decode("utf-8")  # names of files may be no valid text


def _pictures(analysis: Analysis) -> Section:
    pictures = analysis.pictures
    readable = pictures.readable
    return Section(
        "Pictures",
        [
            _bars("Size", pictures.sizes, readable, f"In pixels; {pictures.distinct_sizes:,} different."),
            _bars("Ground", pictures.grounds, readable, "Colour of the border; none where it disagrees."),
            _bars(
                "Colour",
                {"in colour": pictures.colored, "greyscale": pictures.gray},
                readable,
                f"By the pixels; {pictures.stored_gray:,} files store one channel.",
            ),
            _bars("Format", pictures.formats, readable, "By content, not by name."),
            _aspects("Aspect ratio", pictures.aspect, "Upright on the left, lying on the right."),
            _aspects("Aspect ratio of the mark", pictures.mark_aspect, "Without its empty border."),
            _inks(pictures.ink),
            _sizes_of_files(pictures.file_sizes),
        ],
    )  # fmt: skip


def _metadata(analysis: Analysis) -> Section:
    metadata = analysis.metadata
    years = {int(year): count for year, count in metadata.years.items()}
    span = range(min(years), max(years) + 1) if years else range(0)
    columns = [(str(year), years.get(year, 0)) for year in span]
    shown = sorted({0, len(span) // 2, len(span) - 1}) if years else []
    ticks = [((place + 0.5) / len(span), str(span[place])) for place in shown]
    text = {"with text": metadata.with_text, "without": metadata.marks - metadata.with_text}
    parts: list[Part] = [
        Columns(
            "Marks per year",
            columns,
            metadata.marks,
            ticks,
            f"{metadata.without_year:,} have none.",
            wide=True,
        ),
        _bars("Text", text, metadata.marks, "By the metadata; no picture was searched for text."),
    ]
    if metadata.faults:
        note = "Each costs its entry or field only; errors.jsonl names them all."
        parts.append(_bars("Faults", metadata.faults, metadata.marks, note))
    return Section("Metadata", parts)


def _vienna(analysis: Analysis) -> Section:
    vienna, marks = analysis.metadata.vienna, analysis.metadata.marks
    if not vienna.codes:
        return Section("Vienna codes", [], "No mark has a Vienna code.")
    number = [(int(length), count) for length, count in vienna.codes_per_mark.items()]
    mean = sum(length * count for length, count in number) / marks
    longest = max(length for length, _ in number)
    counts = dict(number)
    columns = [(f"{length} codes", counts.get(length, 0)) for length in range(longest + 1)]
    ticks = [((place + 0.5) / len(columns), str(place)) for place in sorted({0, longest // 2, longest})]
    names = [(code, described(code)) for code in vienna.together_codes]
    return Section(
        "Vienna codes",
        [
            _bars("Categories", _named(vienna.categories), marks),
            _bars("Divisions", _named(vienna.divisions), marks),
            Columns("Codes a mark has", columns, marks, ticks, f"{mean:.2f} on average.", wide=True),
            Bars(
                "Codes",
                list(islice(_named(vienna.codes).items(), BARS)),
                marks,
                f"The {BARS} commonest of {len(vienna.codes):,}.",
                wide=True,
            ),
            HeatMap(
                "Codes that come together",
                names,
                vienna.together,
                "Of all marks with the code on the left, the share in % that also have the code above.",
            ),
        ],
        f"{NAMES} A mark counts once for each category, division and code it has.",
    )


def _duplicates(analysis: Analysis) -> Section:
    kinds: list[tuple[Kind, str, str]] = [
        ("exact", "Exact duplicates", "The files are equal byte for byte."),
        (
            "near",
            "Near duplicates",
            "The looks of the marks, without their empty border and in grey, differ in at most "
            f"{analysis.near_distance} of 63 coarse and {FINE_DISTANCE} of 255 fine bits, also by way of "
            f"others. {analysis.duplicates.too_plain:,} pictures are too plain for that.",
        ),
    ]
    parts: list[Part] = []
    for kind, title, note in kinds:
        figures = duplicate_figures(analysis, kind)
        groups = [group for group in analysis.duplicates.groups if group.kind == kind]
        note += f" {figures['groups']:,} groups of {figures['pictures']:,} pictures."
        if groups:
            note += f" Shown: the {min(GROUPS, len(groups))} largest, then some from all sizes."
        parts.append(Samples(title, [_group(analysis, group) for group in _some(groups)], note))
    return Section("Duplicates", parts)


def _faults(analysis: Analysis) -> Section:
    pictures = analysis.pictures
    if not analysis.failures:
        return Section("Pictures that cannot be read", [], "Every picture can be read.")
    by_kind = sorted(analysis.failures, key=lambda failure: (failure.kind, failure.place))
    groups = [
        Group(
            f"{kind}: {pictures.unreadable[kind]:,}",
            [
                (
                    analysis.reading.path(failure.place),
                    f"{analysis.reading.files[failure.place]}: {failure.reason}",
                )
                for failure in islice(failures, FAULTY_OF_A_KIND)
            ],
        )
        for kind, failures in groupby(by_kind, key=lambda failure: failure.kind)
    ]
    return Section(
        "Pictures that cannot be read",
        [
            _bars("Reasons", pictures.unreadable, pictures.pictures, "As the index build judges them."),
            Samples("Samples", groups, "The first of each kind, as far as there is anything to see."),
        ],
    )  # fmt: skip


def _group(analysis: Analysis, group: DuplicateGroup) -> Group:
    reading = analysis.reading
    shown = [(reading.path(place), reading.files[place]) for place in group.places[:IN_A_GROUP]]
    return Group(f"{len(group.places):,} pictures", shown)


def _some(groups: Sequence[DuplicateGroup]) -> Iterator[DuplicateGroup]:
    """The largest groups, then some at even distances."""
    yield from groups[:GROUPS]
    rest = groups[GROUPS:]
    step = max(1, len(rest) // GROUPS_EVENLY)
    yield from rest[step // 2 :: step][:GROUPS_EVENLY]


def _bars(title: str, counts: Counts, whole: int, note: str = "") -> Bars:
    """The first bars, and what is left as one."""
    bars = list(islice(counts.items(), BARS))
    if len(counts) > BARS:
        note = f"{note} The {BARS} commonest of {len(counts):,}.".strip()
    return Bars(title, bars, whole, note)


def _named(counts: Counts) -> dict[str, int]:
    return {f"{code} {described(code)}".strip(): count for code, count in counts.items()}


def _aspects(title: str, histogram: Histogram, note: str) -> Columns:
    names = [_ratio(edge) for edge in histogram.edges]
    columns = [
        (f"{low} to {high}", count)
        for low, high, count in zip(names, names[1:], histogram.counts, strict=False)
    ]
    ticks = [(place / len(columns), names[place]) for place in (1, 4, 11, 14)]
    return Columns(title, columns, sum(histogram.counts), [*ticks, (0.5, "1:1")], note)


def _ratio(edge: float) -> str:
    """Width to height as people write it: 2:1, 1:3, 1.25:1."""
    return f"{edge:.4g}:1" if edge >= 1 else f"1:{1 / edge:.4g}"


def _inks(histogram: Histogram) -> Columns:
    percents = [round(100 * edge) for edge in histogram.edges]
    columns = [
        (f"{low} to {high} %", count)
        for low, high, count in zip(percents, percents[1:], histogram.counts, strict=False)
    ]
    ticks = [(place, f"{place:.0%}") for place in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return Columns("Ink", columns, sum(histogram.counts), ticks, "Share of the picture that is not ground.")


def _sizes_of_files(histogram: Histogram) -> Columns:
    names = [f"{edge / 1000:g}" for edge in histogram.edges]
    columns = [
        (f"{low} to {high} kB", count)
        for low, high, count in zip(names, names[1:], histogram.counts, strict=False)
    ]
    ticks = [(place / len(columns), f"{names[place]} kB") for place in (1, 4, 7, 10)]
    return Columns("File", columns, sum(histogram.counts), ticks, "Size on disk.")


def _percent(part: int, whole: int) -> str:
    return f"{100 * share(part, whole):.1f} %"
