"""Texts are compared as an examiner would."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marklens.text.index_builder import build_index
from marklens.text.matcher import TextMatcher
from marklens.text.phonetic import similarity
from marklens.text.weighing import Weighing

texts = st.lists(
    st.sampled_from(
        ["acme", "tools", "akme", "the", "zorvix", "北京", "газ", "flex", "conforflex", "a", "7"]
    ),
    min_size=1,
    max_size=4,
).map(" ".join)


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        ("ACME Ltd", "Acmé GmbH", 1.0),
        ("Газпром", "GAZPROM", 1.0),
        ("北京", "北京", 1.0),
        ("ActiveCare", "Active Care", 1.0),
        ("Season-All", "All Season", 0.9),
        ("ACME", "ACME Tools", 0.8),
        ("ACME", "The ACME Group", 0.8),
        ("Adidas", "Adibas", 0.75),
        ("Kwik Kopy", "Quick Copy", 0.7),
        ("phish", "fish", 0.75),
        ("MINUTE MADE", "MINUTE MAID", 0.8),
        ("Flex", "Conforflex", 0.6),
    ],
)
def test_alike(one: str, other: str, least: float) -> None:
    assert similarity(one, other) >= least - 1e-6


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Apple", "Orange"),
        ("ACME", "Tools"),
        ("北京", "上海"),
        ("Nike", "Puma"),
        ("Xerox", "Toyota"),
        ("北京", "ACME"),
    ],
)
def test_apart(one: str, other: str) -> None:
    assert similarity(one, other) < 0.4


@pytest.mark.parametrize(
    ("query", "nearer", "farther"),
    [
        ("ACME Tools", "ACME Systems", "XYZ Tools"),  # the strong word counts
        ("ACME", "ACME Tools", "ACME Zorvix Tools"),  # what is added counts
        ("Xerox", "Zerocks", "Xantos"),  # sound over first letters
        ("Acme Zorvix", "Zorvix Acme", "Acme Torvald"),  # order counts little
    ],
)
def test_nearer(query: str, nearer: str, farther: str) -> None:
    assert similarity(query, nearer) > similarity(query, farther)


def test_nothing_is_like_nothing() -> None:
    assert similarity("", "ACME") == similarity("—", "…") == 0


def test_the_weighing_can_be_set() -> None:
    assert similarity("phish", "fish", Weighing(sound=1.0)) == pytest.approx(1)
    assert similarity("phish", "fish", Weighing(sound=0.0)) < 0.8


@settings(max_examples=60, deadline=None)
@given(texts, texts)
def test_likeness_is_symmetric_and_bounded(one: str, other: str) -> None:
    found = similarity(one, other)
    assert 0 <= found <= 1
    assert found == pytest.approx(similarity(other, one), abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(texts)
def test_a_text_is_like_itself(text: str) -> None:
    assert similarity(text, text) == pytest.approx(1)


@pytest.mark.parametrize(
    ("foreign", "plain"),
    [
        ("Čačić", "Cacic"), ("Łódź", "Lodz"), ("Škoda", "Skoda"), ("Mærsk", "Maersk"), ("Şişecam", "Sisecam"),
        ("Hawaiʻi", "Hawaii"), ("Lʼoréal", "Loreal"), ("Gəncə", "Gence"), ("Қазақстан", "Kazakstan"),
        ("McDonald´s", "McDonalds"), ("Øresund", "Oresund"), ("Dvořák", "Dvorak"),
    ],
)  # fmt: skip
def test_letters_from_abroad_are_read_as_those_they_come_from(foreign: str, plain: str) -> None:
    assert similarity(foreign, plain) == pytest.approx(1)
    matcher = TextMatcher(build_index([(0, "Cactus"), (1, "Škerlj"), (2, foreign), (3, "Quick Copy")]))
    assert matcher.candidates(plain, 3)[0][0] == 2


def test_what_cannot_be_read_is_not_outvoted_by_what_can() -> None:
    other_hotel = similarity("北京 Hotel", "上海 Hotel")
    assert similarity("北京 Hotel", "北京 Hotel") == 1
    assert similarity("北京 飯店", "北京 Restaurant") < 1
    assert other_hotel < 0.8


def test_voiced_kana_are_other_letters() -> None:
    assert max(similarity("グリコ", "クリコ"), similarity("バス", "パス"), similarity("バス", "ハス")) < 0.7
