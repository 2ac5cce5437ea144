"""File < environment < flags, and nothing unknown passes."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from marklens.core.errors import UsageError
from marklens.settings import load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_flags_beat_the_environment_and_the_environment_beats_the_file(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_folder / "marklens.toml").write_text("[views]\nmargin = 1\n[search]\ndepth = 7\n")
    assert load_settings().views.margin == 1
    monkeypatch.setenv("MARKLENS_VIEWS__MARGIN", "2")
    assert load_settings().views.margin == 2
    assert load_settings(views={"margin": 3}).views.margin == 3
    assert load_settings(views={"margin": None}).views.margin == 2
    assert load_settings().search.depth == 7


def test_a_named_file_is_read_and_a_missing_one_is_an_error(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKLENS_CONFIG", str(empty_folder / "own.toml"))
    with pytest.raises(UsageError, match="no file"):
        load_settings()
    (empty_folder / "own.toml").write_text("[pca]\ndims = 64\n")
    assert load_settings().pca.dims == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[views]\nmargn = 1\n", "views.margn"),
        ("[viewz]\nmargin = 1\n", "viewz"),
        ("[views]\nmargin = 999\n", "views.margin"),
        ("views = [", "cannot be read"),
    ],
)
def test_mistakes_are_named(empty_folder: Path, text: str, message: str) -> None:
    (empty_folder / "marklens.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        load_settings().views.margin = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MARKLENS_VIEWS__MARGN", "did you mean MARKLENS_VIEWS__MARGIN"),
        ("MARKLENS_VIEWS_MARGIN", "did you mean MARKLENS_VIEWS__MARGIN"),
        ("marklens_confg", "did you mean MARKLENS_CONFIG"),
    ],
)
def test_misspelt_variables_are_refused(name: str, hint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(UsageError, match=hint):
        load_settings()


def test_a_section_may_be_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("marklens_views", '{"margin": 4}')
    assert load_settings().views.margin == 4
