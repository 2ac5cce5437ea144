"""Reductions learn from no brand one of whose marks looks like a held-out one, whatever it is called."""

import json
from pathlib import Path

import cv2
from benchmarks.training_brands import training_brands
from tests.small_index import draw_mark, draw_marks


def test_a_brand_that_looks_like_a_held_out_mark_teaches_nothing(tmp_path: Path) -> None:
    draw_marks(tmp_path, 8)
    twin = cv2.resize(draw_mark(6, words=True), (180, 180), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "twin.png"), twin)
    groups = {
        "train": {"a": ["mark0000.png", "mark0001.png"], "b": ["mark0002.png", "twin.png"]},
        "val": {"c": ["mark0004.png", "mark0005.png"]},
        "test": {"d": ["mark0006.png", "mark0007.png"]},
    }
    for split, brands in groups.items():
        (tmp_path / f"groups_{split}.json").write_text(json.dumps(brands))
    (tmp_path / "mark0001.png").write_bytes(b"no picture")  # looks and files stay side by side
    cv2.imwrite(str(tmp_path / "alone.png"), cv2.flip(draw_mark(6, words=True), -1))
    cv2.imwrite(str(tmp_path / "another.png"), twin)  # of no brand
    kept, learned = training_brands(tmp_path)
    assert kept == {"a": ["mark0000.png"]}
    assert "mark0000.png" in learned
    held_out = {
        "mark0002.png",
        "twin.png",
        "another.png",
        *(f"mark000{number}.png" for number in range(4, 8)),
    }
    assert not learned & held_out
