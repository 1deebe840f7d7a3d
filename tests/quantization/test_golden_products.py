"""FULLY_CONNECTED, CONV_2D, DEPTHWISE_CONV_2D, BATCH_MATMUL: the simulation answers like LiteRT's int8 kernels."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tests.quantization.one_op import Draw, Golden, OneOp, check, draws, few, golden

from signport.export.flatbuffer import read_model
from signport.quantization.fake_quant import plain_weight, quantized_weight, snap_to_grid

SIZES = st.integers(1, 40)


def dense(draw: Draw, inputs: int, units: int, relu: bool = False) -> OneOp:
    def compute(x, kernel, bias):
        y = tf.matmul(x, quantized_weight(kernel)) + plain_weight(bias)
        return tf.nn.relu(y) if relu else y

    return OneOp(compute, [(inputs,)], [draw.weight(inputs, units), draw.weight(units, magnitude=draw.magnitudes[0])])


def depthwise(x, kernel, bias):
    fine = tf.reshape(quantized_weight(kernel), [*kernel.shape, 1])
    return tf.nn.depthwise_conv2d(x, fine, [1, 1, 1, 1], "SAME") + plain_weight(bias)


@given(draws(), SIZES, SIZES, st.booleans())
@few(6)
def test_fully_connected(draw, inputs, units, relu):
    check(dense(draw, inputs, units, relu), draw, ["FULLY_CONNECTED"])


@given(draws(), SIZES, SIZES)
@few(3)
def test_fully_connected_without_bias(draw, inputs, units):
    op = OneOp(lambda x, kernel: tf.matmul(x, quantized_weight(kernel)), [(inputs,)], [draw.weight(inputs, units)])
    check(op, draw, ["FULLY_CONNECTED"])


@pytest.mark.parametrize("kernel_size", [(1, 1), (3, 1)])
@given(draw=draws(), frames=st.integers(1, 9), nodes=st.integers(1, 6), channels=SIZES, filters=SIZES)
@few(4)
def test_convolution(kernel_size, draw, frames, nodes, channels, filters):
    def compute(x, kernel, bias):
        return tf.nn.conv2d(x, quantized_weight(kernel), 1, "SAME") + plain_weight(bias)

    weights = [draw.weight(*kernel_size, channels, filters), draw.weight(filters, magnitude=draw.magnitudes[0])]
    check(OneOp(compute, [(frames, nodes, channels)], weights), draw, ["CONV_2D"])


@given(draws(), st.integers(2, 9), st.integers(1, 6), st.integers(2, 40))
@few(4)
def test_depthwise_convolution(draw, frames, nodes, channels):
    weights = [draw.weight(3, 1, channels), draw.weight(channels, magnitude=draw.magnitudes[0])]
    check(OneOp(depthwise, [(frames, nodes, channels)], weights), draw, ["DEPTHWISE_CONV_2D"])


@pytest.mark.parametrize("adj_y", [False, True], ids=["plain", "adj_y"])
@pytest.mark.parametrize("symmetric", [(), (1,)], ids=["asymmetric", "symmetric"])
@given(draw=draws(), heads=st.integers(1, 4), rows=SIZES, inner=SIZES, columns=SIZES)
@few(3)
def test_batch_matmul(adj_y, symmetric, draw, heads, rows, inner, columns):
    right = (heads, columns, inner) if adj_y else (heads, inner, columns)
    op = OneOp(lambda a, b: tf.matmul(a, b, transpose_b=adj_y), [(heads, rows, inner), right], symmetric=symmetric)
    check(op, draw, ["BATCH_MATMUL"])


def stored(found: Golden) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of a file with one weighted op: int8 weights and their scales, int32 biases and theirs."""
    model = read_model(found.content)
    graph = model.subgraphs[0]
    (operator,) = (operator for operator in graph.operators if len(operator.inputs) == 3)
    weights, bias = (graph.tensors[index] for index in operator.inputs[1:])
    values = model.buffers[weights.buffer].data.view(np.int8).reshape(weights.shape)
    assert not weights.quantization.zeroPoint.any()
    return values, weights.quantization.scale, model.buffers[bias.buffer].data.view(np.int32), bias.quantization.scale


@given(draws(), SIZES, SIZES)
@few(4)
def test_the_file_holds_the_weights_that_are_simulated(draw, inputs, units):
    op = dense(draw, inputs, units)
    found = golden(op, draw.inputs(op.shapes, stream=1), draw.inputs(op.shapes, stream=2))
    kernel, bias = op.weights
    weights, scales, biases, bias_scales = stored(found)
    largest = np.abs(kernel).max(axis=0)
    np.testing.assert_allclose(scales, largest / 127, rtol=1e-6)
    np.testing.assert_allclose(weights.T * scales, snap_to_grid(kernel), rtol=1e-5, atol=0)
    np.testing.assert_array_equal(np.abs(weights).max(axis=1), 127)
    np.testing.assert_allclose(bias_scales, found.source_grids[0][0] * scales, rtol=1e-6)
    np.testing.assert_allclose(biases, np.round(bias / bias_scales.astype(np.float64)), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 7, 5), (3, 1, 7, 5)])
def test_the_file_holds_the_convolution_that_is_simulated(shape):
    draw = Draw(5, (0.0, 0.0), (0.5, 0.0))
    kernel, bias = draw.weight(*shape), draw.weight(shape[-1])
    op = OneOp(
        lambda x, k, b: tf.nn.conv2d(x, quantized_weight(k), 1, "SAME") + plain_weight(b), [(6, 2, 7)], [kernel, bias]
    )
    found = golden(op, draw.inputs(op.shapes, stream=1), draw.inputs(op.shapes, stream=2))
    weights, scales, biases, _ = stored(found)
    np.testing.assert_allclose(np.moveaxis(weights, 0, -1) * scales, snap_to_grid(kernel), rtol=1e-5, atol=0)
    np.testing.assert_array_equal(biases, np.round(bias / (found.source_grids[0][0] * scales.astype(np.float64))))


def test_a_channel_without_weights_keeps_its_bias():
    # A batch normalization with gamma 0 leaves this behind; its int32 bias must not overflow.
    draw = Draw(7, (0.0, 0.0), (0.0, 0.0))
    op = dense(draw, 16, 4)
    op.weights[0][:, 0] = 0
    op.weights[1][0] = 1.5
    found = check(op, draw, ["FULLY_CONNECTED"])
    np.testing.assert_allclose(found.simulated[0][:, 0], 1.5, atol=found.grid[0])
