"""The index finds what comparing everything finds, and survives the disk."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.made_up_names import made_up_names
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marklens.core.artifacts import load_arrays, save_arrays
from marklens.core.errors import ArtifactError, IndexMismatchError
from marklens.text import lexicon
from marklens.text.forms import form_of, texts_of
from marklens.text.index_builder import TextIndexBuilder, build_index, merge_indexes
from marklens.text.phonetic import compare
from marklens.text.text_index import TextIndex

NAMES = [*made_up_names(3000, 1), "Kwik Kopy Ltd", "Газпром", "北京饭店", "—", "ACME Tools", "Tools", "The"]


@pytest.fixture(scope="module")
def index() -> TextIndex:
    return build_index(enumerate(NAMES))


def test_marks_that_say_nothing_are_left_out(index: TextIndex) -> None:
    assert len(index) == len(NAMES) - 1
    assert NAMES.index("—") not in index.numbers


@pytest.mark.parametrize(
    "query", [NAMES[5], NAMES[77], "Quick Copy", "Gasprom", "ACME", "北京大饭店", "Tool Group"]
)
def test_it_finds_what_comparing_everything_finds(index: TextIndex, query: str) -> None:
    everything = compare(form_of(query), index.texts).total
    numbers, likeness = index.search(query, 10)
    best = np.sort(everything)[::-1][:10]
    close = int((best >= 0.6).sum())
    np.testing.assert_allclose(likeness.total[:close], best[:close], atol=1e-6)
    assert (np.diff(likeness.total) <= 0).all()
    assert len(set(numbers.tolist())) == len(numbers)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Quick Copy", "Kwik Kopy Ltd"),
        ("Gasprom", "Газпром"),
        ("Akme", "ACME Tools"),
        ("北京饭店", "北京饭店"),
    ],
)
def test_the_likest_comes_first(index: TextIndex, query: str, expected: str) -> None:
    numbers, _ = index.search(query, 3)
    assert NAMES[numbers[0]] == expected


def test_every_mark_finds_itself(index: TextIndex) -> None:
    for number in range(0, 3000, 211):
        numbers, likeness = index.search(NAMES[number], 5)
        assert likeness.total[0] == pytest.approx(1)
        assert number in numbers


def test_hidden_marks_are_not_found(index: TextIndex) -> None:
    allowed = np.ones(len(NAMES), bool)
    hidden = NAMES.index("Kwik Kopy Ltd")
    allowed[hidden] = False
    numbers, _ = index.search("Quick Copy", 50, allowed)
    assert hidden not in numbers
    assert set(index.search("Quick Copy", 50, allowed[:100])[0].tolist()) <= set(range(100))
    assert not len(index.search("Quick Copy", 50, np.zeros(len(NAMES), bool))[0])


@pytest.mark.parametrize("query", ["", "—", "  "])
def test_a_query_that_says_nothing_finds_nothing(index: TextIndex, query: str) -> None:
    numbers, likeness = index.search(query, 5)
    assert len(numbers) == len(likeness.total) == 0
    assert np.isnan(index.likeness(query, index.numbers[:3])).all()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30))
def test_any_query_gets_an_answer(index: TextIndex, query: str) -> None:
    numbers, likeness = index.search(query, 7)
    assert len(numbers) == len(likeness.total) <= 7
    assert ((likeness.total >= 0) & (likeness.total <= 1)).all()


def test_likeness_of_given_marks(index: TextIndex) -> None:
    wanted = np.array([NAMES.index("ACME Tools"), NAMES.index("—"), 0, 10**7], np.int64)
    found = index.likeness("ACME", wanted)
    assert np.isnan(found[[1, 3]]).all()
    alone = compare(form_of("ACME"), texts_of([form_of("ACME Tools")])).total[0]
    assert found[0] == pytest.approx(alone)


def test_it_comes_back_from_the_disk(index: TextIndex, tmp_path: Path) -> None:
    path = tmp_path / "texts.safetensors"
    index.save(path)
    again = TextIndex.load(path)
    for query in ("Quick Copy", NAMES[9]):
        numbers, likeness = index.search(query, 20)
        other_numbers, other_likeness = again.search(query, 20)
        np.testing.assert_array_equal(numbers, other_numbers)
        np.testing.assert_array_equal(likeness.total, other_likeness.total)


def test_the_order_of_adding_does_not_matter(tmp_path: Path) -> None:
    marks = list(enumerate(NAMES[:400]))
    forward, backward = build_index(marks), build_index(reversed(marks))
    np.testing.assert_array_equal(forward.numbers, backward.numbers)
    one, other = forward.search("Quick Copy", 20), backward.search("Quick Copy", 20)
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_allclose(one[1].total, other[1].total, atol=1e-6)


def test_adding_to_an_index_is_like_building_it_whole(tmp_path: Path) -> None:
    marks = list(enumerate(NAMES[-500:]))
    build_index(marks[100:]).save(tmp_path / "texts")
    merged = merge_indexes(TextIndex.load(tmp_path / "texts"), build_index(marks[:100]))
    merged = merge_indexes(merged, build_index([]))
    whole = build_index(marks)
    np.testing.assert_array_equal(merged.numbers, whole.numbers)
    for query in ("Quick Copy", "北京饭店", NAMES[-333]):
        one, other = merged.search(query, 20), whole.search(query, 20)
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1].total, other[1].total)
    with pytest.raises(ValueError, match="mark 7"):
        merge_indexes(merged, build_index([(7, "ACME")]))


def test_equal_texts_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        build_index(enumerate(NAMES[:50])).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_empty_index_works(tmp_path: Path) -> None:
    build_index([]).save(tmp_path / "texts")
    index = TextIndex.load(tmp_path / "texts")
    assert not len(index)
    assert not len(index.search("ACME", 3)[0])
    assert np.isnan(index.likeness("ACME", np.arange(2))).all()


def test_a_mark_twice_is_an_error() -> None:
    builder = TextIndexBuilder()
    assert builder.add(3, "ACME") and builder.add(3, "Zorvix") and not builder.add(4, "—")
    assert len(builder) == 2
    with pytest.raises(ValueError, match="mark 3"):
        builder.finish()


def test_a_file_of_another_recipe_is_refused(index: TextIndex, tmp_path: Path) -> None:
    path = tmp_path / "texts"
    index.save(path)
    arrays, _ = load_arrays(path)
    save_arrays(path, arrays, {"recipe": "rules words-0"})
    with pytest.raises(IndexMismatchError, match="build the text index again"):
        TextIndex.load(path)


def test_a_damaged_file_is_refused(index: TextIndex, tmp_path: Path) -> None:
    path = tmp_path / "texts"
    index.save(path)
    arrays, about = load_arrays(path)
    del arrays["weak"]
    save_arrays(path, arrays, about)
    with pytest.raises(ArtifactError, match="weak"):
        TextIndex.load(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(ArtifactError):
        TextIndex.load(path)


@pytest.mark.skipif(not lexicon.available(), reason="the extra 'phonetics' is not installed")
def test_the_dictionary_may_read(tmp_path: Path) -> None:
    build_index(enumerate(["Through Light", "Zorvixa"]), "dictionary").save(tmp_path / "texts")
    index = TextIndex.load(tmp_path / "texts")
    assert index.reader == "dictionary"
    assert index.search("Threw Lite", 1)[0].tolist() == [0]
