"""Fake quantization after the TFLite int8 specification, and the phase that decides what a layer does with it.

Specification: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
(activations int8 asymmetric per tensor; weights int8 symmetric, narrow range -127..127, per output channel).
"""

import contextlib
from collections.abc import Callable, Iterator
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


# Called with each quantizer, what it takes and what it answers.
Observer = Callable[["ActivationQuantizer", Any, Any], None]
_OBSERVER: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextlib.contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Within this block, every tensor that passes a quantizer is shown to `observer`; eagerly, for its values."""
    token = _OBSERVER.set(observer)
    try:
        yield
    finally:
        _OBSERVER.reset(token)


def is_observed() -> bool:
    """Whether the tensors are shown to anybody; see `observed_by`."""
    return _OBSERVER.get() is not None


def constant(variable: keras.Variable) -> np.ndarray:
    """The variable's value now, also while a graph is being traced."""
    with tf.init_scope():
        return np.asarray(variable.numpy())


def snap_to_grid(weight: np.ndarray, bits: int = 8) -> np.ndarray:
    """Rounds a weight to its symmetric, narrow grid, with one scale an output channel.

    Args:
        weight: float32 (…, output channels).
        bits: 8 for multiples -127..127 of the scale max|w| / 127; 4 for -7..7 of max|w| / 7.

    Returns:
        float32, the same shape.
    """
    steps = 2 ** (bits - 1) - 1
    largest = np.abs(weight).max(axis=tuple(range(weight.ndim - 1)), keepdims=True)
    scale = np.maximum(largest, _SMALLEST_RANGE) / steps
    return np.asarray(np.clip(np.round(weight / scale), -steps, steps) * scale, np.float32)


def quantized_weight(variable: keras.Variable, bits: int = 8) -> Any:
    """A weight as the current phase wants it: float, fake-quantized (straight-through gradient), or a constant.

    Args:
        variable: float32 (…, output channels); each channel has a scale of its own.
        bits: Of a stored weight.
    """
    phase = current_phase()
    if phase is Phase.EXPORT:
        return tf.constant(snap_to_grid(constant(variable), bits))
    weight = tf.convert_to_tensor(variable)
    if phase is not Phase.SIMULATE:
        return weight
    magnitude = tf.stop_gradient(tf.abs(weight))
    largest = tf.maximum(tf.reduce_max(magnitude, axis=list(range(len(weight.shape) - 1))), _SMALLEST_RANGE)
    return tf.quantization.fake_quant_with_min_max_vars_per_channel(
        weight, -largest, largest, num_bits=bits, narrow_range=True
    )


def quantized_operand(variable: keras.Variable) -> Any:
    """A trained tensor that is added or multiplied: as an activation it has one range, which holds 0 and all of it."""
    phase = current_phase()
    if phase is Phase.EXPORT:
        value: Any = tf.constant(constant(variable))
        low, high = min(0.0, float(constant(variable).min())), max(0.0, float(constant(variable).max()))
        return tf.quantization.fake_quant_with_min_max_vars(value, low, max(high, low + _SMALLEST_RANGE))
    value = tf.convert_to_tensor(variable)
    if phase is not Phase.SIMULATE:
        return value
    low = tf.stop_gradient(tf.minimum(0.0, tf.reduce_min(value)))
    high = tf.stop_gradient(tf.maximum(0.0, tf.reduce_max(value)))
    return tf.quantization.fake_quant_with_min_max_vars(value, low, tf.maximum(high, low + _SMALLEST_RANGE))


def plain_weight(variable: keras.Variable) -> Any:
    """A weight without fake quantization: a bias, which TFLite keeps as int32, or one of a layer in float."""
    if current_phase() is not Phase.EXPORT:
        return tf.convert_to_tensor(variable)
    value = constant(variable)
    if value.size > 1 and (value == value.flat[0]).all():
        # A bias of equal numbers gets one scale from TensorFlow 2.19's converter, though its kernel has one a channel.
        value = value.copy()
        value.flat[0] = np.nextafter(value.flat[0], np.float32(1))
    return tf.constant(value)


def apart(x: Any) -> Any:
    """`x`, kept apart from what quantizes it next: for the converter only, which drops it again in `export.kept`.

    An operator whose inputs and output are all fake-quantized is made int8 by TensorFlow's converter, whatever its
    weights are; a cast to float64 and back, which is exact, stops it.
    """
    return tf.cast(tf.cast(x, tf.float64), tf.float32) if current_phase() is Phase.EXPORT else x


# What TFLite's int8 kernels demand of their outputs: (smallest, largest) on 256 steps (quantization specification,
# SOFTMAX, LOGISTIC: scale 1/256, zero point -128; TANH: scale 1/128, zero point 0).
PROBABILITY = (0.0, 255 / 256)
HYPERBOLIC = (-1.0, 127 / 128)


