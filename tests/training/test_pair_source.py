"""The same seed gives the same batches, however they are made; pairs are of the kinds they say they are."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marklens.core.errors import UsageError
from marklens.core.types import Pixels
from marklens.preprocessing.pipeline import ViewOptions
from marklens.training.batches import PairBatch, PairSource
from marklens.training.copying.copier import Copier, Copying
from marklens.training.copying.words import make_word_bank
from marklens.training.pairs.epochs import epoch_order
from marklens.training.pairs.packed_views import PIXELS, PackedViews
from marklens.training.pairs.pair_source import LoaderOptions, PackedPairs
from marklens.training.pairs.positives import PAIR_KINDS, Positives, PositiveShares, rare_codes

SIZE, MARKS = 24, 40


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> PackedViews:
    """40 marks: every fourth has two views, 0 to 5 are one group, 6 and 7 another; 8 to 11 share a code."""
    root, random = tmp_path_factory.mktemp("packed"), np.random.default_rng(0)
    counts = [2 if mark % 4 == 0 else 1 for mark in range(MARKS)]
    pixels = np.full((sum(counts), SIZE, SIZE, 3), 255, np.uint8)
    pixels[:, 4:-4, 2:-2] = random.integers(0, 200, (sum(counts), SIZE - 8, SIZE - 4, 3))
    np.save(root / PIXELS, pixels)
    groups = np.arange(MARKS)
    groups[:6], groups[6:8] = 0, 6
    codes = tuple(("26.04.01",) if 8 <= mark < 12 else () for mark in range(MARKS))
    return PackedViews(
        root, pixels, np.zeros(sum(counts), np.uint8), np.concatenate([[0], np.cumsum(counts)]), groups,
        tuple(f"{mark}.png" for mark in range(MARKS)), codes, {},
    )  # fmt: skip


@pytest.fixture(scope="module")
def copier() -> Copier:
    return Copier(ViewOptions(size=SIZE), Copying(), make_word_bank(count=5))


def same(one: PairBatch, other: PairBatch) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("first", "second", "groups")
    )


def take(batches: Iterator[PairBatch], count: int) -> list[PairBatch]:
    return [batch for batch, _ in zip(batches, range(count), strict=False)]


def test_the_same_seed_gives_the_same_batches_and_another_does_not(
    views: PackedViews, copier: Copier
) -> None:
    source: PairSource = PackedPairs(views, copier, seed=1)
    assert source.steps(8) == 5 and source.size == SIZE
    one, again = list(source.batches(0, 8)), list(PackedPairs(views, copier, seed=1).batches(0, 8))
    assert len(one) == 5 and all(map(same, one, again))
    assert not same(one[0], next(PackedPairs(views, copier, seed=2).batches(0, 8)))
    assert not same(one[0], next(source.batches(1, 8)))
    assert one[0].first.shape == (8, SIZE, SIZE, 3) and one[0].first.dtype == np.uint8


def test_a_run_goes_on_at_any_step(views: PackedViews, copier: Copier) -> None:
    source = PackedPairs(views, copier)
    whole = list(source.batches(3, 8))
    assert all(map(same, whole[2:], source.batches(3, 8, first=2)))


def test_ranks_share_the_batch_of_one_process(views: PackedViews, copier: Copier) -> None:
    source = PackedPairs(views, copier)
    whole = next(source.batches(0, 8))
    for rank in range(3):
        part = next(source.batches(0, 8, rank=rank, world=3))
        wanted = PairBatch(whole.first[rank::3], whole.second[rank::3], whole.groups[rank::3])
        assert same(part, wanted)


def test_workers_change_nothing(views: PackedViews, copier: Copier) -> None:
    alone = PackedPairs(views, copier)
    together = PackedPairs(views, copier, loading=LoaderOptions(workers=2, ahead=2))
    try:
        assert all(map(same, alone.batches(0, 16), together.batches(0, 16)))
        left = together.batches(1, 16)
        next(left)
        left.close()  # type: ignore[attr-defined]
        assert same(next(alone.batches(2, 16)), next(together.batches(2, 16)))
    finally:
        together.close()


@settings(deadline=None, max_examples=40)
@given(
    groups=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    batch=st.integers(1, 12),
    seed=st.integers(0, 9),
    members=st.integers(1, 4),
)
def test_an_epoch_takes_every_mark_once(groups: list[int], batch: int, seed: int, members: int) -> None:
    order = epoch_order(np.array(groups), batch, np.random.default_rng(seed), members)
    assert order.shape == (len(groups) // batch, batch)
    assert len(np.unique(order)) == order.size


def test_marks_of_one_group_are_in_different_batches() -> None:
    groups = np.repeat(np.arange(20), 3)
    for seed in range(5):
        order = epoch_order(groups, 6, np.random.default_rng(seed))
        repeated = [6 - len(set(groups[row].tolist())) for row in order]
        assert sum(repeated[:7]) == 0 and sum(repeated) <= 6


def test_marks_of_one_group_come_together_for_losses_on_groups() -> None:
    groups = np.repeat(np.arange(30), 4)
    for seed in range(5):
        order = groups[epoch_order(groups, 12, np.random.default_rng(seed), members=3)]
        counts = [np.unique(row, return_counts=True)[1] for row in order]
        assert np.mean([count.max() for count in counts[:6]]) == 3
        assert max(count.max() for count in counts[:6]) == 3


def test_pairs_are_what_they_say(views: PackedViews) -> None:
    source = PackedPairs(views, lambda view, random: view)
    owner = np.repeat(np.arange(MARKS), np.diff(views.starts))
    seen: Counter[str] = Counter()
    for epoch in range(30):
        for step in range(source.steps(8)):
            chosen = source.choose(epoch, 8, step)
            for first, second, kind, group in zip(
                chosen.first, chosen.second, chosen.kinds, chosen.groups, strict=True
            ):
                one, other = int(owner[first]), int(owner[second])
                seen[kind] += 1
                assert views.groups[[one, other]].tolist() == group.tolist()
                match kind:
                    case "two_looks":
                        assert first == second
                    case "two_views":
                        assert first != second and one == other
                    case "other_hand":
                        assert one != other and views.groups[one] == views.groups[other]
                    case "vienna":
                        assert one != other and set(views.codes[one]) & set(views.codes[other])
    assert set(seen) == set(PAIR_KINDS)


def test_kinds_that_a_mark_lacks_drop_out(views: PackedViews) -> None:
    positives = Positives(views, PositiveShares(two_looks=0.2, two_views=0.2, other_hand=0.4, vienna=0.2))
    assert positives.chances(0) == pytest.approx(
        {"two_looks": 0.25, "two_views": 0.25, "other_hand": 0.5, "vienna": 0}
    )
    assert positives.chances(13) == {"two_looks": 1, "two_views": 0, "other_hand": 0, "vienna": 0}
    assert positives.chances(9)["vienna"] == pytest.approx(0.5)


def test_shares_that_make_no_sense_are_refused() -> None:
    for wrong in ({"two_looks": 0.0}, {"vienna": -0.1}):
        with pytest.raises(UsageError):
            replace(PositiveShares(), **wrong)


def test_rare_codes_weigh_more_and_common_ones_nothing() -> None:
    codes = [("common", "rare") if mark < 3 else ("common",) for mark in range(4000)]
    codes[7] = ("common", "once")
    codes[8:38] = [("common", "some")] * 30
    bearers, weights = rare_codes(codes)
    assert sorted(bearers) == ["rare", "some"] and bearers["rare"].tolist() == [0, 1, 2]
    assert weights["rare"] == pytest.approx(np.log(4001 / 3) ** 2) and weights["rare"] > weights["some"]


def test_the_copies_of_a_pair_differ(views: PackedViews) -> None:
    def noisy(view: Pixels, random: np.random.Generator) -> Pixels:
        return np.asarray(random.integers(0, 255, view.shape), np.uint8)

    batch = next(PackedPairs(views, noisy).batches(0, 8))
    assert all((one != other).any() for one, other in zip(batch.first, batch.second, strict=True))
