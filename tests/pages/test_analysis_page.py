"""The analysis page holds everything itself, escapes what it shows, and draws what it was given."""

import re
from pathlib import Path

import numpy as np

from marklens.pages.analysis_page import Bars, Columns, Group, HeatMap, Samples, Section, analysis_page

EVIL = '<script>alert("1")</script>'
BLUE = np.full((300, 200, 3), (20, 60, 200), np.uint8)


def page() -> str:
    return analysis_page(
        EVIL,
        {"marks": "1,234", EVIL: EVIL},
        [
            Section(
                "Pictures",
                [
                    Bars("Size", [(EVIL, 300), ("20×20", 75), ("none", 0)], 400, "a note"),
                    Columns("Years", [("1999", 10), ("2000", 40)], 50, [(0.25, "1999")]),
                    HeatMap("Together", [("27.05", "Letters"), ("26.01", EVIL)], [[20, 5], [5, 10]]),
                ],
            ),
            Section(
                "Twice", [Samples("Near", [Group("2 pictures", [(BLUE, EVIL), (Path("none.png"), "b")])])]
            ),
            Section("Nothing", [], "Every picture can be read."),
            Section("Empty", [Bars("No bars", [], 0), Columns("No columns", [], 0)]),
        ],
        {"version": "1"},
    )


def test_everything_is_escaped_and_nothing_is_loaded() -> None:
    shown = page()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", shown)
    style = re.search(r"<style>(.*?)</style>", shown, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_bars_are_as_long_as_their_share_of_the_longest() -> None:
    shown = page()
    assert "width:100.00%" in shown
    assert "width:25.00%" in shown  # 75 of 300
    assert "<b>75</b> <span>18.8 %</span>" in shown  # of 400
    assert "width:0.00%" in shown


def test_columns_are_as_high_as_their_share_of_the_highest() -> None:
    shown = page()
    assert 'y="75.000" height="25.000"' in shown  # 10 of 40
    assert 'y="0.000" height="100.000"' in shown
    assert "<title>2000: 40, 80.0 %</title>" in shown
    assert 'style="left:25.00%">1999<' in shown


def test_a_heat_map_shows_shares_of_the_row() -> None:
    shown = page()
    assert "27.05 and 26.01: 5 marks, 25.0 % of 27.05" in shown
    assert "26.01 and 27.05: 5 marks, 50.0 % of 26.01" in shown


def test_samples_show_pictures_and_placeholders() -> None:
    shown = page()
    assert shown.count("data:image/webp;base64,") == 1
    assert shown.count('class="missing"') == 1


def test_a_section_without_parts_shows_its_note() -> None:
    assert "Every picture can be read." in page()
