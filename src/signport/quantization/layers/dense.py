"""Fully connected layers, with the batch normalization and ReLU that follow them folded in."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.errors import SignportError
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import ActivationQuantizer, plain_weight, quantized_weight


@keras.saving.register_keras_serializable("signport")
class FakeQuantDense(DeployLayer):
    """y = [relu](x · kernel + bias), int8: TFLite's FULLY_CONNECTED.

    Args:
        units: Size of the output axis.
        relu: Whether a ReLU is fused in.
        symmetric: Whether the output's zero point is 0.
        weight_bits: Of a stored weight: 8, or 4 for a kernel that takes half the bytes.
        masked: Whether it takes values (batch, frames, channels) and a mask (batch, frames), and sets masked frames of
            its output to 0.
    """

    def __init__(
        self,
        units: int,
        relu: bool = False,
        symmetric: bool = False,
        weight_bits: int = 8,
        masked: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.relu = relu
        self.weight_bits = weight_bits
        self.masked = masked
        self.quantizer = ActivationQuantizer(symmetric=symmetric, name="output")
        # Of a layer without a mask nothing has a fixed grid, which TFMOT's engine could not take.
        if masked:
            self.mask_quantizer = ActivationQuantizer(fixed=(0.0, 1.0), name="mask")

    @property
    def has_int16(self) -> bool:
        return not self.masked

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(self._values(input_shape)[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.built = True

    def _values(self, inputs: Any) -> Any:
        return inputs[0] if self.masked else inputs

    def compute(self, inputs: Any, training: bool | None = None) -> Any:
        x = self._values(inputs)
        # The converter emits FULLY_CONNECTED for matrices only, so leading axes are folded into one.
        leading = x.shape[1:-1]
        if leading:
            x = tf.reshape(x, [-1, x.shape[-1]])
        y = tf.matmul(x, quantized_weight(self.kernel, bits=self.weight_bits)) + plain_weight(self.bias)
        y = self.quantizer(tf.nn.relu(y) if self.relu else y, training=training)
        y = tf.reshape(y, [-1, *leading, self.units]) if leading else y
        if not self.masked:
            return y
        # On the grid that the values have already, a product with 0 or 1 is exact.
        return self.quantizer.fake(y * self.mask_quantizer(inputs[1])[:, :, None])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*self._values(input_shape)[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "relu": self.relu, "symmetric": self.quantizer.symmetric}
        return {**super().get_config(), **own, "weight_bits": self.weight_bits, "masked": self.masked}


@rewrites(keras.layers.Dense)
def _dense(rewriter: Rewriter, layer: keras.layers.Dense, x: Any) -> Any:
    activation = keras.activations.serialize(layer.activation)
    if activation not in ("linear", "relu"):
        raise SignportError(
            f"layer {layer.name!r}: activation {activation!r} inside a Dense is not quantizable; "
            "use relu, or put the activation into a layer of its own"
        )
    dense = FakeQuantDense(layer.units, relu=activation == "relu", name=layer.name)
    affine = rewriter.affine(x)
    y = rewriter.add(dense, rewriter.quantized(x))
    kernel = np.asarray(layer.kernel)
    bias = np.zeros(layer.units, np.float32) if layer.bias is None else np.asarray(layer.bias)
    if affine is not None:
        factor, offset = affine
        kernel, bias = kernel * factor[:, None], bias + offset @ kernel
    dense.kernel.assign(kernel)
    dense.bias.assign(bias)
    return y
