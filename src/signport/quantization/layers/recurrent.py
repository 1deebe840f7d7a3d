"""LSTMs: unrolled over their fixed number of steps, or in the form that TFLite fuses into one operator."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.errors import SignportError
from signport.models.sequence import PresentLast
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import (
    HYPERBOLIC,
    PROBABILITY,
    ActivationQuantizer,
    Phase,
    current_phase,
    is_observed,
    plain_weight,
    quantized_weight,
)


class _LstmForm(DeployLayer):
    """What both forms have: the weights of an LSTM, and its answer's shape.

    Args:
        units: Size of the state.
        return_sequences: Whether it answers with all steps, (batch, frames, units), or the last, (batch, units).
        activation: Of candidate and cell: `tanh` or `relu`.
    """

    def __init__(self, units: int, return_sequences: bool = False, activation: str = "tanh", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.return_sequences = return_sequences
        self.activation = activation

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], 4 * self.units), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(self.units, 4 * self.units), name="recurrent_kernel")
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")
        self.built = True

    def take(self, kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray) -> None:
        """Takes trained weights."""
        self.kernel.assign(kernel)
        self.recurrent_kernel.assign(recurrent_kernel)
        self.bias.assign(bias)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:2], self.units) if self.return_sequences else (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "return_sequences": self.return_sequences, "activation": self.activation}
        return {**super().get_config(), **own}


# Beyond these an int8 sigmoid (256 steps) and tanh (128 a side) do not change. The cell has a margin, as room for what
# it will forget; a unit that counts up to 20 would otherwise spoil the grid of all: 36.7 dB instead of 24.3 on made-up
# signs.
_FLAT_GATE, _FLAT_CELL = 8.0, 6.0


@keras.saving.register_keras_serializable("signport")
class UnrolledLstm(_LstmForm):
    """An LSTM (Hochreiter and Schmidhuber 1997) as plain matrix products, int8.

    One product projects the inputs of all steps; then each step is written out: TFLite's FULLY_CONNECTED, ADD,
    LOGISTIC, TANH and MUL. So the graph has no loop, no state that stays between calls and no operator that a runtime
    may lack. (batch, frames, features) → (batch, frames, units), or (batch, units) of the last step.

    Its gates lie in the order input, forget, output, candidate, so that the three sigmoids are one operator. A tensor
    has the same range at every step. With `relu` nothing is flat far out, so no range is limited.
    """

    def __init__(self, units: int, return_sequences: bool = False, activation: str = "tanh", **kwargs: Any) -> None:
        super().__init__(units, return_sequences, activation, **kwargs)
        bounded = activation == "tanh"
        gate, cell, fixed = (_FLAT_GATE, _FLAT_CELL, HYPERBOLIC) if bounded else (None, None, None)
        self.projected_quantizer = ActivationQuantizer(name="projected")
        self.recurrent_quantizer = ActivationQuantizer(name="recurrent")
        self.gates_quantizer = ActivationQuantizer(limit=gate, name="gates")
        self.sigmoid_quantizer = ActivationQuantizer(fixed=PROBABILITY, name="sigmoids")
        self.tanh_quantizer = ActivationQuantizer(fixed=HYPERBOLIC, name="tanhs")
        self.kept_quantizer = ActivationQuantizer(limit=cell, name="kept")
        self.taken_quantizer = ActivationQuantizer(name="taken")
        self.cell_quantizer = ActivationQuantizer(limit=cell, name="cell")
        self.quantizer = ActivationQuantizer(fixed=fixed, name="output")

    def compute(self, x: Any, training: bool | None = None) -> Any:
        frames, features = x.shape[1:]
        recurrent = quantized_weight(self.recurrent_kernel)
        projected = tf.matmul(tf.reshape(x, [-1, features]), quantized_weight(self.kernel)) + plain_weight(self.bias)
        projected = self.projected_quantizer(projected, training=training)
        learning = (
            self.recurrent_quantizer,
            self.gates_quantizer,
            self.kept_quantizer,
            self.taken_quantizer,
            self.cell_quantizer,
            self.quantizer,
        )
        bounds = {quantizer.name: quantizer.bounds() for quantizer in learning}

        def advance(step: Any, hidden: Any, cell: Any) -> tuple[Any, Any, dict[str, Any]]:
            """A step from the state before it, None at the first, to the one after; and the tensors of `learning`."""
            seen = {}

            def fake(quantizer: ActivationQuantizer, value: Any) -> Any:
                seen[quantizer.name] = value
                return quantizer.fake(value, bounds[quantizer.name])

            gates, grid = step, self.projected_quantizer
            if hidden is not None:
                grid = self.gates_quantizer
                gates = fake(grid, step + fake(self.recurrent_quantizer, tf.matmul(hidden, recurrent)))
            opened = self.sigmoid_quantizer(tf.sigmoid(gates[:, : 3 * self.units]))
            candidate = self._activated(gates[:, 3 * self.units :], grid)
            if cell is None:
                # Slices, because the converter leaves a split in float if a part of it is not used.
                take, show = opened[:, : self.units], opened[:, 2 * self.units :]
                cell = fake(self.cell_quantizer, take * candidate)
            else:
                take, keep, show = tf.split(opened, 3, axis=1)
                kept = fake(self.kept_quantizer, keep * cell)
                cell = fake(self.cell_quantizer, kept + fake(self.taken_quantizer, take * candidate))
            hidden = fake(self.quantizer, show * self._activated(cell, self.cell_quantizer))
            return hidden, cell, seen

        # One graph for all steps but the first is traced in less time; the converter wants them written out.
        if current_phase() in (Phase.CALIBRATE, Phase.SIMULATE) and not is_observed():
            advance = tf.function(advance, autograph=False, jit_compile=False)
        hidden = cell = None
        outputs, seen = [], dict[str, list[Any]]()
        for step in tf.unstack(tf.reshape(projected, [-1, frames, 4 * self.units]), axis=1):
            hidden, cell, values = advance(step, hidden, cell)
            outputs.append(hidden)
            for name, value in values.items():
                seen.setdefault(name, []).append(value)
        for quantizer in learning:
            if quantizer.name in seen:
                quantizer.observe(*seen[quantizer.name], training=training)
        return tf.stack(outputs, axis=1) if self.return_sequences else hidden

    def _activated(self, x: Any, grid: ActivationQuantizer) -> Any:
        """The activation of a tensor that lies on `grid`; what ReLU lets through stays on it, so that it is exact."""
        return self.tanh_quantizer(tf.tanh(x)) if self.activation == "tanh" else grid.fake(tf.nn.relu(x))


@keras.saving.register_keras_serializable("signport")
class FusedLstm(_LstmForm):
    """An LSTM that the converter turns into one UNIDIRECTIONAL_SEQUENCE_LSTM, in float.

    The converter knows it by a mark that tf-keras's LSTM leaves on its function and Keras 3's does not; so this is
    tf-keras's layer, with constant weights. (batch, frames, features) → (batch, frames, units), or (batch, units).
    """

    def build(self, input_shape: Any) -> None:
        import tf_keras

        super().build(input_shape)
        self.layer = tf_keras.layers.LSTM(self.units, return_sequences=self.return_sequences)
        self.layer.build((None, *input_shape[1:]))

    def settle(self) -> None:
        """Hands the weights on to tf-keras's layer; without this, a new or loaded layer answers with random ones."""
        self.layer.set_weights(self.get_weights())

    def call(self, inputs: Any, training: bool | None = None) -> Any:  # noqa: ARG002  always as at inference
        return self.layer(inputs)


