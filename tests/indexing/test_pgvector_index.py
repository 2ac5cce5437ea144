"""An index whose vectors are in PostgreSQL lives as one with FAISS does."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.postgres_server import Running
from tests.small_index import Silent, draw_marks, quick_settings

from marklens import assembly, build_assembly
from marklens.cli.main import run
from marklens.core.errors import ArtifactError, UsageError
from marklens.core.images import read_picture
from marklens.core.resources import StopFlag
from marklens.core.types import Ids, Vectors
from marklens.datasets.opening import open_dataset
from marklens.indexing.builder import BuildReport
from marklens.indexing.maintenance import compact, remove_marks
from marklens.indexing.manifest import load_complete
from marklens.retrieval.pgvector_store import PgVectorStore
from marklens.settings import Settings
from marklens.text.index_builder import TextIndexBuilder
from marklens.text.text_index import TextIndex

pytestmark = pytest.mark.postgres


@pytest.fixture
def settings(postgres: Running) -> Settings:
    quick = quick_settings()
    url = SecretStr(postgres.server.url)
    return quick.model_copy(update={"postgres": quick.postgres.model_copy(update={"url": url})})


def build(index: Path, marks: Path, settings: Settings, store: str | None = "pgvector") -> BuildReport:
    return build_assembly.build(index, open_dataset(marks), settings, None, Silent(), StopFlag(), store)


def found(index: Path, picture: Path, settings: Settings) -> list[str]:
    engine = assembly.open_engine(index, settings)
    return [hit.mark.id for hit in engine.search(read_picture(picture), top=50).hits]


def passed(index: Path, settings: Settings) -> bool:
    return all(check.passed for check in build_assembly.check(index, settings, 8, Silent()))


def test_the_life_of_an_index(marks: Path, index: Path, settings: Settings, tmp_path: Path) -> None:
    own = tmp_path / "own"
    report = build(own, marks, settings)
    assert (report.manifest.store, report.manifest.counts["marks"]) == ("pgvector", 30)
    assert not (own / "vectors.faiss").exists()
    ours, theirs = (found(folder, marks / "mark0007.png", settings) for folder in (own, index))
    assert len(set(ours[:20]) & set(theirs[:20])) >= 19
    assert ours[0] == "mark0007"
    assert not build(own, marks, settings).changed
    assert not build(own, marks, settings, None).changed, "what nobody asks for stays where it is"

    new = draw_marks(tmp_path / "new", 4, first=40)
    added = build_assembly.add(own, open_dataset(new), settings, Silent(), StopFlag())
    assert added.manifest.counts["marks"] == 34
    assert found(own, new / "mark0041.png", settings)[0] == "mark0041"
    assert passed(own, settings)

    folder = assembly.index_folder(own, settings)
    opened = assembly.open_engine(own, settings)
    assert remove_marks(folder, ["mark0004"]) == (1, [])
    assert "mark0004" not in found(own, marks / "mark0004.png", settings)
    compact(folder, 1, Silent())
    assert load_complete(folder).counts["removed"] == 0
    assert "mark0004" not in found(own, marks / "mark0004.png", settings)
    assert passed(own, settings)
    with pytest.raises(ArtifactError):
        opened.similar(3, 5)


def test_the_password_is_nowhere_in_the_folder(marks: Path, settings: Settings, tmp_path: Path) -> None:
    url = settings.postgres.url
    assert url is not None
    secret = SecretStr(url.get_secret_value().replace("postgres@", "postgres:hush123@"))
    own = settings.model_copy(update={"postgres": settings.postgres.model_copy(update={"url": secret})})
    build(tmp_path / "own", marks, own)
    assert all(
        b"hush123" not in path.read_bytes() for path in (tmp_path / "own").rglob("*") if path.is_file()
    )
    assert "hush123" not in repr(own)
    assert "hush123" not in repr(assembly.index_folder(tmp_path, own))
    pointer = json.loads((tmp_path / "own" / "vectors.pgvector").read_text())
    assert pointer["connection"] == "postgres.url"


def test_an_index_moves_to_postgres_and_back(
    own_index: Callable[[], Path], marks: Path, settings: Settings
) -> None:
    own = own_index()
    for store, file, gone in (
        ("pgvector", "vectors.pgvector", "vectors.faiss"),
        ("faiss", "vectors.faiss", ""),
    ):
        report = build(own, marks, settings, store)
        assert (report.changed, report.described) == (True, 0)
        assert (own / file).is_file()
        assert not (own / gone).is_file()
        assert found(own, marks / "mark0007.png", settings)[0] == "mark0007"
        assert passed(own, settings)
    assert not (own / "vectors.pgvector").exists()


def test_without_a_server_nothing_is_begun(marks: Path, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MARKLENS_POSTGRES__URL"):
        build(tmp_path / "own", marks, quick_settings())
    assert not list((tmp_path / "own").rglob("*.safetensors"))
    build(tmp_path / "own", marks, settings)
    with pytest.raises(UsageError, match="MARKLENS_POSTGRES__URL"):
        assembly.open_engine(tmp_path / "own", quick_settings())


def test_a_killed_addition_shows_and_is_mended(
    marks: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    build(own, marks, settings)
    new = open_dataset(draw_marks(tmp_path / "new", 2, first=40))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("marklens.retrieval.pgvector_store.write_pointer", killed)
        with pytest.raises(KeyboardInterrupt):
            build_assembly.add(own, new, settings, Silent(), StopFlag())
    with pytest.raises(ArtifactError, match="compact"):
        assembly.open_engine(own, settings)
    compact(assembly.index_folder(own, settings), 1, Silent())
    assert passed(own, settings)
    assert len(found(own, marks / "mark0007.png", settings)) == 30
    assert build_assembly.add(own, new, settings, Silent(), StopFlag()).manifest.counts["marks"] == 32


def test_whoever_searches_meanwhile_keeps_the_old_table_until_the_index_is_whole(
    marks: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, asked = tmp_path / "own", []
    build(own, marks, settings)
    opened = assembly.open_engine(own, settings)
    finish = TextIndexBuilder.finish

    def asking(names: TextIndexBuilder) -> TextIndex:  # the last of all files
        asked.append([each.number for each in opened.similar(3, 5)])
        return finish(names)

    monkeypatch.setattr(TextIndexBuilder, "finish", asking)
    before = [each.number for each in opened.similar(3, 5)]
    compact(assembly.index_folder(own, settings), 1, Silent())
    assert asked == [before]
    with pytest.raises(ArtifactError):
        opened.similar(3, 5)


def test_a_killed_compact_loses_nothing(
    marks: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    build(own, marks, settings)
    before = (own / "vectors.pgvector").read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("write_pointer", "register", "PgVectorStore.add"):
        with monkeypatch.context() as patch:
            patch.setattr(f"marklens.retrieval.pgvector_store.{step}", killed)
            with pytest.raises(KeyboardInterrupt):
                compact(assembly.index_folder(own, settings), 1, Silent())
        assert (own / "vectors.pgvector").read_bytes() == before
        assert found(own, marks / "mark0007.png", settings)[0] == "mark0007"
    compact(assembly.index_folder(own, settings), 1, Silent())
    assert passed(own, settings)
    folder = assembly.index_folder(own, settings)
    assert folder.server is not None
    pointer = json.loads(folder.vectors.read_text())
    with folder.server.connect() as connection:
        kept = connection.execute("SELECT name FROM marklens.tables WHERE owner = %s", (pointer["owner"],))
        assert kept.fetchall() == [(pointer["name"],)], "nothing that was killed is left"


def test_the_commands(
    marks: Path,
    postgres: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "POSTGRES__URL": postgres.server.url,
        "PCA__OWN_FROM": "0",
        "PCA__DIMS": "16",
        "BUILD__WORKERS": "0",
    }.items():
        monkeypatch.setenv(f"MARKLENS_{name}", value)
    assert run(["index", "build", str(marks), "--index", "own", "--store", "annoy"]) == 2
    assert "'faiss', 'pgvector', 'milvus'" in capsys.readouterr().err
    for command in (
        ["index", "build", str(marks), "--store", "pgvector"],
        ["index", "remove", "mark0003"],
        ["index", "compact"],
        ["index", "verify"],
        ["index", "info"],
        ["search", str(marks / "mark0009.png"), "--json"],
    ):
        capsys.readouterr()
        assert run([*command, "--index", "own"]) == 0
        if command[-1] == "info":
            assert "in PostgreSQL" in capsys.readouterr().out
    assert json.loads(capsys.readouterr().out)["hits"][0]["id"] == "mark0009"
    monkeypatch.setenv("MARKLENS_POSTGRES__URL", "postgresql://me:hush@127.0.0.1:1/nothing")
    assert run(["search", str(marks / "mark0009.png"), "--index", "own"]) == 1
    said = capsys.readouterr().err
    assert "does not answer" in said
    assert "hush" not in said


def test_verifying_never_holds_all_vectors(
    marks: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, fetched = tmp_path / "own", []
    build(own, marks, settings)
    vectors = PgVectorStore.vectors

    def noted(store: PgVectorStore, ids: Ids) -> Vectors:
        fetched.append(len(ids))
        return vectors(store, ids)

    monkeypatch.setattr(PgVectorStore, "vectors", noted)
    monkeypatch.setattr("marklens.indexing.verifying.BLOCK", 16)
    assert passed(own, settings)
    assert max(fetched) == 16
