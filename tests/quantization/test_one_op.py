"""That the golden tests can fail: what differs from the simulation is caught."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from tests.quantization.kernels import KERNELS, OLD
from tests.quantization.one_op import ALWAYS, Draw, OneOp, assert_golden, golden

from signport.export.flatbuffer import read_model, write_model

DRAW = Draw(1, (0.0, 0.5), (0.3, -1.0))
SHAPES = [(6, 20), (6, 20)]


def example(compute=lambda a, b: a + b, shapes=tuple(SHAPES)):
    return golden(OneOp(compute, shapes), DRAW.inputs(shapes, stream=1), DRAW.inputs(shapes, stream=2))


@pytest.fixture(scope="module")
def sums():
    return example()


def test_what_is_right_passes(sums):
    assert_golden(sums, ["ADD"])


def test_one_value_two_steps_away_is_caught(sums):
    shifted = sums.simulated[0].copy()
    shifted[3, 2, 1] += 2 * sums.grid[0]
    with pytest.raises(AssertionError, match="2 steps apart"):
        assert_golden(replace(sums, simulated=[shifted]), ["ADD"])


def test_one_step_everywhere_is_caught(sums):
    with pytest.raises(AssertionError, match="not equal"):
        assert_golden(replace(sums, simulated=[sums.simulated[0] + sums.grid[0]]), ["ADD"])


def test_three_values_one_step_away_are_caught_where_all_have_to_be_equal():
    moved = golden(
        OneOp(tf.nn.relu, [(8, 8)], shared=True), DRAW.inputs([(8, 8)], stream=1), DRAW.inputs([(8, 8)], stream=2)
    )
    assert_golden(moved, ["RELU"], ALWAYS)
    moved.simulated[0][:3, 0, 0] += moved.grid[0]
    with pytest.raises(AssertionError, match="not equal"):
        assert_golden(moved, ["RELU"], ALWAYS)


@pytest.mark.parametrize("part", ["scale", "zero point"])
def test_another_grid_is_caught(sums, part):
    scale, zero = sums.grid
    wrong = (scale * 1.001, zero) if part == "scale" else (scale, zero + 1)
    with pytest.raises(AssertionError):
        assert_golden(replace(sums, grid=wrong), ["ADD"])


def test_another_range_in_the_simulation_than_in_the_file_is_caught(sums):
    wider = [values * 1.02 for values in DRAW.inputs(SHAPES, stream=1)]
    other = golden(OneOp(lambda a, b: a + b, SHAPES), wider, DRAW.inputs(SHAPES, stream=2))
    with pytest.raises(AssertionError):
        assert_golden(replace(sums, simulated=other.simulated, inputs=other.inputs), ["ADD"])


def test_an_op_that_runs_in_float_is_caught():
    shapes = SHAPES[:1]
    with pytest.raises(AssertionError, match="in float"):
        assert_golden(example(tf.sin, shapes), ["SIN"])


def test_another_operator_than_the_expected_is_caught(sums):
    with pytest.raises(AssertionError):
        assert_golden(sums, ["MUL"])


@pytest.mark.skipif(OLD not in KERNELS, reason="tflite-runtime is not installed")
def test_an_operator_version_that_tflite_runtime_lacks_is_caught_and_the_next_file_runs(sums):
    model = read_model(sums.content)
    for code in model.operatorCodes:
        code.version = 99
    with pytest.raises(AssertionError, match=r"tflite-runtime: .*version '99'"):
        replace(sums, content=write_model(model)).answers(OLD)
    assert np.abs(sums.differences(OLD)).max() <= 1
