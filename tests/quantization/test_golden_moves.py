"""Ops that only move values, in int8 with one range for all they touch: the simulation answers exactly like LiteRT."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tests.quantization.one_op import ALWAYS, OneOp, check, draws, few

SIZES = st.integers(1, 9)
# By name: ops on (batch, frames, channels), frames ≥ 3 and channels divisible by 4.
ONE_INPUT = {
    "slice": (lambda x: x[:, 1:3], "STRIDED_SLICE"),
    "slice of channels": (lambda x: x[..., : x.shape[-1] // 2], "STRIDED_SLICE"),
    "one frame": (lambda x: x[:, 1], "STRIDED_SLICE"),
    "split": (lambda x: tf.split(x, 4, axis=-1), "SPLIT"),
    "uneven split": (lambda x: tf.split(x, [x.shape[-1] * 3 // 4, x.shape[-1] // 4], axis=-1), "SPLIT_V"),
    "unpack": (lambda x: tf.unstack(x, axis=1), "UNPACK"),
    "pad": (lambda x: tf.pad(x, [[0, 0], [2, 1], [0, 0]]), "PAD"),
    "transpose": (lambda x: tf.transpose(x, [0, 2, 1]), "TRANSPOSE"),
    "reshape": (lambda x: tf.reshape(x, [-1, x.shape[1] * x.shape[2]]), "RESHAPE"),
}


@pytest.mark.parametrize("kind", ONE_INPUT)
@given(draw=draws(), frames=st.integers(3, 9), quarter=SIZES)
@few(3)
def test_move(kind, draw, frames, quarter):
    compute, name = ONE_INPUT[kind]
    check(OneOp(compute, [(frames, 4 * quarter)], shared=True), draw, [name], ALWAYS)


@given(draws(), SIZES, SIZES, SIZES)
@few(4)
def test_concatenation(draw, frames, first, second):
    op = OneOp(lambda a, b: tf.concat([a, b], axis=-1), [(frames, first), (frames, second)], shared=True)
    check(op, draw, ["CONCATENATION"], ALWAYS)


@given(draws(), SIZES)
@few(3)
def test_pack(draw, channels):
    op = OneOp(lambda a, b: tf.stack([a, b], axis=1), [(channels,), (channels,)], shared=True)
    check(op, draw, ["PACK"], ALWAYS)


@given(draws(), st.integers(2, 9), st.integers(2, 9))
@few(3)
def test_transposition_of_heads(draw, frames, channels):
    op = OneOp(lambda x: tf.transpose(x, [0, 2, 1, 3]), [(frames, 4, channels)], shared=True)
    check(op, draw, ["TRANSPOSE"], ALWAYS)
