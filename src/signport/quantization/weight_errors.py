"""What the grids of stored weights cost."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import Phase, constant, in_phase, quantized_operand, quantized_weight
from signport.quantization.layers.affine import FakeQuantAffine
from signport.quantization.layers.positions import FakeQuantPositions
from signport.quantization.tensor_errors import TensorErrors, decibels

# TFLite keeps a bias as int32, on a grid too fine to see.
_UNTOUCHED = "bias"
# Their weights are operands of MUL and ADD, not of a product of matrices, and have one range, as activations have.
_OPERANDS = (FakeQuantAffine, FakeQuantPositions)
_NAN = float("nan")


@dataclass(frozen=True)
class QuantizedWeight:
    """A weight that is stored as int8, or in fewer bits.

    Attributes:
        layer: The layer that has it.
        variable: Its float value.
        bits: Of its grid.
        per_channel: Whether each output channel (last axis) has its own symmetric grid.
    """

    layer: DeployLayer
    variable: keras.Variable
    bits: int = 8
    per_channel: bool = True

    @property
    def name(self) -> str:
        """Its name in the layer."""
        return str(self.variable.name)

    def on_grid(self) -> np.ndarray:
        """Its values as they are stored, float32."""
        with in_phase(Phase.SIMULATE):
            if self.per_channel:
                return np.asarray(quantized_weight(self.variable, bits=self.bits))
            return np.asarray(quantized_operand(self.variable))

    @contextlib.contextmanager
    def snapped(self) -> Iterator[None]:
        """Within this block, the weight has the values of its grid in every phase."""
        before = constant(self.variable)
        self.variable.assign(self.on_grid())
        try:
            yield
        finally:
            self.variable.assign(before)

    def errors(self, signal: float, noise: float) -> TensorErrors:
        """How far the weight is from its grid.

        Args:
            signal: Σ of the float model's squared logits (embeddings).
            noise: Σ of the squared error in them with this weight on its grid and all else in float.
        """
        weight, stored = constant(self.variable).astype(np.float64), self.on_grid().astype(np.float64)
        axes = tuple(range(weight.ndim - 1)) if self.per_channel else None
        energy, error = (np.square(values).sum(axis=axes) for values in (weight, stored - weight))
        scale = self._scale(weight)
        rmse = float(np.sqrt(np.sum(error / np.where(scale > 0, np.square(scale), 1)) / weight.size))
        ratio = decibels(float(energy.sum()), float(error.sum()))
        norms = float(np.linalg.norm(weight) * np.linalg.norm(stored))
        channels = [decibels(*pair) for pair in zip(energy.flat, error.flat, strict=True) if pair[0]]
        return TensorErrors(
            layer=self.layer.name,
            name=self.name,
            kind="weight",
            scale=float(scale.max()),
            zero_point=0 if self.per_channel else self._zero_point(weight, float(scale)),
            values=weight.size,
            unread=0.0,
            clipped=0.0,
            rmse_steps=rmse,
            sqnr_db=ratio,
            cosine=float(np.vdot(weight, stored)) / norms if norms else _NAN,
            own_rmse_steps=rmse,
            own_sqnr_db=ratio,
            answer_sqnr_db=decibels(signal, noise),
            noise=noise,
            worst_channel_sqnr_db=min(channels, default=_NAN) if self.per_channel else _NAN,
        )

    def _scale(self, weight: np.ndarray) -> np.ndarray:
        """Of each output channel, or of all in one."""
        if self.per_channel:
            return np.asarray(np.abs(weight).max(axis=tuple(range(weight.ndim - 1))) / (2 ** (self.bits - 1) - 1))
        return np.asarray((max(0.0, weight.max()) - min(0.0, weight.min())) / (2**self.bits - 1))

    def _zero_point(self, weight: np.ndarray, scale: float) -> int:
        """Of the grid that all values share, which holds 0."""
        lowest = -(2 ** (self.bits - 1))
        below = min(0.0, float(weight.min())) / scale if scale else 0.0
        return int(np.clip(round(lowest - below), lowest, -lowest - 1))


def quantized_weights(layer: keras.layers.Layer) -> list[QuantizedWeight]:
    """The weights of a layer that its simulation quantizes; none if it is kept in float."""
    if not isinstance(layer, DeployLayer) or layer.precision == "float":
        return []
    variables = [variable for variable in layer.trainable_variables if variable.name != _UNTOUCHED]
    bits, per_channel = getattr(layer, "weight_bits", 8), not isinstance(layer, _OPERANDS)
    return [QuantizedWeight(layer, variable, bits, per_channel) for variable in variables]