@keras.saving.register_keras_serializable("signport")
class AbsentColumns(keras.layers.Layer):
    """Appends columns that are `value` where a frame is masked, else 0.

    Values (batch, frames, features) and mask (batch, frames) → (batch, frames, features + columns).

    Args:
        columns: How many.
        value: What stands in them.
        quantized: Whether the values are those of an int8 tanh, on whose grid the columns then are.
    """

    def __init__(self, columns: int, value: float, quantized: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.columns = columns
        self.value = value
        self.quantized = quantized
        self.quantizer = ActivationQuantizer(fixed=HYPERBOLIC, name="output")

    def build(self, _input_shape: Any) -> None:
        self.built = True

    def call(self, values_and_mask: Any) -> Any:
        values, mask = values_and_mask
        absent = (1.0 - mask)[..., None] * tf.fill([self.columns], self.value)
        if not self.quantized:
            return tf.concat([values, absent], axis=-1)
        return self.quantizer.fake(tf.concat([values, self.quantizer.fake(absent)], axis=-1))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[0][:-1], input_shape[0][-1] + self.columns)

    def get_config(self) -> dict[str, Any]:
        own = {"columns": self.columns, "value": self.value, "quantized": self.quantized}
        return {**super().get_config(), **own}


# Enough of them that their weights are no larger than the others, and so do not coarsen their column's grid; the values
# are within the range that standardized coordinates, or a tanh, have anyway.
_OF_FLOATS = (2, 4.0)
_OF_TANHS = (8, 127 / 128)


