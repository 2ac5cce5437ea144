"""Searching an index by name: what the dataset says, what was read, and what happened to the marks since."""

import json
from pathlib import Path

import pytest
from tests.small_index import Silent, build, draw_marks, quick_settings

from marklens import assembly, build_assembly
from marklens.cli.main import run
from marklens.core.errors import ArtifactError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.types import Filter
from marklens.datasets.opening import open_dataset
from marklens.engine import Engine
from marklens.indexing.folder import IndexFolder
from marklens.indexing.maintenance import compact, remove_marks

NAMES = ("Kwik Kopy", "Nordlicht GmbH", "Café Olé", None, "Олимп", "—", "Sunrise Foods")


def name_marks(folder: Path, names: tuple[str | None, ...] = NAMES, first: int = 0) -> Path:
    draw_marks(folder / "pictures", len(names), first)
    rows = [
        {"file": f"pictures/mark{first + n:04d}.png", "text": name, "year": 1990 + n}
        for n, name in enumerate(names)
    ]
    path = folder / "marks.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def named(tmp_path: Path) -> Path:
    build(tmp_path / "index", name_marks(tmp_path / "first"))
    return tmp_path / "index"


def opened(index: Path) -> Engine:
    return assembly.open_engine(index, quick_settings())


def ids(engine: Engine, text: str, **filter: object) -> list[str]:
    return [hit.mark.id for hit in engine.search_text(text, 3, Filter(**filter)).hits]  # type: ignore[arg-type]


def test_names_are_found_by_sound_part_and_script(named: Path) -> None:
    engine = opened(named)
    assert ids(engine, "Quick Copy")[:1] == ["mark0000"]
    assert ids(engine, "NORDLICHT")[:1] == ["mark0001"]
    assert ids(engine, "cafe ole ltd")[:1] == ["mark0002"]
    assert ids(engine, "Olimp")[:1] == ["mark0004"]
    assert ids(engine, "sunrise")[:1] == ["mark0006"]
    assert ids(engine, "Zzyxq") == []
    hit = engine.search_text("Nordlicht").hits[0]
    assert hit.score == hit.scores.text and hit.scores.global_ is None and hit.views == ()
    assert hit.score > 0.8


def test_what_was_read_is_found_where_the_dataset_says_nothing(named: Path) -> None:
    engine = opened(named)
    (hit,) = engine.search_text("Kiwi", 1).hits
    assert hit.mark.id == "mark0003" and hit.mark.text is None and hit.words == "Kiwi"


def test_filters_hold_for_names_too(named: Path) -> None:
    assert ids(opened(named), "Nordlicht", years=(1990, 1990)) == []
    assert ids(opened(named), "Nordlicht", years=(1991, 1991)) == ["mark0001"]


def test_names_come_and_go_with_their_marks(named: Path, tmp_path: Path) -> None:
    more = open_dataset(name_marks(tmp_path / "more", ("Zephyr", "Nordlicht"), first=20))
    build_assembly.add(named, more, quick_settings(), Silent(), StopFlag())
    assert ids(opened(named), "zefir") == ["mark0020"]
    assert set(ids(opened(named), "Nordlicht")) == {"mark0001", "mark0021"}
    remove_marks(IndexFolder(named), ["mark0001"])
    assert ids(opened(named), "Nordlicht") == ["mark0021"]
    compact(IndexFolder(named), 1, Silent())
    assert ids(opened(named), "Nordlicht") == ["mark0021"] and ids(opened(named), "zefir") == ["mark0020"]


def test_an_index_without_any_words_answers_nothing(tmp_path: Path) -> None:
    build(tmp_path / "index", name_marks(tmp_path / "first", ("—", "?")))
    assert ids(opened(tmp_path / "index"), "anything") == []


def test_the_command(named: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search-text", "Quick Copy", "--index", str(named), "--top", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["query"]["text"] == "Quick Copy"
    first = document["hits"][0]
    assert first["text"] == "Kwik Kopy" and first["scores"]["text"] == first["score"] and first["views"] == []
    assert run(["search-text", "Kiwi", "--index", str(named)]) == 0
    assert "Kiwi" in capsys.readouterr().out
    assert run(["search-text", " - ", "--index", str(named)]) == 2
    assert "says nothing" in capsys.readouterr().err


def test_a_name_beside_a_picture_brings_and_lifts_marks(named: Path, tmp_path: Path) -> None:
    engine = opened(named)
    picture = read_picture(tmp_path / "first" / "pictures" / "mark0006.png")
    alone = engine.search(picture, 7)
    assert all(hit.scores.text is None for hit in alone.hits)
    both = engine.search(picture, 7, text="Quick Copy")
    scores = {hit.mark.id: hit for hit in both.hits}
    assert scores["mark0000"].scores.text > 0.6 and scores["mark0005"].scores.text is None
    before = {hit.mark.id: hit.score for hit in alone.hits}
    assert scores["mark0000"].score > before["mark0000"]
    assert len(both.hits) == 7  # each mark once
    filtered = engine.search(picture, 7, Filter(years=(1991, 1991)), text="Quick Copy")
    assert [hit.mark.id for hit in filtered.hits] == ["mark0001"]
    shallow = assembly.open_engine(named, quick_settings())
    shallow.depth = 1
    found = shallow.search(picture, 1, text="Quick Copy")
    assert found.hits[0].mark.id == "mark0006"
    assert "mark0000" in {hit.mark.id for hit in shallow.search(picture, 5, text="Quick Copy").hits}


def test_the_search_command_takes_a_name(
    named: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = str(tmp_path / "first" / "pictures" / "mark0006.png")
    call = ["search", picture, "--index", str(named), "--json", "--text", "Quick Copy"]
    assert run(call) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["query"]["text"] == "Quick Copy"
    assert any(hit["scores"]["text"] for hit in document["hits"])
    assert run([*call[:-1], "?"]) == 2


def test_names_of_another_state_are_never_mixed_in(named: Path) -> None:
    """The texts are opened at the first search by name: by then they may number other marks."""
    before, warm = opened(named), opened(named)
    assert ids(warm, "Sunrise")[:1] == ["mark0006"]
    remove_marks(IndexFolder(named), ["mark0000"])
    compact(IndexFolder(named), 1, Silent())
    with pytest.raises(ArtifactError, match="open it again"):
        before.search_text("Sunrise")
    assert ids(opened(named), "Sunrise")[:1] == ["mark0006"]
