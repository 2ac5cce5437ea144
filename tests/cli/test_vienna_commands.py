"""The commands that suggest Vienna codes, and the same from Python."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.small_index import draw_marks

from marklens import Index
from marklens.cli.main import run
from marklens.core.errors import UsageError


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index of twelve marks: even ones have letters, the first three a tree, one has no code."""
    folder = draw_marks(tmp_path_factory.mktemp("coded"), 12)
    rows = []
    for i in range(12):
        codes = ["27.5.1"] if i % 2 == 0 else ["26.04.01"]
        codes += ["05.01.02"] if i < 3 else []
        owner = "a" if i < 2 else "b"
        rows.append({"file": f"mark{i:04d}.png", "vienna_codes": [] if i == 11 else codes, "owner": owner})
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    index = tmp_path_factory.mktemp("coded-index")
    assert run(["index", "build", str(folder), "--index", str(index), "--workers", "0"]) == 0
    return index


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run([str(word) for word in words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_apart_is_an_attribute_that_marks_have(ask: Callable[..., tuple[int, str, str]], coded: Path) -> None:
    call = ("vienna", "evaluate", "--index", coded, "--level", "division", "--json")
    answers = {name: ask(*call, "--apart", name) for name in ("owner", "OWNER", "patron")}
    assert json.loads(answers["OWNER"][1])["config"].pop("apart") == "OWNER"
    same = [{**json.loads(answers[name][1]), "config": None} for name in ("owner", "OWNER")]
    assert same[0] == same[1] != {**json.loads(ask(*call)[1]), "config": None}
    assert answers["patron"][0] == 2
    assert (
        answers["patron"][2]
        .splitlines()[-1]
        .endswith("no mark of this index has 'patron': its attributes are owner")
    )


def test_codes_are_suggested_with_those_who_speak_for_them(
    ask: Callable[..., tuple[int, str, str]], coded: Path, marks: Path
) -> None:
    call = ("vienna", "suggest", marks / "mark0001.png", "--index", coded)
    status, out, _ = ask(*call, "--json", "--level", "division", "--neighbours", 3)
    assert status == 0
    document = json.loads(out)
    assert document["query"] == {
        "file": "mark0001.png", "crop": None, "level": "division", "neighbours": 3,
    }  # fmt: skip
    first = document["suggestions"][0]
    assert set(first) == {"code", "name", "confidence", "share", "usual", "neighbours"}
    found = {each["code"]: each for each in document["suggestions"]}
    assert found["05.01"]["name"] == "Trees, bushes"
    assert found["05.01"]["neighbours"][0]["id"] == "mark0001"
    assert found["05.01"]["usual"] == pytest.approx(3 / 11)
    assert all(0 < each["confidence"] <= 1 for each in found.values())
    status, out, _ = ask(*call)
    assert status == 0 and "05.01.02" in out and "mark0001" in out
    with Index.open(coded) as opened:
        same = opened.suggest_vienna(marks / "mark0001.png", level="division", neighbours=3)
    assert [each.code for each in same] == [each["code"] for each in document["suggestions"]]


def test_suggestions_are_measured_by_leaving_each_mark_out(
    ask: Callable[..., tuple[int, str, str]], coded: Path
) -> None:
    status, out, _ = ask("vienna", "evaluate", "--index", coded, "--level", "category", "--json")
    assert status == 0
    document = json.loads(out)
    assert document["marks"] == 11
    assert set(document["precision"]) == set(document["recall"]) == {"1", "3", "5"}
    assert all(0 <= value <= 1 for value in document["recall"].values())
    few = json.loads(ask("vienna", "evaluate", "--index", coded, "--limit", 4, "--json")[1])
    assert few["marks"] == 4
    apart = json.loads(ask("vienna", "evaluate", "--index", coded, "--apart", "owner", "--json")[1])
    assert apart["config"]["apart"] == "owner"
    status, out, _ = ask("vienna", "evaluate", "--index", coded)
    assert status == 0 and "precision" in out and "confidence" in out


def test_an_index_without_codes_says_so(
    ask: Callable[..., tuple[int, str, str]], index: Path, marks: Path
) -> None:
    status, _, err = ask("vienna", "suggest", marks / "mark0001.png", "--index", index)
    assert status == 2 and "no mark of this index has Vienna codes" in err
    assert ask("vienna", "evaluate", "--index", index)[0] == 2
    with Index.open(index) as opened, pytest.raises(UsageError, match="Vienna codes"):
        opened.suggest_vienna(marks / "mark0001.png")
