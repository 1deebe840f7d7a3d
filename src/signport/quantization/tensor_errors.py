"""How far each tensor of an int8 simulation is from float, and how much of that the answer feels.

An error that nobody reads costs nothing: attention scores of masked frames, say, hold whatever they like. So values
from which the answer has no slope at all are left out, and tensors are ranked by what their own rounding and clipping
do to the answer, to first order: the mean of (slopes · error)² over random directions of the answer, which on average
is the squared length of what the error moves it by (Hutchinson 1990, of the Jacobian's Gram matrix).
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import (
    ActivationQuantizer,
    Phase,
    activation_quantizers,
    constant,
    current_phase,
)
from signport.quantization.walk import Values, Walk

# Directions of a sample's answer that errors are projected on; with no more outputs than this, none is left out.
_DIRECTIONS = 8
_HALF_A_STEP = 0.5

Key = tuple[str, str]
"""Name of a layer and of one of its quantizers."""


@dataclass(frozen=True)
class TensorErrors:
    """A quantized tensor of the simulation, over all values that are read.

    Attributes:
        layer: The layer that it belongs to.
        name: Of the quantizer or weight in it.
        kind: Whether it is computed for every sample or stored.
        scale: Of its grid; of a weight with a scale a channel, the largest.
        zero_point: Of its grid.
        values: How many were seen: read ones of all samples and steps.
        unread: Share of values without any influence on the answer, such as those of masked frames; they are left out.
        clipped: Share of values that lay beyond the grid, by more than half a step.
        rmse_steps: Root mean square of simulated less float value, with all that came before, in steps of the grid;
            NaN where float has no such tensor.
        sqnr_db: The same as a signal-to-quantization-noise ratio.
        cosine: Of the simulated and the float values.
        own_rmse_steps: As `rmse_steps`, of what this tensor's own rounding and clipping add; rounding alone gives .29.
        own_sqnr_db: The same as a ratio.
        answer_sqnr_db: Of the logits (embeddings), if this tensor's own error were the only one; to first order.
        noise: Σ of the squared error that this makes in the logits (embeddings), over the samples.
        worst_channel_sqnr_db: `own_sqnr_db` of a weight's worst output channel; NaN where all share a scale.
    """

    layer: str
    name: str
    kind: Literal["activation", "weight"]
    scale: float
    zero_point: int
    values: int
    unread: float
    clipped: float
    rmse_steps: float
    sqnr_db: float
    cosine: float
    own_rmse_steps: float
    own_sqnr_db: float
    answer_sqnr_db: float
    noise: float
    worst_channel_sqnr_db: float = float("nan")


class TensorSums:
    """Adds up the errors of all tensors, batch by batch.

    Args:
        walk: Through a calibrated deploy model, which comes out of this as it went in.
        seed: Of the directions in which the answer's slopes are taken.
    """

    def __init__(self, walk: Walk, seed: int) -> None:
        self._walk = walk
        self._seed = seed
        self._batches = 0
        self._sums: dict[Key, _Sums] = {}

    def add(self, inputs: Mapping[str, np.ndarray]) -> tuple[Values, Values]:
        """Runs a batch in float and in simulation, and compares the two.

        Args:
            inputs: Name → float32 (samples, …).

        Returns:
            The values of the walk in float and of the simulated one.
        """
        start = self._walk.start(inputs)
        simulated, passed = self._simulate(start)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            floating, seen = self._float(start, tape)
            answer = self._walk.signal(floating)
        pairs = {
            key: [_Pair(tensor.numpy().ravel(), *both) for tensor, both in zip(seen[key], passed[key], strict=True)]
            for key in passed
        }
        tensors = [tensor for key in pairs for tensor in seen[key]]
        for direction in _directions(len(answer), answer.shape[1], [self._seed, self._batches]):
            slopes = iter(tape.gradient(answer, tensors, output_gradients=direction, unconnected_gradients="zero"))
            for key, several in pairs.items():
                # The steps of an LSTM share a quantizer; their errors add up, or cancel, before they are squared.
                effect = sum(pair.effect(next(slopes).numpy(), len(answer)) for pair in several)
                self._sums[key].noise += float(np.square(effect).sum())
        del tape
        for key, several in pairs.items():
            for pair in several:
                self._sums[key].add(pair)
        self._batches += 1
        return floating, simulated

    def errors(self, signal: float) -> list[TensorErrors]:
        """The errors of all tensors, in the order of the graph.

        Args:
            signal: Σ of the float model's squared logits (embeddings) over the samples.
        """
        return [sums.errors(key, signal) for key, sums in self._sums.items()]

    def _simulate(self, start: Values) -> tuple[Values, dict[Key, list[tuple[np.ndarray, np.ndarray]]]]:
        """The simulated walk, and what each quantizer took and answered, in order and flat."""
        passed: dict[Key, list[tuple[np.ndarray, np.ndarray]]] = {}

        def see(layer: keras.layers.Layer, quantizer: ActivationQuantizer, before: Any, after: Any) -> None:
            if current_phase() is not Phase.SIMULATE:
                return  # inside a layer that is kept in float
            key = (layer.name, quantizer.name)
            if key not in self._sums:
                self._sums[key] = _Sums(*quantizer.grid(), quantizer.bits)
            passed.setdefault(key, []).append((before.numpy().ravel(), after.numpy().ravel()))

        return self._walk.run(start, lambda _: Phase.SIMULATE, seen=see), passed

    def _float(self, start: Values, tape: tf.GradientTape) -> tuple[Values, dict[Key, list[Any]]]:
        """The walk in float, and the tensor at each quantizer, in order."""
        seen: dict[Key, list[Any]] = {}

        def watch(layer: keras.layers.Layer, quantizer: ActivationQuantizer, _: Any, after: Any) -> None:
            tape.watch(after)
            seen.setdefault((layer.name, quantizer.name), []).append(after)

        with _ranges_kept(self._walk.model):
            # Unlike in FLOAT, where it may take a shorter way, a layer that is being calibrated shows every tensor.
            values = self._walk.run(start, lambda _: Phase.CALIBRATE, seen=watch)
        for layer in self._walk.layers:
            if isinstance(layer, DeployLayer) and layer.precision == "float":
                # The simulation quantizes at most what the layer answers, in the shape in which it does.
                seen[layer.name, layer.quantizer.name] = [values[id(layer.output)]]
        return values, seen


@contextlib.contextmanager
def _ranges_kept(model: keras.Model) -> Iterator[None]:
    """Undoes what a calibration within this block does to the ranges."""
    ranges = [variable for quantizer in activation_quantizers(model) for variable in (quantizer.low, quantizer.high)]
    before = [constant(variable) for variable in ranges]
    try:
        yield
    finally:
        for variable, value in zip(ranges, before, strict=True):
            variable.assign(value)


def _directions(samples: int, outputs: int, seed: list[int]) -> Iterator[Any]:
    """Orthogonal directions of each sample's answer, (samples, outputs) each.

    The squares of a vector's products with them add up to its squared length: on average, or, if there are as many as
    outputs, always.
    """
    count = min(outputs, _DIRECTIONS)
    random = np.random.default_rng(seed).normal(size=(samples, outputs, count))
    directions = np.linalg.qr(random).Q * np.sqrt(outputs / count)
    for number in range(count):
        yield tf.constant(directions[:, :, number], tf.float32)


@dataclass
class _Pair:
    """A tensor in float and in simulation, before and after it was quantized; all flat, samples outermost."""

    floating: np.ndarray
    before: np.ndarray
    after: np.ndarray

    def __post_init__(self) -> None:
        self.own_error = self.after - self.before
        self.read = np.zeros(self.after.shape, bool)

    def effect(self, slopes: np.ndarray, samples: int) -> np.ndarray:
        """How far its own error moves the answer in a direction, float32 (samples,), where that has these slopes."""
        slopes = slopes.ravel()
        self.read |= slopes != 0
        shape = (samples, -1)
        return np.asarray(np.einsum("sv,sv->s", slopes.reshape(shape), self.own_error.reshape(shape)))


@dataclass
class _Sums:
    """Sums over the values of one tensor that are read."""

    scale: float
    zero_point: int
    bits: int
    values: int = 0
    read: int = 0
    clipped: int = 0
    floating: float = 0.0
    simulated: float = 0.0
    product: float = 0.0
    error: float = 0.0
    own: float = 0.0
    own_error: float = 0.0
    noise: float = 0.0

    def add(self, pair: _Pair) -> None:
        """Adds a tensor of a batch."""
        floating, before, after, own_error = (
            np.where(pair.read, values, 0) for values in (pair.floating, pair.before, pair.after, pair.own_error)
        )
        lowest = -(2 ** (self.bits - 1))
        low, high = ((end - self.zero_point) * self.scale for end in (lowest, -lowest - 1))
        margin = _HALF_A_STEP * self.scale
        self.values += pair.read.size
        self.read += int(pair.read.sum())
        self.clipped += int(((before < low - margin) | (before > high + margin)).sum())
        error = after - floating
        self.floating += float(np.vdot(floating, floating))
        self.simulated += float(np.vdot(after, after))
        self.product += float(np.vdot(floating, after))
        self.error += float(np.vdot(error, error))
        self.own += float(np.vdot(before, before))
        self.own_error += float(np.vdot(own_error, own_error))

    def errors(self, key: Key, signal: float) -> TensorErrors:
        """The figures; NaN where nothing was read."""
        read = self.read or float("nan")
        norms = float(np.sqrt(self.floating * self.simulated))
        return TensorErrors(
            layer=key[0],
            name=key[1],
            kind="activation",
            scale=self.scale,
            zero_point=self.zero_point,
            values=self.read,
            unread=1 - self.read / self.values,
            clipped=self.clipped / read,
            rmse_steps=float(np.sqrt(self.error / read)) / self.scale,
            sqnr_db=decibels(self.floating, self.error),
            cosine=self.product / norms if norms else float("nan"),
            own_rmse_steps=float(np.sqrt(self.own_error / read)) / self.scale,
            own_sqnr_db=decibels(self.own, self.own_error),
            answer_sqnr_db=decibels(signal, self.noise),
            noise=self.noise,
        )


def decibels(signal: float, noise: float) -> float:
    """10·log10(signal / noise), of energies; infinite without noise, NaN without signal."""
    if not signal:
        return float("nan")
    return 10 * float(np.log10(signal / noise)) if noise else float("inf")
