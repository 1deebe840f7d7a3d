from itertools import product

import numpy as np
import pytest
from tests.training.conftest import made_up_cache

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.datasets.splits import PARTS, part_of_key, split, split_like
from signport.errors import SignportError


def _cache(groups_of_class: dict[str, list[str | None]]) -> LandmarkCache:
    """One sample for each group named."""
    hand = np.zeros((1, 21, 3), np.float32)
    samples = [
        Sample(f"{label}/{number:04d}", label, hand, group=group)
        for label, groups in groups_of_class.items()
        for number, group in enumerate(groups)
    ]
    return LandmarkCache.from_samples(samples, CacheHeader("hand", tuple(groups_of_class)))


def test_every_sample_is_in_exactly_one_part():
    for cache in (made_up_cache(), made_up_cache(groups=8)):
        parts = split(cache)
        assert sorted(np.concatenate([parts.rows(part) for part in PARTS])) == list(range(len(cache)))


def test_no_group_is_on_both_sides():
    cache = made_up_cache(groups=9)
    parts = split(cache)
    groups = np.array(cache.groups)
    sides = [set(groups[parts.rows(part)]) for part in PARTS]
    assert parts.by == "group"
    assert all(sides)
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]


def test_uneven_groups_come_close_to_the_wanted_shares_in_every_class():
    sizes = [1, 2, 2, 3, 3, 4, 5, 6, 8, 9, 11, 13, 15, 18]
    groups = [f"signer{number}" for number, size in enumerate(sizes) for _ in range(size)]
    cache = _cache({"A": groups, "B": groups, "C": groups[::-1]})
    parts = split(cache, 0.2, 0.2)
    for part, share in zip(PARTS, (0.6, 0.2, 0.2), strict=True):
        shares = np.bincount(cache.labels[parts.rows(part)], minlength=3) / len(groups)
        np.testing.assert_allclose(shares, share, atol=0.03)


def test_label_split_keeps_each_class_in_proportion():
    cache = _cache({"A": [None] * 100, "B": [None] * 40, "C": [None] * 3})
    parts = split(cache, 0.1, 0.2)
    assert parts.by == "label"
    counts = {part: np.bincount(cache.labels[parts.rows(part)], minlength=3).tolist() for part in PARTS}
    assert counts == {"train": [70, 28, 1], "validation": [10, 4, 1], "test": [20, 8, 1]}


def test_the_seed_alone_decides():
    for cache in (made_up_cache(), made_up_cache(groups=20)):
        first, again, other = split(cache, seed=1), split(cache, seed=1), split(cache, seed=2)
        np.testing.assert_array_equal(first.test, again.test)
        assert first.test.tolist() != other.test.tolist()


def test_a_class_of_one_group_is_trained_on():
    signers = [f"signer{number}" for number in range(6)]
    cache = _cache({"A": signers * 4, "rare": ["signer3"] * 2})
    for seed in range(10):
        parts = split(cache, seed=seed)
        assert (cache.labels[parts.train] == 1).sum() == 2
        assert len(parts.validation)
        assert len(parts.test)


def test_samples_without_a_group_stay_together():
    cache = _cache({"A": ["x", "y", "z", None, None] * 3, "B": ["x", "y", "z", None, None] * 3})
    parts = split(cache, 0.3, 0.2)
    unknown = [row for row, group in enumerate(cache.groups) if group is None]
    assert sum(bool(set(unknown) & set(parts.rows(part))) for part in PARTS) == 1


def test_too_few_groups_are_an_error_that_says_so():
    with pytest.raises(SignportError, match=r"2 group\(s\) are too few for 3 parts"):
        split(_cache({"A": ["x", "y"], "B": ["x", "y"]}))


def test_groups_of_one_class_each_are_an_error_that_names_one():
    with pytest.raises(SignportError, match=r"class 'A' occurs in 1 group\(s\) only"):
        split(_cache({"A": ["x"] * 5, "B": ["y"] * 5, "C": ["z"] * 5}))


def test_a_class_too_small_to_split_is_named():
    with pytest.raises(SignportError, match=r"class 'B' has 1 sample\(s\).* at least 2"):
        split(_cache({"A": [None] * 9, "B": [None]}))


