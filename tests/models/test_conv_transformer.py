"""What the convolutions and the attention of `conv_transformer` are made of."""

import numpy as np
from tests.models.test_families import built, samples

from signport.models.registry import family_named
from signport.models.temporal import CausalDepthwiseConvolution, ChannelGate, FrameNormalization, MotionFeatures

RANDOM = np.random.default_rng(3)


def test_differences_stand_behind_the_points_and_are_0_where_either_is_missing():
    landmarks = RANDOM.normal(size=(2, 5, 4, 3)).astype(np.float32)
    landmarks[0, 2, 1] = np.nan
    body = np.nan_to_num(landmarks)
    layer = MotionFeatures((1, 3))
    features = np.asarray(layer([landmarks, body])).reshape(2, 5, 3, 4, 3)
    np.testing.assert_array_equal(features[:, :, 0], body)
    np.testing.assert_array_equal(features[:, 0, 1], 0)
    np.testing.assert_array_equal(features[:, :3, 2], 0)
    np.testing.assert_allclose(features[1, 1:, 1], body[1, 1:] - body[1, :-1], atol=1e-6)
    np.testing.assert_allclose(features[:, 3:, 2], body[:, 3:] - body[:, :-3], atol=1e-6)
    np.testing.assert_array_equal(features[0, 2:4, 1, 1], 0)


def test_a_convolution_sees_its_frame_and_those_before_it():
    x = RANDOM.normal(size=(1, 9, 4)).astype(np.float32)
    layer = CausalDepthwiseConvolution(3)
    answer = np.asarray(layer(x))
    changed = x.copy()
    changed[:, 5] += 1
    differs = (np.asarray(layer(changed)) != answer).any(axis=(0, 2))
    np.testing.assert_array_equal(np.flatnonzero(differs), [5, 6, 7])
    kernel = np.asarray(layer.kernel)
    padded = np.concatenate([np.zeros((2, 4), np.float32), x[0]])
    np.testing.assert_allclose(answer[0, 4], (padded[4:7] * kernel).sum(axis=0), rtol=1e-5)


def test_a_gate_looks_at_neighbouring_channels_and_is_the_same_in_all_frames():
    values = RANDOM.normal(size=(2, 3, 6)).astype(np.float32)
    means = RANDOM.normal(size=(2, 6)).astype(np.float32)
    layer = ChannelGate(3)
    layer.build(None)
    layer.kernel.assign([0.5, -1.0, 2.0])
    around = np.pad(means, [(0, 0), (1, 1)])
    mixed = 0.5 * around[:, :-2] - around[:, 1:-1] + 2 * around[:, 2:]
    expected = values / (1 + np.exp(-mixed))[:, None]
    np.testing.assert_allclose(np.asarray(layer([values, means])), expected, rtol=1e-5)


def test_all_points_share_a_deviation_and_each_lag_s_differences_another():
    family, model = family_named("conv_transformer"), built("conv_transformer")
    clips = samples(model, 64)[0]["landmarks"]
    clips[:, :, 90] = np.nan  # a point that nobody has
    found = family.adapt(model, {"landmarks": clips})
    assert found["mean"].shape == found["std"].shape == (136, 3)
    assert len(np.unique(found["std"])) == 1
    features = model.get_layer("motion")([clips, model.get_layer("body")(clips)])
    parts = np.asarray(features).reshape(*clips.shape[:2], 3, -1)
    for part in (parts[:, :, 1], parts[:, :, 2]):
        assert abs(np.sqrt((part[part != 0] ** 2).mean()) - 1) < 1e-3
    assert 0.9 < np.sqrt((parts[:, :, 0][parts[:, :, 0] != 0] ** 2).mean()) < 1.1


def test_without_lags_only_the_points_are_read():
    model = built("conv_transformer", motion=())
    clips = samples(model, 8)[0]["landmarks"]
    assert family_named("conv_transformer").adapt(model, {"landmarks": clips})["motion_std"].shape == (0,)
    assert model.get_layer("motion").output.shape[1:] == (12, 408)


def test_statistics_are_of_the_frames_that_are_there():
    x = RANDOM.normal(size=(8, 6, 4)).astype(np.float32)
    mask = np.repeat([[1, 1, 1, 1, 0, 0]], 8, axis=0).astype(np.float32)
    layer = FrameNormalization(momentum=0.0)
    layer(x, mask=mask, training=True)
    np.testing.assert_allclose(np.asarray(layer.moving_mean), x[:, :4].mean(axis=(0, 1)), atol=1e-5)
    np.testing.assert_allclose(np.asarray(layer.moving_variance), x[:, :4].var(axis=(0, 1)), atol=1e-4)


def test_the_documented_number_of_parameters():
    family = family_named("conv_transformer")
    assert family.build(family.config(), 123).count_params() == 1_897_163
