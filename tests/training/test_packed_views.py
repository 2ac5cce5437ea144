"""A packed cache holds what the pipeline makes, survives a kill, and knows who belongs together."""

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.small_index import Silent, draw_mark, draw_marks

from marklens.core.artifacts import load_arrays, save_arrays, write_json
from marklens.core.errors import ArtifactError, Interrupted, UsageError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.types import Mark, Pixels, ViewKind
from marklens.datasets.icons.brand_split import SPLITS, split_of
from marklens.datasets.icons.selecting import brand_known_by, held_out, select_split
from marklens.datasets.opening import open_dataset
from marklens.indexing.folder import IndexFolder
from marklens.indexing.preparing import InProcessPreparer
from marklens.preprocessing.pipeline import PreparedMark, ViewMaker, ViewOptions
from marklens.preprocessing.prepared import Prepared
from marklens.preprocessing.text_detector import NoDetector, create_text_detector
from marklens.retrieval.catalog import Catalog
from marklens.training.pairs import packing
from marklens.training.pairs.groups import LEFT_OUT, alike, looks_of
from marklens.training.pairs.masked_preparer import MaskedPreparer, catalog_masks
from marklens.training.pairs.packed_views import PIXELS, TABLES, PackedViews, packed_masks
from marklens.training.pairs.packing import PackReport, pack_views
from marklens.training.pairs.pair_source import PackedPairs

OPTIONS = ViewOptions(size=32, read=False)


def make_maker() -> ViewMaker:
    return ViewMaker(OPTIONS, create_text_detector("lettering", 256, 0.7))


def make_blind_maker() -> ViewMaker:
    return ViewMaker(OPTIONS, NoDetector())


class Stopping(InProcessPreparer):
    """Sets a flag after so many marks, as a signal would."""

    def __init__(self, after: int, stop: StopFlag) -> None:
        super().__init__(make_maker)
        self._after, self._stop, self.prepared = after, stop, 0

    def prepare(self, groups: Iterable[Sequence[Mark]]) -> Iterator[list[Prepared]]:
        for some in super().prepare(groups):
            self.prepared += len(some)
            if self.prepared >= self._after:
                self._stop.set()
            yield some


def read_marks(folder: Path) -> list[Mark]:
    return list(open_dataset(folder).marks(lambda fault: None))


def pack(out: Path, marks: list[Mark], groups: dict[str, list[str]] | None = None) -> PackReport:
    preparer = InProcessPreparer(make_maker)
    return pack_views(out, marks, (groups or {}).items(), OPTIONS, preparer, Silent(), StopFlag())


def test_a_cache_killed_before_its_groups_were_found_is_unfinished(marks: Path, tmp_path: Path) -> None:
    given = read_marks(marks)[:6]
    pack(tmp_path, given)
    arrays, texts = load_arrays(tmp_path / TABLES)
    save_arrays(tmp_path / TABLES, arrays, {**texts, "source": ""})
    with pytest.raises(ArtifactError, match="not finished"):
        PackedViews.open(tmp_path)
    pack(tmp_path, given)
    assert len(PackedViews.open(tmp_path)) == 6


def test_views_are_those_of_the_pipeline(marks: Path, tmp_path: Path) -> None:
    given, maker = read_marks(marks), make_maker()
    report, packed = pack(tmp_path, given), PackedViews.open(tmp_path)
    assert report.marks == len(packed) == 30 and report.figurative > 0 and report.made == 30
    assert packed.size == 32 and packed.recipe == OPTIONS.record()
    for number, mark in enumerate(given):
        views = maker.prepare(read_picture(mark.path)).views
        held = packed.views_of(number)
        assert [view.kind for view in views] == [ViewKind(int(packed.kinds[place])) for place in held]
        assert all(
            np.array_equal(view.pixels, packed.pixels[place]) for view, place in zip(views, held, strict=True)
        )
    assert not (tmp_path / packing.PARTS).exists()


