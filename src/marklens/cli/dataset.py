"""`marklens dataset`: bring data into shape."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from marklens.cli import splitting
from marklens.cli.options import DatasetArgument, JsonOption, print_json
from marklens.cli.progress import shown_progress

app = typer.Typer(help="Bring data into shape.", no_args_is_help=True)


@app.callback()
def start() -> None:
    """Bring data into shape."""


@app.command("import-icons")
def import_icons(
    archive: Annotated[Path, typer.Argument(help="The archive of 'npm pack @iconify/json'.")],
    out: Annotated[Path, typer.Option(help="Where the dataset goes.", show_default=False)],
    which: Annotated[
        Literal["logos", "all"], typer.Option(help="logos: packs of brand logos; all: every pack.")
    ] = "all",
    pack: Annotated[
        list[str] | None, typer.Option(help="Only this pack, by its prefix; repeat for more.")
    ] = None,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Pixels of the longer side.")] = 256,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Rendering processes.", show_default="every core")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn the icon packs of npm's @iconify/json into an L3D-shaped dataset with brand groups.

    Writes pictures, metadata, groups.json (brands that several hands drew), one groups file for each part of
    the brand split, and the licences of the packs. A second call goes on where the first was stopped.

    Example: npm pack @iconify/json && marklens dataset import-icons iconify-json-*.tgz --out icons
    """
    from dataclasses import asdict

    from marklens.core.resources import graceful_stop
    from marklens.core.threads import usable_cores
    from marklens.datasets.icons.importing import import_icons as run

    workers = usable_cores() if workers is None else workers
    with shown_progress() as progress, graceful_stop() as stop:
        summary = run(archive, out, progress, stop, pack or None, which, size, workers)
    if as_json:
        print_json(asdict(summary))
        return
    typer.echo(
        f"{summary.marks:,} marks of {summary.packs} packs in {out}; {summary.brands:,} brands were drawn by "
        f"several hands ({summary.grouped:,} pictures)."
    )
    for name, (brands, pictures) in summary.splits.items():
        typer.echo(f"  groups_{name}.json: {brands:,} brands, {pictures:,} pictures")
    if summary.faults:
        typer.echo(f"{summary.faults:,} icons could not be rendered: {out / 'errors.jsonl'} says why.")


@app.command()
def analyze(
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="Where the analysis goes.", show_default=False)],
    workers: Annotated[
        int | None, typer.Option(min=0, help="Processes that measure pictures.", show_default="every core")
    ] = None,
    near: Annotated[
        int, typer.Option(min=0, max=4, help="Bits of 63 in which near duplicates may differ.")
    ] = 4,
    as_json: JsonOption = False,
) -> None:
    """Count what a dataset holds: sizes, colours, ink, texts, years, Vienna codes, faults, duplicates.

    Writes stats.json, summary.md, report.html, duplicates.jsonl and errors.jsonl. Progress is kept every
    10,000 pictures in stats_checkpoint.json; the same call goes on where the last one was stopped.

    Example: marklens dataset analyze L3D --out analysis
    """
    from marklens.cli.analysis import run
    from marklens.core.resources import graceful_stop
    from marklens.core.threads import usable_cores
    from marklens.datasets.analysis.document import overview, stats
    from marklens.datasets.opening import open_dataset

    workers = usable_cores() if workers is None else workers
    with shown_progress() as progress, graceful_stop() as stop:
        analysis = run(open_dataset(dataset), out, workers, near, progress, stop)
    if as_json:
        print_json(stats(analysis))
        return
    for name, figure in overview(analysis).items():
        typer.echo(f"{name:>34}  {figure}")
    typer.echo(f"The report is {out / 'report.html'}; stats.json, summary.md and lists lie beside it.")


app.command("split")(splitting.split)
app.command("pairs")(splitting.pairs)
app.command("import-register")(splitting.import_register)
