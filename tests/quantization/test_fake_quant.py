import numpy as np
import pytest
import tensorflow as tf

from signport.quantization.fake_quant import ActivationQuantizer, Phase, in_phase, snap_to_grid


def test_weights_lie_on_127_steps_either_side_of_zero_per_output_channel():
    weight = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32) * [1, 10, 0.1, 0]
    snapped = snap_to_grid(weight)
    scale = np.abs(weight).max(axis=0) / 127
    steps = snapped[:, :3] / scale[:3]
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    assert np.abs(steps).max() <= 127.001
    assert np.abs(snapped - weight).max(axis=0)[:3] == pytest.approx(scale[:3] / 2, rel=0.2)
    np.testing.assert_array_equal(snapped[:, 3], 0)


def test_snapping_twice_is_snapping_once():
    weight = np.random.default_rng(1).normal(size=(64, 8)).astype(np.float32)
    once = snap_to_grid(weight)
    np.testing.assert_allclose(snap_to_grid(once), once, atol=1e-7)


def test_calibration_takes_the_extremes_and_always_holds_zero():
    quantizer = ActivationQuantizer()
    with in_phase(Phase.CALIBRATE):
        for values in ([1.0, 3.0], [2.0, 5.0]):
            np.testing.assert_array_equal(quantizer(tf.constant(values)), values)
    assert (float(quantizer.low), float(quantizer.high)) == (0.0, 5.0)


def test_simulation_has_256_values_and_clips():
    quantizer = ActivationQuantizer()
    with in_phase(Phase.CALIBRATE):
        quantizer(tf.constant([-1.0, 1.0]))
    with in_phase(Phase.SIMULATE):
        values = quantizer(tf.linspace(-3.0, 3.0, 10_001)).numpy()
    assert len(np.unique(values)) == 256
    assert 0.0 in values
    assert np.abs(values).max() <= 1.01


def test_float_phase_changes_nothing():
    values = np.random.default_rng(2).normal(size=100).astype(np.float32)
    np.testing.assert_array_equal(ActivationQuantizer()(values), values)


def test_a_phase_ends_with_its_block_even_after_an_error():
    quantizer = ActivationQuantizer()
    with pytest.raises(ZeroDivisionError), in_phase(Phase.CALIBRATE):
        raise ZeroDivisionError
    quantizer(tf.constant([9.0]))
    assert float(quantizer.high) == 0.0


def test_ranges_follow_training_until_they_are_frozen():
    quantizer = ActivationQuantizer()
    with in_phase(Phase.CALIBRATE):
        quantizer(tf.constant([0.0, 10.0]))
    with in_phase(Phase.SIMULATE):
        quantizer(tf.constant([0.0, 5.0]), training=True)
        moved = float(quantizer.high)
        quantizer.momentum.assign(1.0)
        quantizer(tf.constant([0.0, 100.0]), training=True)
    assert 9.9 < moved < 10
    assert float(quantizer.high) == moved
