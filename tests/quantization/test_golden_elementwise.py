"""QUANTIZE, ADD, MUL, MEAN, RSQRT, SOFTMAX, LOGISTIC, TANH, RELU: the simulation answers like LiteRT's int8 kernels."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tests.quantization.kernels import OLD, OPTIMIZED, REFERENCE, XNNPACK
from tests.quantization.one_op import ALWAYS, MOSTLY, OneOp, assert_golden, check, draws, few, golden

from signport.export.flatbuffer import read_model
from signport.quantization.fake_quant import HYPERBOLIC, PROBABILITY, quantized_operand

ROWS, COLUMNS = st.integers(1, 12), st.integers(2, 40)
# TFLite's own MEAN rounds to half steps first, then away from zero: a quarter of all values moves a step outward. (Its
# multiplier leaves no more bits between the two roundings; LiteRT issue 7441 has the two ways of rounding.)
MEANS = {**MOSTLY, OPTIMIZED: 0.6, REFERENCE: 0.6, OLD: 0.6}


@pytest.mark.parametrize("kind", ["same shape", "broadcast"])
@given(draw=draws(), rows=ROWS, columns=COLUMNS)
@few(5)
def test_addition(kind, draw, rows, columns):
    second = (rows, columns) if kind == "same shape" else (1, columns)
    check(OneOp(lambda a, b: a + b, [(rows, columns), second]), draw, ["ADD"])


@pytest.mark.parametrize("kind", ["same shape", "broadcast"])
@given(draw=draws(), rows=ROWS, columns=COLUMNS)
@few(5)
def test_product(kind, draw, rows, columns):
    second = (rows, columns) if kind == "same shape" else (rows, 1)
    check(OneOp(lambda a, b: a * b, [(rows, columns), second]), draw, ["MUL"])


@given(draws(), ROWS, COLUMNS)
@few(5)
def test_square(draw, rows, columns):
    check(OneOp(lambda x: x * x, [(rows, columns)]), draw, ["MUL"])


@given(draws(), st.integers(2, 12), COLUMNS)
@few(4)
def test_product_with_a_mask(draw, frames, columns):
    shapes = [(frames, columns), (frames, 1)]
    seen = [(values > 0).astype(np.float32) for values in (draw.inputs(shapes, stream)[1] for stream in (3, 4))]
    seen[0][0], seen[0][1] = 0, 1
    op = OneOp(lambda x, mask: x * mask, shapes)
    found = golden(op, [draw.inputs(shapes, 1)[0], seen[0]], [draw.inputs(shapes, 2)[0], seen[1]])
    assert_golden(found, ["MUL"])
    assert (found.simulated[0][seen[1][..., 0] == 0] == 0).all()


@pytest.mark.parametrize(("compute", "name"), [(tf.add, "ADD"), (tf.multiply, "MUL")], ids=["add", "mul"])
@given(draw=draws(), rows=ROWS, columns=COLUMNS)
@few(4)
def test_constant_operand_on_the_range_of_its_own_values(compute, name, draw, rows, columns):
    def with_constant(x, constant):
        return compute(x, quantized_operand(constant))

    # A constant of one sign, too: an offset or a factor often is.
    weight = draw.weight(columns, magnitude=draw.magnitudes[1])
    weight = np.abs(weight) if draw.seed % 2 else weight
    found = check(OneOp(with_constant, [(rows, columns)], [weight]), draw, [name])
    tensor = stored_constant(found)
    low, high = min(0.0, float(weight.min())), max(0.0, float(weight.max()))
    np.testing.assert_allclose(tensor.scale, (high - low) / 255, rtol=1e-6)
    assert tensor.zeroPoint == np.clip(round(-128 - low / ((high - low) / 255)), -128, 127)


def stored_constant(found):
    """Quantization of the constant operand."""
    graph = read_model(found.content).subgraphs[0]
    operands = graph.operators[1].inputs
    (constant,) = (index for index in operands if index not in graph.operators[0].outputs)
    return graph.tensors[constant].quantization


@pytest.mark.parametrize(
    ("shape", "axes", "kept"),
    [((24,), (-1,), True), ((5, 24), (-1,), True), ((30, 24), (1,), False), ((6, 5, 24), (2,), False)],
    ids=["of a vector", "over channels", "over frames", "over nodes"],
)
@given(draw=draws())
@few(3)
def test_mean(shape, axes, kept, draw):
    check(OneOp(lambda x: tf.reduce_mean(x, axes, keepdims=kept), [shape]), draw, ["MEAN"], MEANS)


# XNNPACK leaves RSQRT to TFLite's own kernel.
@given(draws(), ROWS, COLUMNS, st.floats(0.001, 1.0))
@few(6)
def test_reciprocal_root(draw, rows, columns, smallest):
    shape = (rows, columns)
    above = [np.abs(draw.inputs([shape], stream)[0]) for stream in (1, 2)]
    above = [values + smallest * above[0].max() for values in above]
    # Below half a step of the input there is a division by 0, which is for the layer to avoid.
    found = golden(OneOp(tf.math.rsqrt, [shape]), above[:1], [np.maximum(above[1], above[0].max() / 200)])
    assert_golden(found, ["RSQRT"], {**MOSTLY, XNNPACK: MOSTLY[OPTIMIZED]})


def test_the_reciprocal_root_of_zero_is_the_largest_value():
    shape = (4, 8)
    calibration = np.random.default_rng(1).uniform(0.5, 4, size=(32, *shape)).astype(np.float32)
    samples = calibration.copy()
    samples[:, 0] = 0
    found = golden(OneOp(tf.math.rsqrt, [shape]), [calibration], [samples])
    assert_golden(found, ["RSQRT"])
    scale, zero = found.grid
    np.testing.assert_allclose(found.answers(XNNPACK)[0][:, 0], scale * (127 - zero), rtol=1e-5)


@pytest.mark.parametrize(
    ("compute", "fixed", "name"),
    [(tf.nn.softmax, PROBABILITY, "SOFTMAX"), (tf.sigmoid, PROBABILITY, "LOGISTIC"), (tf.tanh, HYPERBOLIC, "TANH")],
    ids=["softmax", "logistic", "tanh"],
)
@given(draw=draws(), rows=ROWS, columns=COLUMNS)
@few(6)
def test_function_with_a_prescribed_range(compute, fixed, name, draw, rows, columns):
    check(OneOp(compute, [(rows, columns)], fixed=fixed), draw, [name])


@given(draws(), ROWS, COLUMNS)
@few(4)
def test_quantization_of_the_input(draw, rows, columns):
    op = OneOp(tf.nn.relu, [(rows, columns)], shared=True)
    samples = draw.inputs(op.shapes, stream=2)
    found = golden(op, draw.inputs(op.shapes, stream=1), samples)
    assert_golden(replace(found, inputs=samples), ["RELU"], dict.fromkeys(MOSTLY, 0.995))


@given(draws(), ROWS, COLUMNS)
@few(4)
def test_relu_with_a_range_of_its_own(draw, rows, columns):
    check(OneOp(tf.nn.relu, [(rows, columns)]), draw, ["RELU"])


@given(draws(), ROWS, COLUMNS)
@few(3)
def test_relu_with_its_input_s_range(draw, rows, columns):
    check(OneOp(tf.nn.relu, [(rows, columns)], shared=True), draw, ["RELU"], ALWAYS)


def test_xnnpack_s_mean_rounds_once_and_tflite_s_own_twice():
    shape = (30, 24)
    random = np.random.default_rng(1)
    values = [(random.normal(size=(32, *shape)) + 1).astype(np.float32) for _ in range(2)]
    found = golden(OneOp(lambda x: tf.reduce_mean(x, 1), [shape]), values[:1], values[1:])
    assert (found.differences(XNNPACK) == 0).all()
    outward = found.differences(REFERENCE)
    assert set(np.unique(outward)) == {0, 1}
    assert 0.15 < outward.mean() < 0.35
