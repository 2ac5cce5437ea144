"""`marklens dataset split`, `pairs` and `import-register`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marklens.cli.options import DatasetArgument, JsonOption, print_json
from marklens.cli.progress import shown_progress
from marklens.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from marklens.datasets.splits import SplitReport

GroupsOption = Annotated[
    Path | None,
    typer.Option(help="Groups that belong together; groups.json of the dataset, if there is one."),
]
DuplicatesOption = Annotated[
    Path | None, typer.Option(help="duplicates.jsonl of 'marklens dataset analyze'.", show_default="none")
]
CODES_SHOWN = 10


def split(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="Where the parts go.", show_default=False)],
    shares: Annotated[str, typer.Option(help="Per cent of train, validation and test.")] = "70,15,15",
    seed: Annotated[int, typer.Option(help="The same seed gives the same split.")] = 0,
    groups: GroupsOption = None,
    duplicates: DuplicatesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Split a dataset into train.jsonl, val.jsonl and test.jsonl, every Vienna code shared out alike.

    Groups and duplicates are never torn apart. Each file is a manifest that every command reads.

    Example: marklens dataset split L3D --out splits --duplicates analysis/duplicates.jsonl
    """
    from marklens.datasets.opening import open_dataset
    from marklens.datasets.splits import split_dataset

    together = [*_groups(dataset, groups), *_duplicates(duplicates)]
    with shown_progress() as progress:
        report = split_dataset(open_dataset(dataset), out, together, _shares(shares), seed, progress)
    if as_json:
        print_json(report.to_json())
    else:
        _print_split(report, out)


def pairs(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="Where the pairs go.", show_default=False)],
    count: Annotated[int, typer.Option(min=1, help="Pairs by codes in each file, at most.")] = 10_000,
    a_mark: Annotated[int, typer.Option(min=1, help="Pairs a mark may be in.")] = 3,
    ignore: Annotated[str, typer.Option(help="Vienna categories that do not count.")] = "27,29",
    seed: Annotated[int, typer.Option(help="The same seed gives the same pairs.")] = 0,
    groups: GroupsOption = None,
    duplicates: DuplicatesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write similar_pairs.json and dissimilar_pairs.json, each pair graded, with the evidence beside it.

    Gold pairs come from groups, strong and weak ones from shared rare Vienna codes. The command 'marklens
    evaluate --pairs' reads the similar ones.

    Example: marklens dataset pairs L3D --out pairs
    """
    from marklens.datasets.opening import open_dataset
    from marklens.datasets.pair_files import write_pairs
    from marklens.datasets.pairs import PairLimits

    limits, ignored = PairLimits(a_mark, count, seed), _categories(ignore)
    brands, copies = _groups(dataset, groups), _duplicates(duplicates)
    with shown_progress() as progress:
        report = write_pairs(open_dataset(dataset), out, brands, copies, ignored, limits, progress)
    if as_json:
        print_json(
            {
                "similar_pairs": report.similar,
                "dissimilar_pairs": report.dissimilar,
                "faults": report.faults,
            }
        )
        return
    for kind, grades in (("similar", report.similar), ("dissimilar", report.dissimilar)):
        shown = ", ".join(f"{number:,} {grade}" for grade, number in grades.items()) or "none"
        typer.echo(f"{out / kind}_pairs.json: {shown}")
    if report.faults:
        typer.echo(f"left out: {_counted(report.faults)}")


def import_register(
    register: Annotated[Path, typer.Argument(help="XML after WIPO ST.66 or ST.96, a ZIP, or a folder.")],
    images: Annotated[Path, typer.Option(help="Folder with the register's pictures.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where the dataset goes.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Turn a trade-mark register into a dataset: manifest.jsonl, errors.jsonl; pictures stay where they are.

    Example: marklens dataset import-register EUTMS.zip --images EUTM_IMAGES --out euipo
    """
    from marklens.datasets.register_import import ERRORS
    from marklens.datasets.register_import import import_register as run

    with shown_progress() as progress:
        done = run(register, images, out, progress)
    faults = sum(done.faults.values())
    if as_json:
        print_json({"marks": done.marks, "faults": faults, "faults_by_kind": done.faults, "out": str(out)})
        return
    typer.echo(f"{done.marks:,} marks in {out}; {faults:,} faults are listed in {out / ERRORS}.")
    if done.faults:
        typer.echo(f"  {_counted(done.faults)}")


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 100) > 1e-6:
        raise UsageError(f"--shares takes three numbers that give 100, as in 70,15,15, not '{text}'")
    return tuple(share / 100 for share in shares)


def _categories(text: str) -> tuple[str, ...]:
    """Vienna categories, as codes begin with them: ``7`` gives ``07``."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() and 1 <= int(part) <= 29 for part in parts):
        raise UsageError(f"--ignore takes Vienna categories from 1 to 29, as in 27,29, not '{text}'")
    return tuple(f"{int(part):02d}" for part in parts)


def _groups(dataset: Path, given: Path | None) -> "Iterable[tuple[str, Sequence[str]]]":
    from marklens.core.groups import read_groups
    from marklens.datasets.grouping import groups_of

    return (read_groups(given) if given else groups_of(dataset)).items()


def _duplicates(path: Path | None) -> "Iterable[tuple[str, Sequence[str]]]":
    from marklens.datasets.analysis.duplicates import read_duplicate_groups

    groups = [] if path is None else read_duplicate_groups(path)
    return [(f"duplicates {number}", files) for number, files in enumerate(groups, 1)]


def _counted(faults: "Mapping[str, int]") -> str:
    return ", ".join(f"{number:,} × {kind}" for kind, number in sorted(faults.items()))


def _print_split(report: "SplitReport", out: Path) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    total = sum(report.marks.values())
    table = Table()
    for heading in ("part", "marks", "share"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for name, marks in report.marks.items():
        table.add_row(name, f"{marks:,}", f"{marks / total:.2%}")
    codes = Table(title="Vienna codes shared out least evenly", title_justify="left")
    codes.add_column("code", min_width=9)
    for heading in ("marks", "train", "val", "test", "points"):
        codes.add_column(heading, justify="right", no_wrap=True)
    for code in report.codes[:CODES_SHOWN]:
        shares = (f"{share:.2%}" for share in code.shares)
        label = Text(f"{code.code} {code.name}", no_wrap=True, overflow="ellipsis")
        codes.add_row(label, f"{code.marks:,}", *shares, f"{code.deviation:.2f}")
    console = Console()
    console.print(f"{total:,} marks split into {out}", highlight=False, markup=False, soft_wrap=True)
    console.print(table)
    if report.codes:
        console.print(codes)
    console.print(
        f"{report.clusters:,} clusters with {report.clustered_marks:,} marks were kept together.",
        highlight=False,
    )
    if report.largest_deviation is not None:
        worst = f"{report.largest_deviation:.2f} percentage points"
        console.print(f"The largest deviation of a code on 100 marks or more is {worst}.", highlight=False)
    if report.faults:
        console.print(f"left out or mended: {_counted(report.faults)}", highlight=False)
