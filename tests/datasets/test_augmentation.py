import numpy as np
import pytest
from tests.training.conftest import made_up_cache

from signport.datasets.augmentation import Augmentation, augment
from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.errors import SignportError

STILL = {"mirror": 0.0, "rotation_degrees": 0.0, "tilt_degrees": 0.0, "image_shape": 1.0, "scale": 0.0, "noise": 0.0}


def _augment(cache: LandmarkCache, seed: int = 0, **changes: float) -> LandmarkCache:
    return augment(cache, Augmentation(**{**STILL, **changes}), np.random.default_rng(seed))


def _pixels(cache: LandmarkCache) -> np.ndarray:
    """Wrist-centred x and y in pixels."""
    points = cache.landmarks[:, :, :2] * cache.image_sizes[:, None]
    return points - points[:, :1]


def _bone_lengths(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, 1:] - points[:, :-1], axis=-1)


def test_without_any_change_the_copy_is_the_same():
    cache = made_up_cache()
    copy = _augment(cache)
    np.testing.assert_allclose(copy.landmarks, cache.landmarks, atol=1e-6)
    np.testing.assert_allclose(copy.world_landmarks, cache.world_landmarks, atol=1e-6)
    np.testing.assert_array_equal(copy.handedness, cache.handedness)
    assert copy.sample_ids == cache.sample_ids


def test_mirroring_makes_the_other_hand_in_all_three_columns():
    cache = made_up_cache()
    copy = _augment(cache, mirror=1.0)
    np.testing.assert_allclose(copy.landmarks[..., 0], 1 - cache.landmarks[..., 0], atol=1e-6)
    np.testing.assert_allclose(copy.landmarks[..., 1:], cache.landmarks[..., 1:], atol=1e-6)
    np.testing.assert_allclose(copy.world_landmarks, cache.world_landmarks * [-1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(copy.handedness, 1 - cache.handedness, atol=1e-6)


def test_about_the_wanted_share_is_mirrored():
    cache = made_up_cache(per_class=400)
    copy = _augment(cache, mirror=0.25)
    assert 0.2 < (copy.handedness < 0.5).mean() < 0.3


@pytest.mark.parametrize("image_size", [(640, 480), (480, 1280)])
def test_turning_keeps_every_length_in_pixels(image_size):
    cache = made_up_cache(image_size=image_size)
    copy = _augment(cache, rotation_degrees=40)
    np.testing.assert_allclose(_bone_lengths(_pixels(copy)), _bone_lengths(_pixels(cache)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        _bone_lengths(copy.world_landmarks), _bone_lengths(cache.world_landmarks), rtol=1e-3, atol=1e-5
    )
    assert np.abs(_pixels(copy) - _pixels(cache)).max() > 10


def test_image_and_world_landmarks_turn_by_the_same_angle():
    cache, angles = made_up_cache(), []
    copy = _augment(cache, rotation_degrees=40)
    for points in (_pixels, lambda hands: hands.world_landmarks - hands.world_landmarks[:, :1]):
        before, after = (points(hands)[:, 9, 0] + 1j * points(hands)[:, 9, 1] for hands in (cache, copy))
        angles.append(np.angle(after / before))
    np.testing.assert_allclose(angles[0], angles[1], atol=1e-3)
    assert np.abs(np.rad2deg(angles[0])).max() < 40.01


def test_tilting_keeps_every_length_in_space_and_shortens_what_turns_away():
    cache = made_up_cache(image_size=(640, 480))
    copy = _augment(cache, tilt_degrees=30)
    in_pixels = [hands.landmarks * (640, 480, 640) for hands in (cache, copy)]
    for before, after in (in_pixels, (cache.world_landmarks, copy.world_landmarks)):
        np.testing.assert_allclose(_bone_lengths(after), _bone_lengths(before), rtol=2e-3, atol=1e-5)
    assert np.abs(_bone_lengths(_pixels(copy)) / _bone_lengths(_pixels(cache)) - 1).max() > 0.1


def test_a_hand_without_depth_is_not_tilted():
    flat = made_up_cache().landmarks.copy()
    flat[..., 2] = np.nan
    samples = [Sample(str(row), "A", hand[None]) for row, hand in enumerate(flat)]
    cache = LandmarkCache.from_samples(samples, CacheHeader("hand", ("A",)))
    np.testing.assert_allclose(_augment(cache, tilt_degrees=30).landmarks, cache.landmarks, atol=1e-6)


def test_another_image_shape_changes_coordinates_and_size_but_not_the_hand_in_pixels():
    cache = made_up_cache(image_size=(640, 480))
    copy = _augment(cache, image_shape=2.0)
    shapes = copy.image_sizes[:, 0] / copy.image_sizes[:, 1]
    assert 0.49 < shapes.min() < 0.8
    assert 1.4 < shapes.max() < 2.01
    assert np.abs(copy.landmarks[..., 1] - cache.landmarks[..., 1]).max() > 0.05
    ratio = _bone_lengths(_pixels(copy)) / _bone_lengths(_pixels(cache))
    np.testing.assert_allclose(ratio, ratio[:, :1] * np.ones(20), rtol=5e-3)
    np.testing.assert_allclose(copy.world_landmarks, cache.world_landmarks, atol=1e-6)


def test_stretching_stays_in_its_bounds():
    cache = made_up_cache()
    ratios = _pixels(_augment(cache, scale=0.2))[:, 1:] / _pixels(cache)[:, 1:]
    assert ratios.min() > 0.79
    assert ratios.max() < 1.21
    assert np.ptp(ratios[:, 5, 0]) > 0.2


def test_noise_is_measured_in_hand_sizes():
    small = made_up_cache(per_class=200)
    moved = _pixels(_augment(small, noise=0.05)) - _pixels(small)
    size = np.linalg.norm(_pixels(small), axis=-1).max(axis=1)
    # The wrist jitters too, so a difference from it has twice the variance; z widens the size a little.
    assert 0.06 < (moved[:, 1:] / size[:, None, None]).std() < 0.09


def test_missing_values_stay_missing():
    hand = np.random.default_rng(0).random((1, 21, 3)).astype(np.float32)
    holed = hand.copy()
    holed[0, 4] = np.nan
    samples = [Sample("a", "A", holed, handedness=float("nan")), Sample("b", "A", hand, world_landmarks=hand)]
    cache = LandmarkCache.from_samples(samples, CacheHeader("hand", ("A",)))
    copy = augment(cache, Augmentation(mirror=1.0), np.random.default_rng(0))
    np.testing.assert_array_equal(np.isnan(copy.landmarks), np.isnan(cache.landmarks))
    np.testing.assert_array_equal(np.isnan(copy.world_landmarks), np.isnan(cache.world_landmarks))
    assert np.isnan(copy.handedness).tolist() == [True, True]
    assert copy.table["world_landmarks"].null_count == 1


def test_the_generator_alone_decides():
    cache = made_up_cache()
    first, again, other = (augment(cache, Augmentation(), np.random.default_rng(seed)).landmarks for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize(
    ("field", "value"),
    [("mirror", 1.5), ("copies", -1), ("noise", -0.1), ("scale", 1.0), ("tilt_degrees", 91), ("image_shape", 0.5)],
)
def test_impossible_settings_are_named(field, value):
    with pytest.raises(SignportError, match=rf"data\.augmentation\.{field}: {value}"):
        Augmentation(**{field: value})
