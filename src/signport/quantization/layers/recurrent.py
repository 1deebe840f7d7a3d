"""LSTMs: unrolled over their fixed number of steps, or in the form that TFLite fuses into one operator."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.errors import SignportError
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.fake_quant import plain_weight


class _LstmForm(keras.layers.Layer):
    """What both forms have: the weights of an LSTM, and its answer's shape.

    Args:
        units: Size of the state.
        return_sequences: Whether it answers with all steps, (batch, frames, units), or the last, (batch, units).
    """

    def __init__(self, units: int, return_sequences: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.return_sequences = return_sequences

    def build(self, input_shape: Any) -> None:
        features = _values_shape(input_shape)[-1]
        self.kernel = self.add_weight(shape=(features, 4 * self.units), name="kernel")
        self.recurrent_kernel = self.add_weight(shape=(self.units, 4 * self.units), name="recurrent_kernel")
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = _values_shape(input_shape)
        return (*shape[:2], self.units) if self.return_sequences else (shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "return_sequences": self.return_sequences}


def _values_shape(input_shape: Any) -> Any:
    """Shape of the values, which may come with a mask."""
    return input_shape[0] if isinstance(input_shape[0], list | tuple) else input_shape


@keras.saving.register_keras_serializable("signport")
class UnrolledLstm(_LstmForm):
    """An LSTM (Hochreiter and Schmidhuber 1997) as plain matrix products, in float.

    One product projects the inputs of all steps; then each step is written out. So the graph has no loop, no state
    that stays between calls and no operator that a runtime may lack. Takes values (batch, frames, features), or values
    and a mask (batch, frames) whose 0 passes a frame over; answers (batch, frames, units), or (batch, units) of the
    last step.

    Its gates lie in the order input, forget, output, candidate, so that the three sigmoids are one operator.
    """

    def call(self, inputs: Any) -> Any:
        x, mask = inputs if isinstance(inputs, list | tuple) else (inputs, None)
        frames, features = x.shape[1:]
        kernel, recurrent, bias = (plain_weight(weight) for weight in (self.kernel, self.recurrent_kernel, self.bias))
        projected = tf.reshape(tf.matmul(tf.reshape(x, [-1, features]), kernel) + bias, [-1, frames, 4 * self.units])
        steps = tf.unstack(projected, axis=1)
        present = None if mask is None else tf.unstack(mask[:, :, None] > 0.5, axis=1)
        hidden = cell = tf.zeros_like(steps[0][:, : self.units])
        outputs = []
        for number, step in enumerate(steps):
            gates = step if number == 0 else step + tf.matmul(hidden, recurrent)
            sigmoid, candidate = tf.split(gates, [3 * self.units, self.units], axis=1)
            take, keep, show = tf.split(tf.sigmoid(sigmoid), 3, axis=1)
            new_cell = keep * cell + take * tf.tanh(candidate)
            new_hidden = show * tf.tanh(new_cell)
            if present is not None:
                new_cell = tf.where(present[number], new_cell, cell)
                new_hidden = tf.where(present[number], new_hidden, hidden)
            cell, hidden = new_cell, new_hidden
            outputs.append(hidden)
        return tf.stack(outputs, axis=1) if self.return_sequences else hidden


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

    def call(self, x: Any) -> Any:
        return self.layer(x)


@rewrites(keras.layers.LSTM)
def _lstm(rewriter: Rewriter, layer: keras.layers.LSTM, x: Any) -> Any:
    mask = rewriter.options.get("mask")
    if rewriter.fused_lstm:
        return _fused(rewriter, layer, x, mask)
    kinds = {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True, "go_backwards": False}
    config = layer.get_config()
    for name, value in kinds.items():
        if config[name] != value:
            raise SignportError(f"layer {layer.name!r}: {name} is {config[name]!r}; the exporter knows {value!r}")
    unrolled = UnrolledLstm(layer.units, layer.return_sequences, name=layer.name)
    y = rewriter.add(unrolled, x if mask is None else [x, mask], quantized=False)
    unrolled.set_weights([_reordered(weight) for weight in layer.get_weights()])
    return y


def _fused(rewriter: Rewriter, layer: keras.layers.LSTM, x: Any, mask: Any) -> Any:
    if mask is not None:
        raise SignportError(
            f"layer {layer.name!r} passes missing frames over, which TFLite's fused LSTM can't; export it unrolled, or "
            "train with model.masking=false"
        )
    fused = FusedLstm(layer.units, layer.return_sequences, name=layer.name)
    y = rewriter.add(fused, x, quantized=False)
    fused.set_weights(layer.get_weights())
    fused.settle()
    return y


def _reordered(weight: np.ndarray) -> np.ndarray:
    """Keras keeps the gates as input, forget, candidate, output."""
    take, keep, candidate, show = np.split(weight, 4, axis=-1)
    return np.concatenate([take, keep, show, candidate], axis=-1)
