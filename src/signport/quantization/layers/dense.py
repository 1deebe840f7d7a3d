"""Fully connected layers, with the batch normalization and ReLU that follow them folded in."""

from typing import Any

import keras
import tensorflow as tf

from signport.errors import SignportError
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.fake_quant import ActivationQuantizer, plain_weight, quantized_weight


@keras.saving.register_keras_serializable("signport")
class FakeQuantDense(keras.layers.Layer):
    """y = [relu](x · kernel + bias), int8: TFLite's FULLY_CONNECTED.

    Args:
        units: Size of the output axis.
        relu: Whether a ReLU is fused in.
    """

    def __init__(self, units: int, relu: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.relu = relu
        self.quantizer = ActivationQuantizer(name="output")

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.built = True

    def call(self, x: Any, training: bool | None = None) -> Any:
        # The converter emits FULLY_CONNECTED for matrices only, so leading axes are folded into one.
        leading = x.shape[1:-1]
        if leading:
            x = tf.reshape(x, [-1, x.shape[-1]])
        y = tf.matmul(x, quantized_weight(self.kernel)) + plain_weight(self.bias)
        y = self.quantizer(tf.nn.relu(y) if self.relu else y, training=training)
        return tf.reshape(y, [-1, *leading, self.units]) if leading else y

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "relu": self.relu}


@rewrites(keras.layers.Dense)
def _dense(rewriter: Rewriter, layer: keras.layers.Dense, x: Any) -> Any:
    activation = keras.activations.serialize(layer.activation)
    if activation not in ("linear", "relu"):
        raise SignportError(
            f"layer {layer.name!r}: activation {activation!r} inside a Dense is not quantizable; "
            "use relu, or put the activation into a layer of its own"
        )
    dense = FakeQuantDense(layer.units, relu=activation == "relu", name=layer.name)
    y = rewriter.add(dense, rewriter.quantized(x))
    dense.kernel.assign(layer.kernel)
    if layer.bias is not None:
        dense.bias.assign(layer.bias)
    return y