@keras.saving.register_keras_serializable("signport")
class ActivationQuantizer(keras.layers.Layer):
    """Fake-quantizes an activation of any shape, mostly to int8, with one range a tensor that always holds 0.

    The range is calibrated to the smallest and largest value seen; in training it follows the batch extremes by a
    moving average until `momentum` is set to 1 (`freeze_ranges`). One quantizer may serve several tensors, which then
    share their scale.

    Args:
        fixed: (smallest, largest) of a range that never changes; None calibrates it.
        symmetric: Whether the zero point is 0, as XNNPACK wants of the right side of an int8 BATCH_MATMUL.
        limit: Magnitude that a range never goes beyond, because what reads it is flat there; None for any.
        bits: 8; or 16, whose zero point is always 0 (specification, "16x8"); or 32, which leaves the tensor in float.
    """

    def __init__(
        self,
        fixed: tuple[float, float] | None = None,
        symmetric: bool = False,
        limit: float | None = None,
        bits: int = 8,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.limit = limit
        self.bits = bits
        self.fixed = None if fixed is None else (float(fixed[0]), float(fixed[1]))
        self.symmetric = symmetric
        if self.fixed is None:
            add = self.add_weight
            start = keras.initializers.Constant(0.99)
            self.low = add(shape=(), initializer="zeros", trainable=False, name="low")
            self.high = add(shape=(), initializer="zeros", trainable=False, name="high")
            self.momentum = add(shape=(), initializer=start, trainable=False, name="momentum")

    def build(self, _input_shape: Any) -> None:
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> Any:
        self.observe(x, training=training)
        return self.fake(x)

    def observe(self, *tensors: Any, training: bool | None = None) -> None:
        """Lets the range learn from tensors that belong to one batch: in calibration, or in training."""
        phase = current_phase()
        learns = phase is Phase.CALIBRATE or (phase is Phase.SIMULATE and training)
        if self.fixed is not None or not learns:
            return
        smallest = tf.minimum(tf.reduce_min(tf.stack([tf.reduce_min(x) for x in tensors])), 0.0)
        largest = tf.maximum(tf.reduce_max(tf.stack([tf.reduce_max(x) for x in tensors])), 0.0)
        if self.limit is not None:
            smallest, largest = tf.maximum(smallest, -self.limit), tf.minimum(largest, self.limit)
        low, high = tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high)
        if phase is Phase.CALIBRATE:
            self.low.assign(tf.minimum(low, smallest))
            self.high.assign(tf.maximum(high, largest))
            return
        keep = tf.convert_to_tensor(self.momentum)
        self.low.assign(tf.stop_gradient(keep * low + (1 - keep) * smallest))
        self.high.assign(tf.stop_gradient(keep * high + (1 - keep) * largest))

    def fake(self, x: Any, bounds: tuple[Any, Any] | None = None) -> Any:
        """Fake-quantizes with the range as it is; in `FLOAT` and `CALIBRATE`, changes nothing.

        Args:
            x: Any shape.
            bounds: What `bounds()` says, for whoever quantizes many tensors; None asks it.
        """
        if self.bits == 32:
            return x
        y = x
        if current_phase() in (Phase.SIMULATE, Phase.EXPORT):
            low, high = bounds or self.bounds()
            y = tf.quantization.fake_quant_with_min_max_vars(x, low, high, num_bits=self.bits)
        if (observer := _OBSERVER.get()) is not None:
            observer(self, x, y)
        return y

    def bounds(self) -> tuple[Any, Any]:
        """Smallest and largest value of the grid: numbers in `EXPORT`, tensors else."""
        return self._bounds(exact=current_phase() is Phase.EXPORT)

    def _bounds(self, *, exact: bool) -> tuple[Any, Any]:
        """Smallest and largest value of the grid: constants if `exact`, else tensors."""
        if self.fixed is not None:
            return self.fixed
        if exact:
            low, high = constant(self.low), constant(self.high)
        else:
            low, high = tf.convert_to_tensor(self.low), tf.convert_to_tensor(self.high)
        maximum = np.maximum if exact else tf.maximum
        if self.symmetric or self.bits == 16:
            steps = 2 ** (self.bits - 1)
            scale = maximum(maximum(-low / steps, high / (steps - 1)), _SMALLEST_RANGE / steps)
            low, high = -steps * scale, (steps - 1) * scale
        high = maximum(high, low + _SMALLEST_RANGE)
        return (float(low), float(high)) if exact else (low, high)

    def grid(self) -> tuple[float, int]:
        """(scale, zero point) of the stored tensor, as TFLite counts them: real = scale · (q - zero point)."""
        low, high = self._bounds(exact=True)
        scale = (high - low) / (2**self.bits - 1)
        lowest = -(2 ** (self.bits - 1))
        return scale, int(np.clip(round(lowest - low / scale), lowest, -lowest - 1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"fixed": self.fixed, "symmetric": self.symmetric, "limit": self.limit, "bits": self.bits}
        return {**super().get_config(), **own}


def quantizers_of(layer: keras.layers.Layer) -> dict[str, ActivationQuantizer]:
    """The quantizers of a deploy layer by the names that they were given; itself, if it is one."""
    parts = [layer, *vars(layer).values()]
    return {part.name: part for part in parts if isinstance(part, ActivationQuantizer)}


def activation_quantizers(model: keras.Model) -> list[ActivationQuantizer]:
    """All activation quantizers of a deploy model whose range is not fixed, in graph order."""
    found = [quantizer for layer in model.layers for quantizer in quantizers_of(layer).values()]
    return [quantizer for quantizer in found if quantizer.fixed is None]


def freeze_ranges(model: keras.Model, frozen: bool = True) -> None:
    """Stops (or lets go on) the moving averages of all activation ranges."""
    for quantizer in activation_quantizers(model):
        quantizer.momentum.assign(1.0 if frozen else 0.99)
