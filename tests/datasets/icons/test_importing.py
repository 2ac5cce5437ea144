"""A small archive with the structure of the real one, imported for real."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.small_index import Silent

from marklens.core.errors import DatasetError, Interrupted, UsageError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.types import Fault
from marklens.datasets.icons.importing import ImportSummary
from marklens.datasets.icons.importing import import_icons as run
from marklens.datasets.opening import open_dataset

DISC = '<circle cx="12" cy="12" r="10" fill="currentColor"/>'
RED_DISC = '<circle cx="12" cy="12" r="10" fill="#d00"/>'
SMALL_DISC = '<circle cx="12" cy="12" r="6" fill="currentColor"/>'
CROSS = '<path fill="currentColor" d="M9 2h6v7h7v6h-7v7H9v-7H2V9h7z"/>'
ARROW = '<path fill="currentColor" d="M2 20L12 2l10 18l-10-6z"/>'
WHITE_BAR = '<path fill="#fff" d="M2 8h20v6H2z"/>'
YEAR_2020, YEAR_2024 = 1_590_000_000, 1_720_000_000


def pack(prefix: str, icons: dict[str, Any], category: str = "Logos", **more: Any) -> dict[str, Any]:
    info = {
        "name": prefix.title(),
        "author": {"name": f"{prefix} makers", "url": f"https://example.org/{prefix}"},
        "license": {"title": "MIT", "spdx": "MIT"},
        "category": category,
    }
    whole = {name: icon if isinstance(icon, dict) else {"body": icon} for name, icon in icons.items()}
    return {"prefix": prefix, "info": info, "icons": whole, "width": 24, "height": 24,
            "lastModified": YEAR_2024, **more}  # fmt: skip


PACKS = [
    pack("simple-icons", {"acme": DISC, "vela": CROSS, "orion": ARROW, "x": {"body": DISC, "hidden": True}}),
    pack("logos", {"acme-icon": CROSS, "vela": CROSS, "wide": {"body": ARROW, "width": 48}},
         lastModified=YEAR_2020),
    pack("thesvg-color", {"acme": RED_DISC, "zeta": WHITE_BAR, "empty": "<g/>", "broken": "<path"}),
    pack("fa6-brands", {"orion": DISC}),
    pack("fa7-brands", {"square-orion": CROSS}),
    pack("arcticons", {"home": DISC, "acme": ARROW}),
    pack("lucide", {"house": CROSS, "acme": DISC}, category="UI 24px"),
    pack("ri", {"acme-fill": WHITE_BAR.replace("#fff", "#00f"), "acme-line": SMALL_DISC}, category="UI 24px",
         categories={"Logos": ["acme-fill", "acme-line"]}),
    pack("superseded", {"acme": ARROW}),
]  # fmt: skip


def import_icons(archive: Path, out: Path, **options: Any) -> ImportSummary:
    """Quietly, to the end."""
    return run(archive, out, Silent(), StopFlag(), **options)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "iconify.tgz"
    listed = {
        document["prefix"]: document["info"] for document in PACKS if document["prefix"] != "superseded"
    }
    members = {"package/collections.json": listed, "package/package.json": {}}
    members |= {f"package/json/{document['prefix']}.json": document for document in PACKS}
    with tarfile.open(path, "w:gz") as tar:
        for name, document in members.items():
            data = json.dumps(document).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_an_archive_becomes_an_l3d_dataset_with_groups(archive: Path, tmp_path: Path) -> None:
    heard, out = Silent(), tmp_path / "out"
    summary = run(archive, out, heard, StopFlag(), size=64)
    assert (summary.packs, summary.rendered, summary.faults) == (8, 16, 2)
    assert (heard.stages, heard.steps, heard.skipped) == (["render"], 18, 0)

    # acme: disc (simple-icons), cross (logos), arrow (arcticons), bar (ri); red and small discs are copies.
    # vela: the same cross twice, so no group. orion: arrow, and FontAwesome's disc and cross: two hands.
    assert load(out / "groups.json") == {
        "acme": [
            "arcticons--acme.png",
            "logos--acme-icon.png",
            "ri--acme-fill.png",
            "simple-icons--acme.png",
        ],
        "orion": ["fa6-brands--orion.png", "fa7-brands--square-orion.png", "simple-icons--orion.png"],
    }
    assert load(out / "copies.json") == {"acme": ["ri--acme-line.png", "thesvg-color--acme.png"]}
    assert (summary.brands, summary.grouped, summary.copies, summary.marks) == (2, 7, 2, 14)

    parts = [load(out / f"groups_{split}.json") for split in ("train", "val", "test")]
    assert {brand: files for part in parts for brand, files in part.items()} == load(out / "groups.json")
    assert {split: len(part) for split, part in zip(("train", "val", "test"), parts, strict=True)} == {
        split: brands for split, (brands, _) in summary.splits.items()
    }
    errors = (out / "errors.jsonl").read_text().splitlines()
    assert [(fault["item"], fault["kind"]) for fault in map(json.loads, errors)] == [
        ("thesvg-color--broken.png", "svg"),
        ("thesvg-color--empty.png", "svg"),
    ]


def test_the_dataset_reads_back_without_faults(archive: Path, tmp_path: Path) -> None:
    import_icons(archive, tmp_path / "out", size=64, workers=0)
    faults: list[Fault] = []
    marks = {mark.file: mark for mark in open_dataset(tmp_path / "out").marks(faults.append)}
    assert faults == []
    assert len(marks) == 14
    icon = marks["logos--acme-icon.png"]
    assert (icon.id, icon.text, icon.year) == ("logos--acme-icon", "Acme", 2020)
    assert icon.attributes == {"pack": "logos", "license": "MIT", "author": "logos makers", "brand": "acme"}
    assert marks["lucide--house.png"].text is None
    assert "brand" not in marks["lucide--acme.png"].attributes
    assert "brand" not in marks["arcticons--home.png"].attributes


def test_pictures_are_black_on_white_and_white_ones_on_black(archive: Path, tmp_path: Path) -> None:
    import_icons(archive, tmp_path / "out", size=64, workers=0)
    images = tmp_path / "out" / "images"
    disc = read_picture(images / "simple-icons--acme.png")
    assert disc.shape == (64, 64, 3)
    assert (disc[0, 0].tolist(), disc[32, 32].tolist()) == ([255] * 3, [0] * 3)
    bar = read_picture(images / "thesvg-color--zeta.png")
    assert (bar[0, 0].tolist(), bar[30, 32].tolist()) == ([0] * 3, [255] * 3)
    assert read_picture(images / "logos--wide.png").shape == (32, 64, 3)
    assert read_picture(tmp_path / "out/copies/thesvg-color--acme.png")[32, 32].tolist() == [0xDD, 0, 0]


def test_a_second_run_renders_only_what_is_missing_and_changes_nothing(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = import_icons(archive, out, size=64, workers=0)
    before = everything_in(out)
    (out / "images" / "simple-icons--orion.png").unlink()
    (out / "images" / "logos--vela.png").write_bytes(b"")  # a crash of the machine leaves such files
    second = import_icons(archive, out, size=64, workers=0)
    assert (first.rendered, second.rendered) == (16, 2)
    assert everything_in(out) == before


@pytest.mark.slow
def test_worker_processes_make_the_same_pictures(archive: Path, tmp_path: Path) -> None:
    import_icons(archive, tmp_path / "here", size=64, workers=0)
    summary = import_icons(archive, tmp_path / "there", size=64, workers=2)
    assert isinstance(summary, ImportSummary)
    assert everything_in(tmp_path / "here") == everything_in(tmp_path / "there")


def test_only_the_packs_asked_for_are_imported(archive: Path, tmp_path: Path) -> None:
    logos = import_icons(archive, tmp_path / "logos", which="logos", size=32, workers=0)
    assert (logos.packs, logos.marks) == (6, 11)
    packs = load(tmp_path / "logos" / "packs.json")
    assert packs["fa7-brands"] == {
        "name": "Fa7-Brands", "author": "fa7-brands makers", "license": "MIT", "category": "Logos",
        "year": 2024,
        "url": "https://example.org/fa7-brands", "count": 1, "logos": True, "hand": "fontawesome",
    }  # fmt: skip
    assert "| logos | Logos | logos makers | MIT |" in (tmp_path / "logos" / "LICENSES.md").read_text()
    one = import_icons(archive, tmp_path / "one", packs=["superseded"], size=32, workers=0)
    assert (one.marks, one.brands) == (1, 0)


def test_an_unpacked_archive_gives_the_same(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    import_icons(archive, tmp_path / "a", size=32, workers=0)
    import_icons(tmp_path / "unpacked", tmp_path / "b", size=32, workers=0)
    assert everything_in(tmp_path / "a") == everything_in(tmp_path / "b")


def test_what_cannot_be_imported_says_why(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="npm pack"):
        import_icons(tmp_path / "nothing.tgz", tmp_path / "out")
    with pytest.raises(DatasetError, match="no pack nonesuch"):
        import_icons(archive, tmp_path / "out", packs=["logos", "nonesuch"])
    (tmp_path / "text.tgz").write_text("no archive")
    with pytest.raises(DatasetError, match="cannot be read"):
        import_icons(tmp_path / "text.tgz", tmp_path / "out")
    (tmp_path / "cut.tgz").write_bytes(archive.read_bytes()[:300])
    with pytest.raises(DatasetError, match="cannot be read"):
        import_icons(tmp_path / "cut.tgz", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no icon packs"):
        import_icons(tmp_path / "empty", tmp_path / "out")


def test_a_stopped_run_changes_no_finished_import(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_icons(archive, out, size=64, workers=0)
    before, stop = everything_in(out), StopFlag()
    stop.set()
    with pytest.raises(Interrupted):
        run(archive, out, Silent(), stop, size=64)
    assert everything_in(out) == before


def test_packs_that_are_not_asked_for_do_not_stay(archive: Path, tmp_path: Path) -> None:
    import_icons(archive, tmp_path / "out", which="logos", size=32, workers=0)
    import_icons(archive, tmp_path / "out", size=32, workers=0)
    with pytest.raises(UsageError, match="not asked for"):
        import_icons(archive, tmp_path / "out", which="logos", size=32, workers=0)


def test_two_sizes_do_not_mix(archive: Path, tmp_path: Path) -> None:
    import_icons(archive, tmp_path / "out", packs=["logos"], size=32, workers=0)
    with pytest.raises(UsageError, match="32 pixels, not 64"):
        import_icons(archive, tmp_path / "out", packs=["logos"], size=64, workers=0)


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    document = pack("logos", {"../../evil": DISC, "/etc/evil": CROSS})
    (tmp_path / "pack" / "json").mkdir(parents=True)
    (tmp_path / "pack" / "json" / "logos.json").write_text(json.dumps(document))
    import_icons(tmp_path / "pack", tmp_path / "out", size=32, workers=0)
    names = sorted(path.name for path in (tmp_path / "out" / "images").iterdir())
    assert names == ["logos--_._.._evil.png", "logos--_etc_evil.png"]
    assert np.ptp(read_picture(tmp_path / "out" / "images" / names[0])) == 255


def test_a_stop_is_heard_and_the_next_run_goes_on(archive: Path, tmp_path: Path) -> None:
    stop = StopFlag()
    stop.set()
    with pytest.raises(Interrupted, match="run again"):
        run(archive, tmp_path / "out", Silent(), stop, size=64)
    assert not (tmp_path / "out" / "groups.json").exists()
    assert import_icons(archive, tmp_path / "out", size=64).marks
