"""`marklens dataset split`, `pairs` and `import-register`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from marklens.cli.options import DatasetArgument, JsonOption, print_json
from marklens.cli.progress import shown_progress
from marklens.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from marklens.core.types import Fault
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

    together = [files for _, files in (*_groups(dataset, groups), *_duplicates(duplicates))]
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
    from collections import Counter
    from dataclasses import asdict

    from marklens.core.artifacts import write_json
    from marklens.core.errors import DatasetError
    from marklens.datasets.opening import open_dataset
    from marklens.datasets.pairs import CodePairs, Pair, PairLimits, group_pairs

    faults: Counter[str] = Counter()

    def note(fault: "Fault") -> None:
        faults[fault.kind] += 1

    with shown_progress() as progress:
        source = open_dataset(dataset)
        progress.start("read", source.count())
        files: list[str] = []
        codes: list[tuple[str, ...]] = []
        for mark in source.marks(note):
            files.append(mark.file)
            codes.append(mark.vienna_codes)
            progress.advance(1)
        if not files:
            raise DatasetError(f"{dataset} holds no marks: there is nothing to pair")
        limits = PairLimits(a_mark, count, seed)
        ignored = tuple(part.strip() for part in ignore.split(",") if part.strip())
        progress.start("pair", None)
        by_codes = CodePairs(files, codes, ignored)
        gold = group_pairs("gold", _groups(dataset, groups), files, a_mark, note)
        copies = group_pairs("duplicate", _duplicates(duplicates), files, a_mark, note)
        found: dict[str, list[Pair]] = {
            "similar_pairs": [*gold, *copies, *by_codes.similar(limits)],
            "dissimilar_pairs": by_codes.dissimilar(limits),
        }
    document: dict[str, Any] = {}
    for name, held in found.items():
        grades = Counter(pair.grade for pair in held)
        document[name] = dict(grades)
        recipe = {
            "dataset": str(dataset),
            "ignored": ignored,
            "limits": asdict(limits),
            "grades": dict(grades),
        }
        write_json(out / f"{name}.json", {**recipe, "pairs": [asdict(pair) for pair in held]})
    if as_json:
        print_json({**document, "faults": dict(faults)})
        return
    for name, counts in document.items():
        grades_line = ", ".join(f"{number:,} {grade}" for grade, number in counts.items()) or "none"
        typer.echo(f"{out / name}.json: {grades_line}")


def import_register(
    register: Annotated[Path, typer.Argument(help="XML after WIPO ST.66 or ST.96, a ZIP, or a folder.")],
    images: Annotated[Path, typer.Option(help="Folder with the register's pictures.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where the dataset goes.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Turn a trade-mark register into a dataset: manifest.jsonl, errors.jsonl; pictures stay where they are.

    Example: marklens dataset import-register EUTMS.zip --images EUTM_IMAGES --out euipo
    """
    import json
    from dataclasses import asdict

    from marklens.core.artifacts import write_text
    from marklens.datasets.registers import RegisterDataset
    from marklens.datasets.splits import manifest_row

    faults: list[Fault] = []
    lines: list[str] = []
    with shown_progress() as progress:
        dataset = RegisterDataset(register, images)
        progress.start("import", dataset.count())
        for mark in dataset.marks(faults.append):
            lines.append(json.dumps(manifest_row(mark, out), ensure_ascii=False) + "\n")
            progress.advance(1)
    write_text(out / "manifest.jsonl", "".join(lines))
    reasons = [json.dumps(asdict(fault), ensure_ascii=False) + "\n" for fault in faults]
    write_text(out / "errors.jsonl", "".join(reasons))
    if as_json:
        print_json({"marks": len(lines), "faults": len(faults), "out": str(out)})
    else:
        typer.echo(
            f"{len(lines):,} marks in {out}; {len(faults):,} faults are listed in {out / 'errors.jsonl'}."
        )


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 100) > 1e-6:
        raise UsageError(f"--shares takes three numbers that give 100, as in 70,15,15, not '{text}'")
    return tuple(share / 100 for share in shares)


def _groups(dataset: Path, given: Path | None) -> "Iterator[tuple[str, Sequence[str]]]":
    from marklens.core.artifacts import read_json

    path = given or dataset / "groups.json"
    if given is None and not path.is_file():
        return
    document = read_json(path)
    if not isinstance(document, dict) or not all(isinstance(files, list) for files in document.values()):
        raise UsageError(f'{path} must hold {{"group name": ["file", …], …}}: mend it or give another')
    yield from document.items()


def _duplicates(path: Path | None) -> "Iterator[tuple[str, Sequence[str]]]":
    from marklens.datasets.analysis.duplicates import read_duplicate_groups

    if path is not None:
        yield from (
            (f"duplicates {number}", files) for number, files in enumerate(read_duplicate_groups(path), 1)
        )


def _print_split(report: "SplitReport", out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    total = sum(report.marks.values())
    table = Table(title=f"{total:,} marks split into {out}", title_justify="left")
    for heading in ("part", "marks", "share"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for name, marks in report.marks.items():
        table.add_row(name, f"{marks:,}", f"{marks / total:.2%}")
    codes = Table(title="Vienna codes shared out least evenly", title_justify="left")
    for heading in ("code", "marks", "train", "val", "test", "deviation, points"):
        codes.add_column(heading, justify="left" if heading == "code" else "right")
    for code in report.codes[:CODES_SHOWN]:
        shares = (f"{share:.2%}" for share in code.shares)
        codes.add_row(f"{code.code} {code.name}", f"{code.marks:,}", *shares, f"{code.deviation:.2f}")
    console = Console()
    console.print(table)
    if report.codes:
        console.print(codes)
    console.print(
        f"{report.clusters:,} clusters with {report.clustered_marks:,} marks were kept together.",
        highlight=False,
    )
