"""Draw icons of one name by several packs, groups of one concept, to train on beside the brands.

    python -m benchmarks.import_concepts iconify-json-2.2.535.tgz --dataset logos --out concepts

Logo packs and names of validation and test brands are left out, see `benchmarks.concepts`. What is
written is a dataset as `import-icons` writes it, with a group for each concept; pack_brands takes it with
--concepts.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.concepts import Drawing, choose_drawings
from marklens.cli.progress import shown_progress
from marklens.core.artifacts import write_json
from marklens.core.threads import usable_cores
from marklens.datasets.grouping import GROUPS
from marklens.datasets.icons.archive import Icon, IconPack, read_packs
from marklens.datasets.icons.brand_split import split_of
from marklens.datasets.icons.importing import icon_file
from marklens.datasets.icons.metadata import ListedIcon, write_entries, write_packs
from marklens.datasets.icons.rendering import RenderTask, render_all
from marklens.datasets.opening import open_dataset

SIZE = 256


def main(
    archive: Annotated[Path, typer.Argument(help="What npm pack @iconify/json made.")],
    out: Annotated[Path, typer.Option(help="Folder of the dataset.")],
    dataset: Annotated[Path, typer.Option(help="What import-icons wrote: its brands are held out.")],
) -> None:
    """Choose, draw, tell."""
    if (out / "import.json").exists():
        raise typer.BadParameter("is what import-icons wrote: give another folder", param_hint="--out")
    brands = {mark.attributes.get("brand") for mark in open_dataset(dataset).marks(lambda fault: None)}
    held_out = {brand for brand in brands if brand and split_of(brand) != "train"}
    icons: dict[Drawing, tuple[IconPack, Icon]] = {}
    for pack in read_packs(archive):
        icons |= {(pack.prefix, icon.name): (pack, icon) for icon in pack.icons}
    concepts = choose_drawings(icons, held_out)
    files = {drawing: icon_file(*drawing) for drawings in concepts.values() for drawing in drawings}
    images = out / "images"
    images.mkdir(parents=True, exist_ok=True)
    wanted = set(files.values())
    for other in (path for path in images.iterdir() if path.name not in wanted):  # of another choice
        other.unlink()
    tasks = [
        RenderTask(images / file, icons[drawing][1].body, icons[drawing][1].box, SIZE)
        for drawing, file in files.items()
    ]
    with shown_progress() as progress:
        progress.start("render", len(tasks))
        for batch in render_all(tasks, usable_cores()):
            progress.advance(batch.done)
    drawn = {drawing: file for drawing, file in files.items() if (images / file).is_file()}
    listed = [
        ListedIcon(file, replace(icons[drawing][0], icons=()), None, None) for drawing, file in drawn.items()
    ]
    write_entries(out, listed)
    write_packs(out, listed)
    write_json(
        out / GROUPS,
        {name: [drawn[one] for one in drawings if one in drawn] for name, drawings in concepts.items()},
    )
    typer.echo(f"{len(drawn)} drawings of {len(concepts)} concepts")


if __name__ == "__main__":
    typer.run(main)
