"""A chunk comes back as it was written, and damage never goes unseen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marklens.core.errors import ArtifactError
from marklens.core.types import Fault, Mark, ReadText, ViewKind
from marklens.indexing.chunks import Chunk, fingerprint, found_chunk, joined, load_chunk, origins_of

words = st.text(max_size=12)
marks = st.builds(
    Mark,
    id=words, file=words, path=st.just(Path("a/b.png")), text=st.none() | words,
    vienna_codes=st.lists(st.sampled_from(["26.04.01", "27.05.01"])).map(tuple),
    year=st.none() | st.integers(1800, 2100), attributes=st.dictionaries(words, words, max_size=2),
)  # fmt: skip


@st.composite
def chunks(draw: st.DrawFn) -> Chunk:
    held = draw(st.lists(marks, max_size=5))
    counts = [draw(st.integers(1, 2)) for _ in held]
    views = sum(counts)
    inks = draw(arrays(np.bool_, (views, 7, 7)))
    dims, colors = draw(st.sampled_from([0, 3])), draw(st.sampled_from([0, 4]))
    return Chunk(
        source=draw(words), marks=tuple(held),
        faults=tuple(draw(st.lists(st.builds(Fault, words, words, words), max_size=3))),
        owners=np.repeat(np.arange(len(held), dtype=np.int32), counts),
        kinds=np.array([kind for count in counts for kind in range(count)], np.uint8),
        inks=inks,
        vectors=draw(arrays(np.float16, (views, 6), elements=st.floats(-8, 8, width=16))),
        patches=draw(arrays(np.int8, (int(np.count_nonzero(inks)), dims))),
        colors=draw(arrays(np.uint8, (views, colors))),
        masks=tuple(draw(st.none() | st.binary(min_size=1, max_size=20)) for _ in held),
        readings=tuple(draw(st.none() | st.builds(ReadText, words, st.floats(0, 1))) for _ in held),
        origins=draw(arrays(np.uint64, len(held))),
    )  # fmt: skip


def same(one: Chunk, other: Chunk) -> bool:
    plain = [(c.source, c.marks, c.faults, c.masks, c.readings) for c in (one, other)]
    fields = ("owners", "kinds", "inks", "vectors", "patches", "colors", "origins")
    return plain[0] == plain[1] and all(np.array_equal(getattr(one, f), getattr(other, f)) for f in fields)


@given(chunk=chunks())
def test_a_chunk_comes_back(tmp_path_factory: pytest.TempPathFactory, chunk: Chunk) -> None:
    path = tmp_path_factory.mktemp("chunk") / "1.safetensors"
    chunk.save(path)
    assert same(load_chunk(path), chunk)


def example(count: int = 3) -> Chunk:
    held = tuple(Mark(f"m{i}", f"m{i}.png", Path(f"m{i}.png")) for i in range(count))
    inks = np.arange(count * 2 * 49).reshape(-1, 7, 7) % 3 == 0
    return Chunk(
        "s", held, (),
        np.repeat(np.arange(count, dtype=np.int32), 2), np.tile([0, 1], count).astype(np.uint8),
        inks, np.arange(count * 8, dtype=np.float16).reshape(-1, 4),
        np.arange(np.count_nonzero(inks) * 2).astype(np.int8).reshape(-1, 2),
        np.arange(count * 2, dtype=np.uint8)[:, None], (b"x", None, b"yz")[:count],
        (ReadText("one", 0.9), None, ReadText("three", 0.8))[:count],
        np.arange(count, dtype=np.uint64) + np.uint64(100),
    )  # fmt: skip


def test_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "1.safetensors"
    example().save(path)
    written = path.read_bytes()
    for position in np.random.default_rng(0).integers(0, len(written), 60):
        damaged = bytearray(written)
        damaged[position] ^= 1
        path.write_bytes(bytes(damaged))
        found = found_chunk(path)
        assert found is None or same(found, example())  # only padding of the header may change unseen


def test_a_cut_chunk_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "1.safetensors"
    example().save(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ArtifactError, match="damaged"):
        load_chunk(path)
    assert found_chunk(path) is None
    assert found_chunk(tmp_path / "none") is None


def test_marks_leave_with_their_views_and_masks() -> None:
    left = example().without(frozenset({"m1"}))
    assert [mark.id for mark in left.marks] == ["m0", "m2"]
    assert left.owners.tolist() == [0, 0, 1, 1]
    assert left.masks == (b"x", b"yz")
    assert left.readings == (ReadText("one", 0.9), ReadText("three", 0.8))
    assert left.vectors.tolist() == example().vectors[[0, 1, 4, 5]].tolist()
    assert left.colors.ravel().tolist() == [0, 1, 4, 5]
    counts = np.cumsum(example().local.counts)
    kept = np.r_[0 : counts[1], counts[3] : counts[5]]
    assert left.patches.tolist() == example().patches[kept].tolist()
    assert example().without(frozenset({"m0", "m1", "m2"})).vectors.shape == (0, 4)


@given(chunk=chunks(), other=chunks(), data=st.data())
def test_marks_are_taken_in_any_order_with_all_that_is_theirs(
    chunk: Chunk, other: Chunk, data: st.DataObject
) -> None:
    order = data.draw(st.lists(st.integers(0, len(chunk.marks) - 1), max_size=8)) if chunk.marks else []
    taken = chunk.take(np.array(order, np.int64))
    parts = [chunk.take(np.array([position])) for position in order]
    if parts:
        assert same(replace(joined(parts), faults=chunk.faults), taken)
    assert taken.marks == tuple(chunk.marks[position] for position in order)
    if (chunk.patches.shape[1], chunk.colors.shape[1]) == (other.patches.shape[1], other.colors.shape[1]):
        whole, count = joined([chunk, other]), len(chunk.marks)
        first, last = (whole.take(np.arange(*ends)) for ends in ((0, count), (count, len(whole.marks))))
        assert same(replace(first, faults=chunk.faults), chunk)
        assert same(replace(last, source=other.source, faults=other.faults), other)


def test_view_ids_hold_number_and_kind() -> None:
    chunk = example()
    # mark 10 has the views 10·8+0 and 10·8+1
    assert chunk.view_ids(10).tolist() == [80, 81, 88, 89, 96, 97]
    kinds = [kind for kind, _ in chunk.views_of(1)]
    assert kinds == [ViewKind.FULL, ViewKind.FIGURATIVE]
    assert np.array_equal(chunk.views_of(1)[0][1], chunk.inks[2])


def test_a_chunk_checks_itself() -> None:
    with pytest.raises(ValueError, match="views"):
        replace(example(), owners=np.zeros(2, np.int32))
    with pytest.raises(ValueError, match="patches"):
        replace(example(), patches=np.zeros((2, 2), np.int8))
    with pytest.raises(ValueError, match="marks"):
        replace(example(), masks=())


def test_a_fingerprint_sees_other_marks_and_other_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"123")
    mark = Mark("a", "a.png", path)
    before = fingerprint([mark])
    assert fingerprint([mark]) == before
    assert fingerprint([replace(mark, text="new")]) != before
    path.write_bytes(b"1234")
    assert fingerprint([mark]) != before
    path.unlink()
    assert fingerprint([mark]) != before


def test_an_origin_sees_another_picture_and_not_other_data(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"123")
    mark = Mark("a", "a.png", path)
    before = origins_of([mark])
    assert origins_of([replace(mark, id="b", year=1999, text="-")]) == before
    assert origins_of([replace(mark, text="new")]) != before  # its words need not be read
    path.write_bytes(b"1234")
    assert origins_of([mark]) != before
