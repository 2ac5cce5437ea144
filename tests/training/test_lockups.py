"""Made lock-ups: every pixel is what it says it is, and the same seed makes the same mark."""

from pathlib import Path
from shutil import copy

import cv2
import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marklens.core.errors import DatasetError
from marklens.training.lockups.fonts import SCRIPTS, find_fonts
from marklens.training.lockups.making import LAYOUTS, WITHOUT_WORDS, Material, make_lockup
from marklens.training.lockups.real import find_pairs, read_lockup
from marklens.training.lockups.typesetting import bend_line, set_line, stack_lines
from marklens.training.lockups.words import make_words

DEJAVU = Path(matplotlib.get_data_path(), "fonts", "ttf")
"""DejaVu writes Latin, Greek, Cyrillic and Arabic; FreeType does not mind the wrong ending."""


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("material")
    for script in ("latin", "greek", "cyrillic", "arabic"):
        copy(DEJAVU / "DejaVuSans.ttf", folder / f"dejavu-sans-{script}-400-normal.woff")
    symbol = np.full((200, 200, 3), 255, np.uint8)
    cv2.circle(symbol, (100, 100), 80, (180, 60, 20), -1)
    cv2.circle(symbol, (100, 100), 30, (20, 200, 240), -1)
    cv2.imwrite(str(folder / "symbol.png"), symbol)
    return Material([folder / "symbol.png"], ["Nordlicht Werke", "Acme"], find_fonts(folder))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_text_changes_the_picture_and_nothing_else_does(material: Material, layout: str) -> None:
    for seed in range(6):
        made = make_lockup(material, np.random.default_rng(seed), 200, layout)
        assert made.layout == layout and max(made.picture.shape) <= 200
        assert made.text.any() != (layout in WITHOUT_WORDS)
        assert made.figure.any() != (layout == "words only")
        assert not (made.text & made.figure).any()
        changed = cv2.absdiff(made.picture, made.without_text).max(axis=2)
        assert changed[made.text].min(initial=255) > 20 and changed[~made.text].max() <= 24


def test_the_same_seed_makes_the_same_mark(material: Material) -> None:
    one, other = (make_lockup(material, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.picture, other.picture) and np.array_equal(one.text, other.text)


def test_fonts_are_split_by_family(material: Material, tmp_path: Path) -> None:
    names = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")
    for name in names:
        for weight in (400, 700):
            (tmp_path / f"{name}-latin-{weight}-normal.woff").write_bytes(b"")
    (tmp_path / "alpha-klingon-400-normal.woff").write_bytes(b"")
    (tmp_path / "alpha-latin-400-italic.woff").write_bytes(b"")
    whole = find_fonts(tmp_path)["latin"]
    train = find_fonts(tmp_path, "train")["latin"]
    assert len(whole) == 2 * len(names) and 0 < len(train) < len(whole)
    assert {font.family for font in train}.isdisjoint({f.family for f in whole} - {f.family for f in train})
    with pytest.raises(DatasetError, match="no fonts"):
        find_fonts(tmp_path / "nothing")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), script=st.sampled_from(SCRIPTS))
def test_words_are_never_empty(seed: int, script: str) -> None:
    words = make_words(script, ["Acme", "8x8", "Ü"], np.random.default_rng(seed), 3)  # type: ignore[arg-type]
    assert words and all(words)


def test_lines_keep_their_ink(material: Material) -> None:
    line = set_line("Harbour", material.fonts["latin"][0], 40)
    assert line.shape[0] == 40 and line.max() > 0.9 and line[0].max() > 0.3
    block = stack_lines([line, line[:, :50]], 10, align=1.0)
    assert block.shape == (90, line.shape[1])
    assert np.array_equal(block[50:, -50:], line[:, :50])
    for below in (False, True):
        bent = bend_line(line, 120, below)
        middle = bent.shape[0] // 2
        half = bent[middle:] if below else bent[:middle]
        assert half.sum() == pytest.approx(bent.sum(), rel=0.02)
        assert bent.sum() == pytest.approx(line.sum(), rel=0.1)


def test_a_real_lock_up_is_told_apart_by_its_bare_symbol(material: Material, tmp_path: Path) -> None:
    symbol = np.full((256, 256, 3), 255, np.uint8)
    cv2.circle(symbol, (128, 128), 120, (20, 20, 200), -1)
    cv2.rectangle(symbol, (90, 90), (200, 140), (255, 255, 255), -1)
    lockup = np.full((100, 400, 3), 255, np.uint8)
    lockup[5:95, 5:95] = cv2.resize(symbol, (90, 90), interpolation=cv2.INTER_AREA)
    cv2.putText(lockup, "Harbour", (120, 70), cv2.FONT_HERSHEY_DUPLEX, 2, (20, 20, 20), 3, cv2.LINE_AA)
    for name, picture in {"logos--harbour": lockup, "logos--harbour-icon": symbol}.items():
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    cv2.imwrite(str(tmp_path / "logos--alone.png"), symbol)
    (pair,) = find_pairs(path.name for path in tmp_path.iterdir())
    assert (pair.lockup, pair.symbol) == ("logos--harbour.png", "logos--harbour-icon.png")
    found = read_lockup(tmp_path, pair)
    assert found is not None
    picture, words, figure = found
    border = round(picture.shape[1] * 0.25)
    assert not figure[:, border:].any() and not words[:, : border - 8].any()
    assert words.any() and figure.any()
    cv2.imwrite(str(tmp_path / "logos--harbour-icon.png"), 255 - symbol[::-1, ::-1] // 2)
    cv2.imwrite(str(tmp_path / "logos--harbour-icon.png"), np.roll(lockup, 200, axis=1))
    assert read_lockup(tmp_path, pair) is None  # another symbol