def test_a_bad_picture_costs_itself_only(marks: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(marks, tmp_path / "marks")
    (folder / "mark0003.png").write_bytes(b"no picture")
    report = pack(tmp_path / "out", read_marks(folder))
    assert report.marks == 29 and "mark0003.png" not in PackedViews.open(tmp_path / "out").files


def test_a_stopped_run_goes_on_where_it_was(
    marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "PART", 8)
    monkeypatch.setattr(packing, "HANDED", 4)
    given, stop = read_marks(marks), StopFlag()
    with pytest.raises(Interrupted):
        pack_views(tmp_path / "out", given, [], OPTIONS, Stopping(12, stop), Silent(), stop)
    with pytest.raises(ArtifactError):
        PackedViews.open(tmp_path / "out")
    assert pack(tmp_path / "out", given).made == 14  # the part in hand was finished
    assert pack(tmp_path / "whole", given).made == 30
    (one, texts), (whole, its_texts) = (load_arrays(tmp_path / name / TABLES) for name in ("out", "whole"))
    assert texts == its_texts and all(np.array_equal(one[name], whole[name]) for name in whole)
    assert (tmp_path / "out" / PIXELS).read_bytes() == (tmp_path / "whole" / PIXELS).read_bytes()


def test_a_killed_run_loses_the_part_in_hand_only(
    marks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "PART", 8)
    given = read_marks(marks)

    def dying() -> ViewMaker:
        maker, made = make_maker(), 0

        class Dying(ViewMaker):
            def prepare(self, picture: Pixels, read: bool = False) -> PreparedMark:
                nonlocal made
                made += 1
                if made == 19:
                    raise KeyboardInterrupt
                return maker.prepare(picture, read)

        return Dying(OPTIONS, NoDetector())

    with pytest.raises(KeyboardInterrupt):
        pack_views(tmp_path / "out", given, [], OPTIONS, InProcessPreparer(dying), Silent(), StopFlag())
    assert pack(tmp_path / "out", given).made == 14
    damaged = tmp_path / "out" / TABLES
    damaged.unlink()  # killed while the files were written, the parts being gone: all again
    assert pack(tmp_path / "out", given).made == 30


def test_a_finished_cache_only_gets_its_groups_anew(marks: Path, tmp_path: Path) -> None:
    given = read_marks(marks)
    pack(tmp_path, given)
    before = (tmp_path / PIXELS).stat().st_mtime_ns
    report = pack(
        tmp_path, given, {"one": ["MARK0001.png", "mark0002.png"], "two": ["mark0002.png", "mark0005.png"]}
    )
    groups = PackedViews.open(tmp_path).groups
    assert report.made == 0 and (tmp_path / PIXELS).stat().st_mtime_ns == before
    assert groups[1] == groups[2] == groups[5] != groups[3]
    assert report.groups == 28


def test_changed_pictures_are_packed_again(marks: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(marks, tmp_path / "marks")
    pack(tmp_path / "out", read_marks(folder))
    cv2.imwrite(str(folder / "mark0001.png"), draw_mark(99))
    assert pack(tmp_path / "out", read_marks(folder)).made == 30


def test_near_duplicates_are_one_group(tmp_path: Path) -> None:
    folder = draw_marks(tmp_path / "marks", 6)
    picture = cv2.imread(str(folder / "mark0004.png"))
    assert picture is not None
    cv2.imwrite(str(folder / "mark0009.png"), cv2.resize(picture, (150, 150), interpolation=cv2.INTER_AREA))
    pack(tmp_path / "out", read_marks(folder))
    groups = PackedViews.open(tmp_path / "out").groups
    assert groups[4] == groups[6] and len(set(groups.tolist())) == 6


def test_what_looks_like_a_held_out_mark_is_left_out_with_its_group(marks: Path, tmp_path: Path) -> None:
    given, copy = read_marks(marks), draw_marks(tmp_path / "held", 1, first=4)
    picture = cv2.imread(str(copy / "mark0004.png"))
    assert picture is not None
    cv2.imwrite(str(copy / "mark0004.png"), cv2.resize(picture, (180, 180), interpolation=cv2.INTER_AREA))
    (copy / "bad.png").write_bytes(b"no picture")
    apart = looks_of(read_marks(copy), make_blind_maker())
    groups, preparer = {"brand": ["mark0004.png", "mark0007.png"]}, InProcessPreparer(make_blind_maker)
    report = pack_views(
        tmp_path / "out", given, groups.items(), OPTIONS, preparer, Silent(), StopFlag(), apart
    )
    views = PackedViews.open(tmp_path / "out")
    assert len(apart) == 1 and report.left_out == 2 and report.groups == 28
    assert np.flatnonzero(views.groups == LEFT_OUT).tolist() == [4, 7]
    source = PackedPairs(views, lambda view, random: view)
    assert len(source) == 28 and source.steps(14) == 2
    chosen = [source.choose(0, 14, step) for step in range(2)]
    used = {int(place) for batch in chosen for place in (*batch.first, *batch.second)}
    assert not used & {*views.views_of(4), *views.views_of(7)}


def test_masks_of_an_index_or_a_cache_spare_the_detector(index: Path, marks: Path, tmp_path: Path) -> None:
    given = read_marks(marks)
    pack(tmp_path / "found", given)
    with Catalog.open(IndexFolder(index).catalog) as catalog:
        of_index = catalog_masks(catalog)
    of_cache = packed_masks(tmp_path / "found")
    assert of_index == of_cache and any(of_cache.values())
    del of_cache["mark0001.png"]  # bears no words
    preparer = MaskedPreparer(make_blind_maker(), of_cache, InProcessPreparer(make_blind_maker))
    pack_views(tmp_path / "rebuilt", given, [], OPTIONS, preparer, Silent(), StopFlag())
    found, rebuilt = (PackedViews.open(tmp_path / name) for name in ("found", "rebuilt"))
    assert found.files == rebuilt.files and np.array_equal(found.pixels, rebuilt.pixels)


def test_nothing_to_pack_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no marks"):
        pack(tmp_path, [])
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="none of 1"):
        pack(tmp_path / "out", [Mark("a", "a.png", tmp_path / "a.png")])


def test_sure_pairs_are_groups(tmp_path: Path) -> None:
    rows = [("1.png", "2.png", "gold"), ("2.png", "5.png", "duplicate"), ("5.png", "6.png", "weak")]
    pairs = [{"a": one, "b": other, "grade": grade} for one, other, grade in rows]
    write_json(tmp_path / "similar_pairs.json", {"pairs": pairs})
    assert list(alike(tmp_path / "similar_pairs.json").values()) == [["1.png", "2.png", "5.png"]]
    write_json(tmp_path / "weak_pairs.json", {"pairs": pairs[2:]})
    with pytest.raises(UsageError, match="no pair graded"):
        alike(tmp_path / "weak_pairs.json")
    write_json(tmp_path / "groups.json", {"pairs": ["1.png", "2.png"], "acme": ["3.png", "4.png"]})
    assert set(alike(tmp_path / "groups.json")) == {"pairs", "acme"}
    with pytest.raises(UsageError, match="does not exist"):
        alike(tmp_path / "none.json")


def test_no_brand_of_another_split_is_selected(tmp_path: Path) -> None:
    names = [f"brand{number}" for number in range(60)]
    marks = [
        Mark(f"logos--{name}", f"logos--{name}.png", tmp_path, attributes={"brand": name} if odd % 2 else {})
        for odd, name in enumerate(names)
    ]
    marks.append(Mark("logos--odd-one", "logos--odd-one.png", tmp_path))
    for split in SPLITS:
        own = {name: [f"logos--{name}.png"] for name in names if split_of(name) == split}
        (tmp_path / f"groups_{split}.json").write_text(json.dumps(own | {"x": ["logos--odd-one.png"]}))
    parts = {split: select_split(tmp_path, marks, split) for split in SPLITS}
    apart = {mark.id for mark in held_out(tmp_path, marks, "train")}
    assert apart and not apart & {mark.id for mark in parts["train"]}
    assert sum(map(len, parts.values())) == 60  # each groups file takes the odd one from the others
    for split, chosen in parts.items():
        assert {split_of(brand_known_by(mark)) for mark in chosen} == {split}
