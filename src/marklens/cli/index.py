"""`marklens index`: build an index, change it, look at it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from marklens.cli.options import DatasetArgument, IndexOption, JsonOption, print_json
from marklens.cli.progress import shown_progress
from marklens.core.errors import UsageError
from marklens.core.wording import counted

if TYPE_CHECKING:
    from rich.table import Table

    from marklens.indexing.builder import BuildReport
    from marklens.indexing.manifest import Manifest, Recipe

WHERE = {"pgvector": "in PostgreSQL, beside that size", "milvus": "in Milvus, beside that size"}
"""Where vectors are that are not in the folder."""
app = typer.Typer(help="Build an index, change it, look at it.", no_args_is_help=True)


@app.command()
def build(
    dataset: DatasetArgument,
    index: IndexOption,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare pictures.", show_default="every core")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Take only the first marks.")] = None,
    store: Annotated[
        Literal["faiss", "pgvector", "milvus"] | None,
        typer.Option(help="Where vectors live.", show_default="faiss"),
    ] = None,
    on: Annotated[Literal["local", "ray"], typer.Option(help="Where the work runs.")] = "local",
    as_json: JsonOption = False,
) -> None:
    """Build the index of a dataset; the same call finishes a build that was stopped.

    Every picture that cannot be used is named in errors.jsonl with its reason and costs nothing else. Ctrl-C
    stops after the pictures in hand. An index that is up to date is left as it is.

    With --store pgvector the vectors go to the PostgreSQL server of the setting postgres.url, with --store
    milvus to the Milvus of milvus.uri. An index keeps its store until another one is named.

    With --on ray the work runs on the Ray cluster of the setting cluster.address, or on a Ray that is started
    on this machine for the build; the index is the same, and either way resumes what the other began.

    Example: marklens index build my-logos --index my-index
    """
    from marklens.build_assembly import build as run
    from marklens.core.resources import graceful_stop
    from marklens.datasets.opening import open_dataset
    from marklens.settings import load_settings

    settings = load_settings(**{"cluster" if on == "ray" else "build": {"workers": workers}})
    with shown_progress() as progress, graceful_stop() as stop:
        report = run(index, open_dataset(dataset), settings, limit, progress, stop, store, on)
    _tell(report, index, as_json)


@app.command()
def add(
    dataset: DatasetArgument,
    index: IndexOption,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that prepare pictures.", show_default="every core")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add the marks of a dataset whose ids the index does not know yet.

    Example: marklens index add new-logos --index my-index
    """
    from marklens.build_assembly import add as run
    from marklens.core.resources import graceful_stop
    from marklens.datasets.opening import open_dataset
    from marklens.settings import load_settings

    settings = load_settings(build={"workers": workers})
    with shown_progress() as progress, graceful_stop() as stop:
        report = run(index, open_dataset(dataset), settings, progress, stop)
    _tell(report, index, as_json)


@app.command()
def remove(
    ids: Annotated[list[str], typer.Argument(help="Ids of the marks.", show_default=False)],
    index: IndexOption,
    as_json: JsonOption = False,
) -> None:
    """Hide marks from every search at once; 'compact' frees their room.

    Example: marklens index remove 018f2a 018f2b --index my-index
    """
    from marklens.assembly import index_folder
    from marklens.indexing.maintenance import remove_marks
    from marklens.settings import load_settings

    removed, unknown = remove_marks(index_folder(index, load_settings()), ids)
    if unknown and not removed:
        raise UsageError(f"no mark was removed: the index does not know {', '.join(unknown[:5])}")
    if as_json:
        print_json({"removed": removed, "unknown": unknown})
    else:
        typer.echo(
            f"{counted(removed, 'mark')} removed."
            + (f" Not in the index: {', '.join(unknown)}" if unknown else "")
        )


@app.command()
def compact(index: IndexOption, as_json: JsonOption = False) -> None:
    """Leave removed marks out for good; also mends an index that was interrupted while it was changed.

    Vectors and catalog are made anew from the chunks of the build; no picture is read.
    """
    from marklens.assembly import index_folder, weights_file
    from marklens.indexing.maintenance import compact as run
    from marklens.settings import load_settings

    settings = load_settings()
    with shown_progress() as progress:
        manifest = run(
            index_folder(index, settings),
            settings.build.graph_threads,
            progress,
            settings.build.vectors,
            weights_file(settings),
        )
    if as_json:
        print_json(dict(manifest.counts))
    else:
        typer.echo(f"{manifest.counts['marks']:,} marks, {manifest.counts['views']:,} views.")


