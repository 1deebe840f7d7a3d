import numpy as np
import pytest
import tensorflow as tf
from tests.datasets.made_up_clips import made_up_clip

from signport.datasets import sequence_transforms as transforms
from signport.datasets.sequence_augmentation import CLIP_TRANSFORMS
from signport.landmarks.topology import HAND, ISL_136, UPPER_59

FRAMES, LENGTH = 24, 17
STRENGTHS = {"rotation": 40.0, "noise": 0.1}
BODY = transforms.Body.of(UPPER_59)
CLIP = made_up_clip(UPPER_59, FRAMES, LENGTH)


def _apply(name, clip=CLIP, seed=0, strength=None, body=BODY):
    strength = STRENGTHS.get(name, 0.4) if strength is None else strength
    clips, seeds = tf.constant(clip[None]), tf.constant([7, seed], tf.int64)
    return getattr(transforms, name)(clips, seeds, strength, body).numpy()[0]


def _missing(clip):
    return np.isnan(clip).any(-1)


def _sources(clip):
    """Which frame of `CLIP` each frame is; the x of its first point tells."""
    rising = CLIP[:LENGTH, 0, 0]
    return np.array([-1 if np.isnan(x) else np.abs(rising - x).argmin() for x in clip[:, 0, 0]])


@pytest.mark.parametrize("name", CLIP_TRANSFORMS)
def test_the_seed_alone_decides(name):
    first, again, *others = (_apply(name, seed=seed) for seed in (1, 1, 2, 3, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert any(not np.array_equal(first, other, equal_nan=True) for other in others)


@pytest.mark.parametrize("name", CLIP_TRANSFORMS)
def test_no_strength_changes_nothing(name):
    np.testing.assert_allclose(_apply(name, strength=0.0), CLIP, atol=1e-6)


@pytest.mark.parametrize("name", CLIP_TRANSFORMS)
@pytest.mark.parametrize("length", [0, 1, 2, FRAMES])
def test_clips_of_any_length_pass(name, length):
    clip = made_up_clip(UPPER_59, FRAMES, length)
    for seed in range(4):
        changed = _apply(name, clip, seed)
        assert changed.shape == clip.shape
        assert not np.isinf(changed).any()
        assert (~_missing(changed)).sum() <= (FRAMES * 59 if length else 0)


@pytest.mark.parametrize("name", ["noise", "rotation", "scaling"])
def test_points_that_move_stay_missing_where_they_were_missing(name):
    holed = CLIP.copy()
    holed[3] = np.nan
    holed[5:9, 17:38] = np.nan
    changed = _apply(name, holed)
    np.testing.assert_array_equal(_missing(changed), _missing(holed))
    assert np.nanmax(np.abs(changed - holed)) > 0.01


@pytest.mark.parametrize("name", CLIP_TRANSFORMS)
def test_each_clip_of_a_batch_gets_its_own_numbers(name):
    clips, seed = tf.constant(np.stack([CLIP] * 12)), tf.constant([7, 0], tf.int64)
    changed = getattr(transforms, name)(clips, seed, STRENGTHS.get(name, 0.4), BODY).numpy()
    assert len({clip.tobytes() for clip in changed}) >= 6


@pytest.mark.parametrize("name", CLIP_TRANSFORMS)
def test_a_batch_of_none_stays_one(name):
    none = tf.zeros((0, FRAMES, 59, 3))
    assert getattr(transforms, name)(none, tf.constant([7, 0], tf.int64), 0.3, BODY).shape == none.shape


def test_some_are_changed_and_the_others_stay_to_the_bit():
    clips, seed = tf.constant(np.stack([CLIP] * 200)), tf.constant([7, 0], tf.int64)
    changed = transforms.some_of(clips, seed, 0.3, lambda some, _seed: some + 1).numpy()
    moved = np.nanmax(changed - CLIP, axis=(1, 2, 3)) > 0.5
    assert 0.2 < moved.mean() < 0.4
    np.testing.assert_array_equal(changed[~moved], clips.numpy()[~moved])
    np.testing.assert_array_equal(changed[moved], clips.numpy()[moved] + 1)


def test_a_time_warp_keeps_order_and_ends():
    lengths = []
    for seed in range(20):
        warped = _apply("time_warp", seed=seed, strength=0.6)
        sources = _sources(warped)
        length = int((sources >= 0).sum())
        lengths.append(length)
        assert (sources[:length] >= 0).all()  # missing frames are at the end only
        assert (np.diff(sources[:length]) >= 0).all()
        assert sources[0] == 0
        assert sources[length - 1] == LENGTH - 1
        np.testing.assert_array_equal(warped[:length], CLIP[sources[:length]])  # frames are whole
    assert min(lengths) < LENGTH < max(lengths) <= FRAMES
    assert min(lengths) >= round(LENGTH * 0.4)


def test_a_time_warp_changes_the_pace_within_a_clip():
    clip = made_up_clip(UPPER_59, 100, 100)
    middles = [_apply("time_warp", clip, seed, strength=0.5)[:, 0, 0] for seed in range(8)]
    halfway = [
        np.abs(one[: np.isfinite(one).sum()] - clip[50, 0, 0]).argmin() / np.isfinite(one).sum() for one in middles
    ]
    assert max(halfway) - min(halfway) > 0.05


def test_a_shift_moves_the_clip_as_a_whole():
    shifts = set()
    for seed in range(20):
        sources = _sources(_apply("temporal_shift", seed=seed, strength=0.3))
        kept = np.flatnonzero(sources >= 0)
        shift = int(kept[0] - sources[kept[0]])
        np.testing.assert_array_equal(sources[kept] + shift, kept)
        shifts.add(shift)
        assert abs(shift) <= round(0.3 * LENGTH)
    assert min(shifts) < 0 < max(shifts)


def test_a_turn_is_about_the_shoulders_and_keeps_lengths():
    turned = _apply("rotation")
    np.testing.assert_allclose(turned[..., 2], CLIP[..., 2])
    before, after = (clip[:LENGTH, :, :2] - [0.5, 0.5] for clip in (CLIP, turned))
    np.testing.assert_allclose(np.linalg.norm(after, axis=-1), np.linalg.norm(before, axis=-1), atol=1e-6)
    angles = np.rad2deg(np.angle((after @ [1, 1j]) / (before @ [1, 1j])))
    assert np.ptp(angles) < 0.01
    assert 1 < abs(angles[0, 0]) <= 40


def test_a_stretch_is_about_the_shoulders_with_depth_like_width():
    stretched = _apply("scaling", strength=0.3)
    middle = np.array([0.5, 0.5, 0.0])
    width, height, depth = (stretched[0, 0] - middle) / (CLIP[0, 0] - middle)
    assert depth == pytest.approx(width, abs=1e-4)
    assert abs(width - height) > 0.01
    assert max(abs(width - 1), abs(height - 1)) <= 0.3
    np.testing.assert_allclose(
        stretched[:LENGTH], (CLIP[:LENGTH] - middle) * [width, height, depth] + middle, atol=1e-4
    )


def test_noise_is_measured_in_shoulder_widths():
    small = CLIP * [0.5, 0.5, 1.0]
    deviations = [np.nanstd(_apply("noise", clip.astype(np.float32), strength=0.05) - clip) for clip in (CLIP, small)]
    assert deviations[0] == pytest.approx(0.05 * 0.2, rel=0.05)
    assert deviations[1] == pytest.approx(0.05 * 0.1, rel=0.05)


def test_without_shoulders_the_points_say_where_the_body_is():
    headless = CLIP.copy()
    headless[:, BODY.shoulders] = np.nan
    moved = _apply("rotation", headless) - headless
    assert np.nanmax(np.abs(moved)) > 0.01
    np.testing.assert_allclose(np.nanmean(moved, axis=(0, 1)), 0, atol=1e-5)
    hand = made_up_clip(HAND, FRAMES, LENGTH)
    noisy = _apply("noise", hand, body=transforms.Body.of(HAND))
    assert 0 < np.nanstd(noisy - hand) < 0.1


def test_masking_hides_frames_or_a_hand_or_points_and_changes_nothing_else():
    kinds = set()
    for seed in range(40):
        masked = _apply("masking", seed=seed, strength=0.4)
        hidden = (_missing(masked) & ~_missing(CLIP))[:LENGTH]
        np.testing.assert_array_equal(masked[:LENGTH][~hidden], CLIP[:LENGTH][~hidden])
        frames, points = np.flatnonzero(hidden.any(1)), np.flatnonzero(hidden.any(0))
        np.testing.assert_array_equal(hidden[np.ix_(frames, points)], True)  # one block of frames × points
        if not len(frames):
            continue
        if len(points) == 59:
            kinds.add("frames")
        elif tuple(points) in BODY.hands:
            kinds.add(f"hand {BODY.hands.index(tuple(points))}")
        else:
            kinds.add("points")
            assert len(frames) == LENGTH
            assert 0.15 < len(points) / 59 < 0.65
            continue
        assert len(frames) <= round(0.4 * LENGTH)
        assert np.ptp(frames) == len(frames) - 1
    assert kinds == {"frames", "hand 0", "hand 1", "points"}


def _mixup(clips, probability=1.0, weights=None, seed=0, strength=0.4):
    targets = np.eye(len(clips), dtype=np.float32)
    weights = None if weights is None else tf.constant(weights, tf.float32)
    answer = transforms.mixup(
        tf.constant(clips), tf.constant(targets), weights, tf.constant([7, seed], tf.int64), probability, strength
    )
    return [None if values is None else values.numpy() for values in answer]


CLIPS = np.stack([made_up_clip(ISL_136, 10, 4 + number, seed=number) for number in range(6)])


def test_mixup_blends_clips_and_targets_alike():
    clips, targets, weights = _mixup(CLIPS)
    assert weights is None
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    shares = np.diag(targets)
    assert ((shares >= 0.5) & (shares <= 1)).all()
    assert shares.min() < 0.95
    neighbours = np.roll(CLIPS, -1, axis=0)
    for clip, mine, other, share in zip(clips, CLIPS, neighbours, shares, strict=True):
        both = ~np.isnan(mine) & ~np.isnan(other)
        np.testing.assert_allclose(clip[both], (share * mine + (1 - share) * other)[both], atol=1e-6)


def test_mixup_takes_what_one_lacks_from_the_other():
    clips, _, _ = _mixup(CLIPS)
    neighbours = np.roll(CLIPS, -1, axis=0)
    np.testing.assert_array_equal(np.isnan(clips), np.isnan(CLIPS) & np.isnan(neighbours))
    only_other = np.isnan(CLIPS) & ~np.isnan(neighbours)
    assert only_other.any()
    np.testing.assert_allclose(clips[only_other], neighbours[only_other], atol=1e-6)


def test_mixup_blends_weights_with_the_same_shares():
    weights = np.arange(1, 7, dtype=np.float32)
    _, targets, blended = _mixup(CLIPS, weights=weights)
    np.testing.assert_allclose(blended, targets @ weights, atol=1e-5)


def test_mixup_leaves_alone_what_is_not_drawn():
    clips, targets, weights = _mixup(CLIPS, probability=0.0, weights=np.arange(6))
    np.testing.assert_array_equal(clips, CLIPS)
    np.testing.assert_array_equal(targets, np.eye(6))
    np.testing.assert_array_equal(weights, np.arange(6))
    clips, targets, _ = _mixup(np.concatenate([CLIPS] * 5), probability=0.4)
    alone = np.diag(targets) == 1
    assert 5 < alone.sum() < 30
    np.testing.assert_array_equal(clips[alone], np.concatenate([CLIPS] * 5)[alone])


def test_a_batch_of_one_and_a_tiny_alpha_are_blended_with_nothing():
    clips, targets, _ = _mixup(CLIPS[:1])
    np.testing.assert_allclose(clips, CLIPS[:1], atol=1e-6)
    np.testing.assert_allclose(targets, [[1]], atol=1e-6)
    clips, targets, _ = _mixup(CLIPS, strength=1e-4)  # both draws underflow to 0
    assert np.isfinite(targets).all()
    assert not np.isinf(clips).any()
