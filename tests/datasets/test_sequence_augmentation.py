from dataclasses import fields

import numpy as np
import pytest
import tensorflow as tf
from tests.datasets.made_up_clips import made_up_clip

from signport.datasets.augmentation import Augmentation
from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.datasets.sequence_augmentation import CLIP_TRANSFORMS, SequenceAugmentation
from signport.errors import SignportError
from signport.landmarks.topology import POSE_HANDS_75

OFF = dict.fromkeys((*CLIP_TRANSFORMS, "mixup"), 0.0)
CLIPS = np.stack([made_up_clip(POSE_HANDS_75, 20, 12 + number, seed=number) for number in range(8)])
TARGETS = np.eye(8, dtype=np.float32)


def _augment(augmentation, clips=CLIPS, targets=TARGETS, seed=0):
    augment = tf.function(augmentation.on_the_fly(POSE_HANDS_75))
    inputs = {"landmarks": tf.constant(clips)}
    inputs, targets, weights = augment(inputs, tf.constant(targets), None, tf.constant([3, seed], tf.int64))
    assert weights is None
    return inputs["landmarks"].numpy(), targets.numpy()


def test_the_defaults_are_the_transformer_s_probabilities():
    probabilities = {name: getattr(SequenceAugmentation(), name) for name in OFF}
    assert probabilities == {
        "time_warp": 0.5, "noise": 0.6, "rotation": 0.5, "scaling": 0.5, "masking": 0.4, "temporal_shift": 0.3,
        "mixup": 0.2,
    }  # fmt: skip
    assert {field.name for field in fields(SequenceAugmentation)} == {*OFF, *(f"{name}_strength" for name in OFF)}


def test_all_probabilities_at_zero_are_off():
    assert SequenceAugmentation(**OFF).on_the_fly(POSE_HANDS_75) is None


@pytest.mark.parametrize("name", OFF)
def test_each_one_alone_changes_the_clips(name):
    clips, targets = _augment(SequenceAugmentation(**{**OFF, name: 1.0}))
    changed = [not np.array_equal(one, other, equal_nan=True) for one, other in zip(clips, CLIPS, strict=True)]
    # A span or a shift can come out as 0 frames.
    assert sum(changed) >= 5
    assert np.array_equal(targets, TARGETS) == (name != "mixup")


def test_the_seed_alone_decides_what_becomes_of_a_batch():
    first, again, other = (_augment(SequenceAugmentation(), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert sum(np.array_equal(one, two, equal_nan=True) for one, two in zip(first[0], other[0], strict=True)) < 3


def test_what_a_clip_is_drawn_for_does_not_depend_on_the_other_probabilities():
    both, _ = _augment(SequenceAugmentation(**{**OFF, "rotation": 0.5, "masking": 1e-9}))
    alone, _ = _augment(SequenceAugmentation(**{**OFF, "rotation": 0.5}))
    np.testing.assert_array_equal(both, alone)


def test_an_epoch_goes_over_the_samples_as_they_are():
    samples = [Sample(str(number), "a", clip) for number, clip in enumerate(CLIPS)]
    cache = LandmarkCache.from_samples(samples, CacheHeader(POSE_HANDS_75.name, ("a",)))
    assert SequenceAugmentation().variants(cache, seed=0) == [cache]
    assert Augmentation().on_the_fly(POSE_HANDS_75) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_warp", 1.5),
        ("noise", -0.1),
        ("mixup", float("nan")),
        ("time_warp_strength", 1.0),
        ("noise_strength", -1.0),
        ("rotation_strength", 181.0),
        ("scaling_strength", 1.0),
        ("masking_strength", 1.1),
        ("temporal_shift_strength", 1.0),
        ("mixup_strength", 0.0),
    ],
)
def test_impossible_settings_are_named(field, value):
    with pytest.raises(SignportError, match=rf"^data\.augmentation\.{field}: {value}; it must be [^\n]*$"):
        SequenceAugmentation(**{field: value})