@app.command()
def info(index: IndexOption, as_json: JsonOption = False) -> None:
    """Say what an index holds and how it was made."""
    from marklens.indexing.folder import IndexFolder
    from marklens.indexing.manifest import load_complete
    from marklens.indexing.summary import describe_index

    described = describe_index(index)
    if as_json:
        print_json(described)
    else:
        _print(_info_table(load_complete(IndexFolder(index)), index, described["bytes"]))


@app.command()
def verify(
    index: IndexOption,
    sample: Annotated[int, typer.Option(min=0, help="How many marks to describe again.")] = 32,
    as_json: JsonOption = False,
) -> None:
    """Check an index: checksums, counts, chunks, and a sample of marks described again from their pictures.

    Exit status 1 if anything is not as it should be.
    """
    from dataclasses import asdict

    from rich.markup import escape
    from rich.table import Table

    from marklens.build_assembly import check
    from marklens.settings import load_settings

    with shown_progress() as progress:
        checks = check(index, load_settings(), sample, progress)
    if as_json:
        print_json({"passed": all(c.passed for c in checks), "checks": [asdict(c) for c in checks]})
    else:
        table = Table(title=escape(f"Verification of {index}"), title_justify="left")
        for heading in ("check", "", "what was found"):
            table.add_column(heading)
        for one in checks:
            table.add_row(one.name, "[green]ok[/]" if one.passed else "[red]failed[/]", escape(one.detail))
        _print(table)
    if not all(one.passed for one in checks):
        raise typer.Exit(1)


def _tell(report: "BuildReport", index: Path, as_json: bool) -> None:
    manifest = report.manifest
    if as_json:
        counts = {
            "described": report.described,
            "seconds": round(report.seconds, 3),
            "changed": report.changed,
        }
        print_json({**manifest.counts, **counts, "stages": dict(manifest.seconds) if report.changed else {}})
        return
    marks, faults = manifest.counts["marks"], manifest.counts["faults"]
    if not report.changed:
        typer.echo(f"The index is up to date: {marks:,} marks.")
        return
    speed = f" at {report.described / report.seconds:.0f} marks/s" if report.described else ""
    typer.echo(f"{marks:,} marks, {manifest.counts['views']:,} views in {report.seconds:.0f} s{speed}.")
    if faults:
        typer.echo(f"{faults:,} faults are listed with their reasons in {index / 'errors.jsonl'}.")
    if manifest.seconds:
        _print(_stages_table(manifest))


def _stages_table(manifest: "Manifest") -> "Table":
    from rich.table import Table

    table = Table(title="Time by stage", title_justify="left", caption="workers run side by side")
    for heading in ("stage", "seconds", "share"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    total = sum(manifest.seconds.values()) or 1.0
    for stage, seconds in manifest.seconds.items():
        table.add_row(stage, f"{seconds:.1f}", f"{seconds / total:.0%}")
    return table


def _info_table(manifest: "Manifest", index: Path, size: int) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(f"Index {index}"), title_justify="left", show_header=False)
    recipe = manifest.recipe
    rows = {
        **{name: f"{count:,}" for name, count in manifest.counts.items()},
        "size": f"{size / 1e6:,.1f} MB, {size / max(1, manifest.counts['marks']):,.0f} bytes a mark",
        "vectors": WHERE.get(manifest.store, "in the folder"),
        "dataset": manifest.dataset["root"],
        "made": f"{manifest.made['at']} by Marklens {manifest.made['version']}",
        "model": f"{recipe.model['file']} ({recipe.model['hash']})",
        "reduction": f"{recipe.model['dims']} to {recipe.pca['dims']} dims, "
        + _how(recipe, manifest.counts["views"]),
        "preprocessing": ", ".join(f"{name}={value}" for name, value in recipe.preprocessing.items()),
    }
    for name, value in rows.items():
        table.add_row(name, escape(str(value)))
    return table


def _how(recipe: "Recipe", views: int) -> str:
    """Where the reduction of an index of so many views comes from."""
    if recipe.pca.get("reduction") and not recipe.fits_its_own(views):
        return "learned for the network"
    return f"a PCA, whitening {recipe.pca['whitening']}"


def _print(table: "Table") -> None:
    from rich.console import Console

    Console().print(table)
