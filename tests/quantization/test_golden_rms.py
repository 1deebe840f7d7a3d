"""RMS normalization as a chain of int8 ops: how precise it is, and that LiteRT answers like the simulation.

The measure is the signal-to-quantization-noise ratio of the output against float64, the input's quantization included,
on rows of 384 values whose standard deviations spread over a factor of 1, 3 and 10.
"""

import numpy as np
import pytest
import tensorflow as tf
from tests.quantization.kernels import KERNELS, REFERENCE, XNNPACK
from tests.quantization.one_op import OneOp, golden

from signport.quantization.agreement import sqnr_db

ROWS, WIDTH, EPSILON = 15, 384, 1e-3


def by_mean(x, square_quantizer, mean_quantizer, variance_quantizer, inverse_quantizer):
    mean = mean_quantizer(tf.reduce_mean(square_quantizer(x * x), -1, keepdims=True))
    return x * inverse_quantizer(tf.math.rsqrt(variance_quantizer(mean + EPSILON)))


def by_product(x, sum_quantizer, variance_quantizer, inverse_quantizer):
    rows = tf.reshape(x, [-1, 1, WIDTH])
    total = tf.reshape(sum_quantizer(tf.matmul(rows, rows, transpose_b=True)), [-1, ROWS, 1])
    return x * inverse_quantizer(tf.math.rsqrt(variance_quantizer(total + EPSILON * WIDTH)))


def in_float(x):
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + EPSILON)


BY_MEAN = OneOp(by_mean, [(ROWS, WIDTH)], inner=4)
BY_PRODUCT = OneOp(by_product, [(ROWS, WIDTH)], symmetric=(0,), inner=3)
IN_FLOAT = OneOp(in_float, [(ROWS, WIDTH)])


def rows(spread: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    deviations = np.exp(random.uniform(0, np.log(spread), size=(32, ROWS, 1)))
    return (random.normal(size=(32, ROWS, WIDTH)) * deviations).astype(np.float32)


def normalized(x: np.ndarray) -> np.ndarray:
    exact = x.astype(np.float64)
    return exact / np.sqrt(np.square(exact).mean(-1, keepdims=True) + EPSILON)


# dB measured, less 0.5: squares rounded one by one lose the smallest rows, their sum much less.
@pytest.mark.parametrize(
    ("op", "spread", "least"),
    [
        (BY_MEAN, 1, 36.8),
        (BY_MEAN, 3, 33.3),
        (BY_MEAN, 10, 21.5),
        (BY_PRODUCT, 1, 36.7),
        (BY_PRODUCT, 3, 33.3),
        (BY_PRODUCT, 10, 25.9),
        (IN_FLOAT, 1, 37.0),
        (IN_FLOAT, 3, 33.5),
        (IN_FLOAT, 10, 27.1),
    ],
    ids=lambda value: value.compute.__name__ if isinstance(value, OneOp) else str(value),
)
def test_rms_normalization_is_precise_and_answers_like_its_simulation(op, spread, least):
    values = rows(spread, seed=2)
    found = golden(op, [rows(spread, seed=1)], [values])
    reference = normalized(values) / (np.sqrt(WIDTH) if op is BY_PRODUCT else 1)
    assert sqnr_db(reference, found.simulated[0]) >= least
    for kernels in KERNELS:
        assert sqnr_db(reference, found.answers(kernels)[0]) >= least, kernels
    steps = found.differences(XNNPACK)
    assert np.abs(steps).max() <= 1
    assert (steps == 0).mean() >= 0.999


@pytest.mark.parametrize(
    ("op", "names"),
    [
        (BY_MEAN, ["MUL", "MEAN", "ADD", "RSQRT", "MUL"]),
        (BY_PRODUCT, ["RESHAPE", "BATCH_MATMUL", "RESHAPE", "ADD", "RSQRT", "MUL"]),
    ],
    ids=["by_mean", "by_product"],
)
def test_no_op_of_the_chain_is_in_float(op, names):
    assert golden(op, [rows(3, seed=1)], [rows(3, seed=2)]).operators() == names


def test_a_mean_of_squares_of_the_smallest_rows_depends_on_how_the_kernel_rounds():
    # TFLite's own MEAN rounds up from a quarter step; where the mean is 2 or 3 steps, all of the row follows.
    found = golden(BY_MEAN, [rows(10, seed=1)], [rows(10, seed=2)])
    assert 2 <= np.abs(found.differences(REFERENCE)).max() <= 25
    product = golden(BY_PRODUCT, [rows(10, seed=1)], [rows(10, seed=2)])
    assert np.abs(product.differences(REFERENCE)).max() <= 1