@rewrites(keras.layers.LSTM)
def _lstm(rewriter: Rewriter, layer: keras.layers.LSTM, x: Any) -> Any:
    mask, affine = rewriter.options.get("mask"), rewriter.affine(x)
    config = layer.get_config()
    # TFLite's fused operator has tanh only, and what stands for masked frames counts on its grid.
    activations = ("tanh",) if rewriter.fused_lstm or mask is not None else ("tanh", "relu")
    kinds = {"activation": activations, "recurrent_activation": ("sigmoid",), "use_bias": (True,)}
    for name, values in {**kinds, "go_backwards": (False,)}.items():
        if config[name] not in values:
            form = "fused " if rewriter.fused_lstm else "masked " if mask is not None else ""
            raise SignportError(
                f"layer {layer.name!r}: {name} is {config[name]!r}; in a {form}LSTM the exporter knows "
                f"{' and '.join(map(repr, values))}"
            )
    kernel, recurrent, bias = layer.get_weights()
    if affine is not None:
        factor, offset = affine
        kernel, bias = kernel * factor[:, None], bias + offset @ kernel
    if mask is not None:
        x, kernel = _start_from_nothing(rewriter, layer, x, mask, kernel, bias)
    if rewriter.fused_lstm:
        fused = FusedLstm(layer.units, layer.return_sequences, name=layer.name)
        y = rewriter.add(fused, x, quantized=False)
        fused.take(kernel, recurrent, bias)
        fused.settle()
        return y
    unrolled = UnrolledLstm(layer.units, layer.return_sequences, config["activation"], name=layer.name)
    y = rewriter.add(unrolled, rewriter.quantized(x))
    unrolled.take(*(_reordered(weight) for weight in (kernel, recurrent, bias)))
    return y


def _start_from_nothing(
    rewriter: Rewriter, layer: keras.layers.LSTM, x: Any, mask: Any, kernel: np.ndarray, bias: np.ndarray
) -> tuple[Any, np.ndarray]:
    """Lets the state stay 0 through masked frames, which come first and hold zeros.

    New columns of the input, which only masked frames fill, cancel the bias of the candidate there: tanh(0) = 0 is all
    that then enters the cell. So no step needs to choose between an old and a new state.

    Returns:
        The input with its new columns, and the kernel with their weights.
    """
    if not isinstance(rewriter.maker(mask)[0], PresentLast):
        raise SignportError(f"layer {layer.name!r}: masked frames must come first; put PresentLast before it")
    quantized = rewriter.is_quantized(x)
    columns, value = _OF_TANHS if quantized else _OF_FLOATS
    absent = AbsentColumns(columns, value, quantized, name=f"{layer.name}_absent")
    weights = np.zeros((columns, kernel.shape[1]), np.float32)
    candidate = slice(2 * layer.units, 3 * layer.units)  # of Keras's order: input, forget, candidate, output
    weights[:, candidate] = -bias[candidate] / (columns * value)
    return rewriter.add(absent, [x, mask], quantized=quantized), np.concatenate([kernel, weights])


def _reordered(weight: np.ndarray) -> np.ndarray:
    """Keras keeps the gates as input, forget, candidate, output."""
    take, keep, candidate, show = np.split(weight, 4, axis=-1)
    return np.concatenate([take, keep, show, candidate], axis=-1)