def test_classes_of_two_samples_are_trained_on_and_measured_in_turns():
    cache = _cache({name: [None] * 2 for name in "ABCDEFGH"})
    parts = split(cache, 0.15, 0.15)
    assert sorted(cache.labels[parts.train]) == list(range(8))
    assert (len(parts.validation), len(parts.test)) == (4, 4)


@pytest.mark.parametrize("signers", [3, 4, 5])
def test_a_few_signers_are_split_as_well_as_can_be(signers):
    random = np.random.default_rng(signers)
    sizes = random.integers(3, 9, signers)
    groups = [f"signer{number}" for number, size in enumerate(sizes) for _ in range(size)]
    cache = _cache({name: list(random.permutation(groups)) for name in "ABCDEF"})
    for shares in ((0.7, 0.15, 0.15), (0.5, 0.3, 0.2)):
        parts = split(cache, *shares[1:])
        off = [abs(len(parts.rows(part)) / len(cache) - share) for part, share in zip(PARTS, shares, strict=True)]
        # What brute force over all assignments reaches in the same measure: classes are alike here, so sizes decide.
        best = min(
            sum(
                (abs(sizes[np.array(choice) == part].sum() / sizes.sum() - share) / share) ** 2
                for part, share in enumerate(shares)
            )
            for choice in product(range(3), repeat=signers)
            if set(choice) == {0, 1, 2}
        )
        assert sum((one / share) ** 2 for one, share in zip(off, shares, strict=True)) == pytest.approx(best)


def test_three_signers_make_three_parts_and_the_seed_chooses_which():
    cache = made_up_cache(groups=3)
    chosen = set()
    for seed in range(8):
        parts = split(cache, seed=seed)
        assert [len({cache.groups[row] for row in parts.rows(part)}) for part in PARTS] == [1, 1, 1]
        chosen.add(cache.groups[parts.test[0]])
    assert len(chosen) > 1


def test_sequences_are_split_like_single_frames():
    random = np.random.default_rng(0)
    clips = [random.random((length, 75, 3), np.float32) for length in random.integers(2, 9, 24)]
    samples = [
        Sample(f"{label}/{number:02d}", label, clips[number], group=f"signer{number % 4}")
        for label in "AB"
        for number in range(24)
    ]
    cache = LandmarkCache.from_samples(samples, CacheHeader("pose_hands_75", ("A", "B")))
    parts = split(cache, 0.25, 0.25)
    assert [len(parts.rows(part)) for part in PARTS] == [24, 12, 12]
    inherited = split_like(cache, part_of_key(cache, parts))
    assert inherited is not None
    np.testing.assert_array_equal(inherited.test, parts.test)


def test_a_split_without_a_test_part_is_handed_on():
    cache = made_up_cache(groups=6)
    parts = split(cache, 0.3, 0)
    inherited = split_like(cache, part_of_key(cache, parts))
    assert inherited is not None
    np.testing.assert_array_equal(inherited.validation, parts.validation)
    assert not len(inherited.test)


def test_a_class_without_samples_is_named():
    cache = made_up_cache()
    with pytest.raises(SignportError, match="class 'C' has no sample"):
        split(cache.take(cache.labels < 2))


def test_a_group_split_without_groups_is_refused():
    with pytest.raises(SignportError, match="no sample has a group"):
        split(made_up_cache(), by="group")


def test_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(SignportError, match="sum below 1"):
        split(made_up_cache(), 0.5, 0.5)


def test_another_cache_of_the_same_signers_is_split_alike():
    first, second = made_up_cache(groups=6), made_up_cache(groups=6, per_class=20, seed=9)
    parts = split(first)
    inherited = split_like(second, part_of_key(first, parts))
    assert inherited is not None
    for part in PARTS:
        signers = [
            {cache.groups[row] for row in rows.rows(part)} for cache, rows in ((first, parts), (second, inherited))
        ]
        assert signers[0] == signers[1]


def test_caches_without_common_signers_share_no_split():
    first = made_up_cache(groups=6)
    assert split_like(made_up_cache(), part_of_key(first, split(first))) is None
