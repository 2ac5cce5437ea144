"""What is asked for is never learned from, however its name is spelt."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marklens.core.types import Mark
from marklens.datasets.analysis.perceptual_hash import Look
from marklens.training.pairs.groups import group_numbers, keep_apart, spread_around


def marks(count: int) -> list[Mark]:
    return [Mark(f"m{place}", f"a/m{place}.jpg", Path(f"m{place}.jpg")) for place in range(count)]


def files(some: list[Mark]) -> list[str]:
    return [mark.file for mark in some]


def test_other_case_bare_names_and_group_mates_are_kept_apart() -> None:
    groups = {"x": ["a/m0.jpg", "M4.JPG"], "y": ["a/m5.jpg", "a/m6.jpg"], "z": ["a/m4.jpg", "a/m7.jpg"]}
    kept, apart = keep_apart(marks(8), {"A/M0.JPG", "m1.jpg", "nobody.jpg"}, groups)
    assert files(apart) == ["a/m0.jpg", "a/m1.jpg", "a/m4.jpg", "a/m7.jpg"]  # the last by way of m4
    assert files(kept) == ["a/m2.jpg", "a/m3.jpg", "a/m5.jpg", "a/m6.jpg"]


def test_a_name_of_several_marks_means_all_of_them() -> None:
    twins = [Mark(f"{folder}", f"{folder}/logo.png", Path("x")) for folder in "abc"]
    kept, apart = keep_apart(twins, {"LOGO.png"}, {})
    assert (kept, len(apart)) == ([], 3)


@given(count=st.integers(1, 60), most=st.integers(1, 80), asked=st.sets(st.integers(0, 59), max_size=9))
def test_the_gallery_holds_who_is_asked_for_and_others_up_to_its_size(
    count: int, most: int, asked: set[int]
) -> None:
    names = {f"M{place}.jpg" for place in asked if place < count}
    chosen = files(spread_around(marks(count), names, most))
    assert {f"a/{name.lower()}" for name in names} <= set(chosen)
    assert len(chosen) == min(count, max(most, len(names)))
    assert chosen == sorted(chosen, key=lambda file: int(file[3:-4]))


def test_many_equal_pictures_are_one_group() -> None:
    """They are compared once, not each with each: that would not fit into memory here."""
    look = Look(0x0F0F_1234_5678_9ABC, (1, 2, 3, 4), 60)
    numbers = group_numbers([f"m{n}.png" for n in range(60_000)], [], [look] * 60_000)
    assert len(np.unique(numbers)) == 1
