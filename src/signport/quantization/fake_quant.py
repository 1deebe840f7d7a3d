"""Fake quantization after the TFLite int8 specification, and the phase that decides what a layer does with it.

Specification: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
(activations int8 asymmetric per tensor; weights int8 symmetric, narrow range -127..127, per output channel).
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from enum import Enum
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Scales below this would overflow when a value is divided by them; a range this small holds nothing.
_SMALLEST_RANGE = 1e-6


class Phase(Enum):
    """What the layers of a deploy model do."""

    FLOAT = "float"
    """Compute in float; the graph equals the trained model."""
    CALIBRATE = "calibrate"
    """Compute in float and widen every range to what passes."""
    SIMULATE = "simulate"
    """Fake-quantize weights and activations; in training, ranges follow a moving average."""
    EXPORT = "export"
    """As SIMULATE, with weights already on their grid and ranges as constants, for the TFLite converter."""


_PHASE: ContextVar[Phase] = ContextVar("phase", default=Phase.FLOAT)


def current_phase() -> Phase:
    """The phase in which layers are traced now."""
    return _PHASE.get()


@contextlib.contextmanager
def in_phase(phase: Phase) -> Iterator[None]:
    """Layers traced within this block are in `phase`; functions traced earlier keep theirs."""
    token = _PHASE.set(phase)
    try:
        yield
    finally:
        _PHASE.reset(token)


def constant(variable: keras.Variable) -> np.ndarray:
    """The variable's value now, also while a graph is being traced."""
    with tf.init_scope():
        return np.asarray(variable.numpy())


def snap_to_grid(weight: np.ndarray, per_channel: bool = True) -> np.ndarray:
    """Rounds a weight to its symmetric, narrow int8 grid.

    Args:
        weight: float32 (…, output channels).
        per_channel: One scale an output channel (last axis) instead of one in all.

    Returns:
        float32, the same shape: multiples -127..127 of the scale max|w| / 127.
    """
    axes = tuple(range(weight.ndim - 1)) if per_channel else None
    scale = np.maximum(np.abs(weight).max(axis=axes, keepdims=True), _SMALLEST_RANGE) / 127.0
    return np.asarray(np.clip(np.round(weight / scale), -127, 127) * scale, np.float32)


def quantized_weight(variable: keras.Variable, per_channel: bool = True) -> Any:
    """A weight as the current phase wants it: float, fake-quantized (straight-through gradient), or a constant.

    Args:
        variable: float32 (…, output channels).
        per_channel: One scale an output channel (last axis) instead of one in all.
    """
    phase = current_phase()
    if phase is Phase.EXPORT:
        return tf.constant(snap_to_grid(constant(variable), per_channel))
    weight = tf.convert_to_tensor(variable)
    if phase is not Phase.SIMULATE:
        return weight
    magnitude = tf.stop_gradient(tf.abs(weight))
    if not per_channel:
        largest = tf.maximum(tf.reduce_max(magnitude), _SMALLEST_RANGE)
        return tf.quantization.fake_quant_with_min_max_vars(weight, -largest, largest, narrow_range=True)
    largest = tf.maximum(tf.reduce_max(magnitude, axis=list(range(len(weight.shape) - 1))), _SMALLEST_RANGE)
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(weight, -largest, largest, narrow_range=True)


def plain_weight(variable: keras.Variable) -> Any:
    """A weight without fake quantization: a bias, which TFLite keeps as int32, or one of a layer in float."""
    return tf.constant(constant(variable)) if current_phase() is Phase.EXPORT else tf.convert_to_tensor(variable)


@keras.saving.register_keras_serializable("signport")
class ActivationQuantizer(keras.layers.Layer):
    """Fake-quantizes an activation of any shape to int8, one asymmetric range a tensor that always holds 0.

    The range is calibrated to the smallest and largest value seen; in training it follows the batch extremes by a
    moving average until `momentum` is set to 1 (`freeze_ranges`).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        add = self.add_weight
        self.low = add(shape=(), initializer="zeros", trainable=False, name="low")
        self.high = add(shape=(), initializer="zeros", trainable=False, name="high")
        self.momentum = add(shape=(), initializer=keras.initializers.Constant(0.99), trainable=False, name="momentum")

    def build(self, _input_shape: Any) -> None:
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> Any:
        phase = current_phase()
        if phase is Phase.FLOAT:
            return x
        if phase is Phase.EXPORT:
            low, high = float(constant(self.low)), float(constant(self.high))
            return tf.quantization.fake_quant_with_min_max_vars(x, low, max(high, low + _SMALLEST_RANGE))
        low, high = tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high)
        smallest, largest = tf.minimum(tf.reduce_min(x), 0.0), tf.maximum(tf.reduce_max(x), 0.0)
        if phase is Phase.CALIBRATE:
            self.low.assign(tf.minimum(low, smallest))
            self.high.assign(tf.maximum(high, largest))
            return x
        if training:
            keep = tf.convert_to_tensor(self.momentum)
            low, high = keep * low + (1 - keep) * smallest, keep * high + (1 - keep) * largest
            self.low.assign(low)
            self.high.assign(high)
            low, high = tf.stop_gradient(low), tf.stop_gradient(high)
        return tf.quantization.fake_quant_with_min_max_vars(x, low, tf.maximum(high, low + _SMALLEST_RANGE))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def activation_quantizers(model: keras.Model) -> list[ActivationQuantizer]:
    """All activation quantizers of a deploy model, in graph order."""
    found: list[ActivationQuantizer] = []
    for layer in model.layers:
        inner = [layer, *vars(layer).values()]
        found += [part for part in inner if isinstance(part, ActivationQuantizer)]
    return found


def freeze_ranges(model: keras.Model, frozen: bool = True) -> None:
    """Stops (or lets go on) the moving averages of all activation ranges."""
    for quantizer in activation_quantizers(model):
        quantizer.momentum.assign(1.0 if frozen else 0.99)
