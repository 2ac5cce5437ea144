"""Case, accents, punctuation, scripts and legal forms do not count."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marklens.text.normalizer import MOST_LETTERS, MOST_WORDS, words_of


def plain(text: str) -> list[str]:
    return [word.letters for word in words_of(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ACME Ltd.", ["acme"]),
        ("Müller GmbH & Co. KG", ["muller"]),
        ("Fiat S.p.A.", ["fiat"]),
        ("Foo Sp. z o.o.", ["foo"]),
        ("ŠKODA a.s.", ["skoda"]),
        ("Société Générale S.A.", ["societe", "generale"]),
        ("ООО «Ромашка»", ["romashka"]),
        ("Ελληνικά Πετρέλαια Α.Ε.", ["ellinika", "petrelaia"]),
        ("株式会社 ソニー", ["ソニー"]),
        ("L'Oréal", ["loreal"]),
        ("Coca‑Cola®", ["coca", "cola"]),
        ("T-Mobile™", ["t", "mobile"]),
        ("H&M", ["h", "and", "m"]),
        ("Hotel K&K", ["hotel", "k", "and", "k"]),
        ("Kanzlei A & B", ["kanzlei", "a", "and", "b"]),
        ("We Can Do", ["we", "can", "do"]),
        ("Hotel Scandi", ["hotel", "scandi"]),
        ("Foobar GmbH und Co. KG", ["foobar"]),
        ("A.B.C. Foods", ["abc", "foods"]),
        ("Straße", ["strasse"]),
        ("Łódź Øresund Æther", ["lodz", "oresund", "aether"]),
        ("ﬁsh ２", ["fish", "2"]),
        ("Щука", ["shchuka"]),
        ("Μπύρα", ["byra"]),
        ("İstanbul", ["istanbul"]),
        ("हिन्दी", ["हिनदी"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert plain(text) == words


@pytest.mark.parametrize("text", ["Ltd", "Co.", "SAS", "AG", "ООО"])
def test_a_name_that_is_only_a_legal_form_stays(text: str) -> None:
    assert len(words_of(text)) == 1


@pytest.mark.parametrize("text", ["", "—", "…!?", " \t\n", "™", "\u0301"])
def test_what_says_nothing_has_no_words(text: str) -> None:
    assert words_of(text) == ()


def test_weak_words_are_marked() -> None:
    assert [(word.letters, word.weak) for word in words_of("The Acme Tools")] == [
        ("the", True), ("acme", False), ("tools", True),
    ]  # fmt: skip


def test_accents_are_kept_for_reading_aloud() -> None:
    assert words_of("Château")[0].text == "château"


def test_other_scripts_are_kept_unread() -> None:
    assert [(word.letters, word.readable) for word in words_of("北京 Acme")] == [
        ("北京", False),
        ("acme", True),
    ]


def test_endless_text_is_cut() -> None:
    assert [len(word.letters) for word in words_of("a" * 5000 + " word" * 50)] == [MOST_LETTERS]
    assert len(words_of("a " * 5000)) == MOST_WORDS
    assert sum(len(word.letters) for word in words_of("12345678 " * 50)) <= MOST_LETTERS / 3


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_gives_clean_words(text: str) -> None:
    for word in words_of(text):
        assert any(letter.isalnum() for letter in word.letters)
        assert all(letter.isalnum() or unicodedata.category(letter)[0] == "M" for letter in word.letters)
        assert word.letters == word.letters.casefold() or not word.readable
        assert not word.readable or word.letters.isascii()


@settings(deadline=None)
@given(st.text("abcdefgh ", min_size=1, max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = " ".join(plain(text))
    assert plain(once) == once.split() or len(plain(once)) < len(
        once.split()
    )  # a legal form came to stand last


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Mike and Ike", ["mike", "and", "ike"]),
        ("Mazel Tov", ["mazel", "tov"]),
        ("Kung Pao", ["kung", "pao"]),
        ("Sea Spa", ["sea", "spa"]),
        ("PT Cruiser", ["pt", "cruiser"]),
        ("AO.com", ["ao", "com"]),
        ("Barilla S.p.A.", ["barilla"]),
        ("Škoda Auto a.s.", ["skoda", "auto"]),
        ("Carlsberg A/S", ["carlsberg"]),
        ("ADAC e. V.", ["adac"]),
        ("Barilla S. p. A.", ["barilla"]),
        ("ČEZ, a. s.", ["cez"]),
        ("ПАО Сбербанк", ["sberbank"]),
        ("«Рошен» ТОВ", ["roshen"]),
        ("A/S", ["a", "s"]),
        ("A.S.", ["as"]),
    ],
)
def test_legal_forms_that_are_words_as_any_go_only_with_dots(text: str, words: list[str]) -> None:
    assert [word.letters for word in words_of(text)] == words


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("株式会社ソニー", "ソニー"),
        ("ソニー株式会社", "ソニー"),
        ("㈱ソニー", "ソニー"),
        ("上海机床有限公司", "上海机床"),
        ("삼성 주식회사", "삼성"),
        ("㈜삼성", "삼성"),
        ("そにー", "ソニー"),
        ("٧٧", "77"),
        ("I❤️NY", "I❤NY"),
        ("نـايك", "نايك"),
        ("Kauf\u00adhaus\u2060", "Kaufhaus"),
    ],
)
def test_scripts_that_part_no_words_and_marks_that_nobody_sees(text: str, other: str) -> None:
    assert words_of(text) == words_of(other) != ()


def test_a_legal_form_alone_is_a_name_in_every_script() -> None:
    for name in ("株式会社", "株式会社有限公司", "ПАО", "ООО ЗАО"):
        assert words_of(name), name


def test_a_cell_of_commas_is_read_in_no_time() -> None:
    """Tried from each of them, this takes an hour."""
    assert [word.letters for word in words_of("a" + "," * 131_000 + "b")] == ["a", "b"]


def test_long_numbers_are_cut_as_they_are_spelled() -> None:
    (word,) = words_of("7" * 120)
    assert len(word.letters) == 30
