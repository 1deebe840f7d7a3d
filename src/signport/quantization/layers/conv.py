"""Convolutions over frames and nodes, with the batch normalization and ReLU that follow them folded in."""

from typing import Any

import keras
import tensorflow as tf

from signport.errors import SignportError
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import ActivationQuantizer, plain_weight, quantized_weight


@keras.saving.register_keras_serializable("signport")
class FakeQuantConv2D(DeployLayer):
    """y = [relu](x ∗ kernel + bias), int8: TFLite's CONV_2D; stride 1, zeros beyond the edges.

    Args:
        filters: Size of the output axis.
        kernel_size: (height, width) of the kernel.
        relu: Whether a ReLU is fused in.
        masked: Whether it takes values (batch, frames, nodes, channels) and a mask (batch, frames), and sets masked
            frames of its output to 0.
    """

    def __init__(
        self, filters: int, kernel_size: tuple[int, int], relu: bool = False, masked: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = tuple(kernel_size)
        self.relu = relu
        self.masked = masked
        self.quantizer = ActivationQuantizer(name="output")
        self.mask_quantizer = ActivationQuantizer(fixed=(0.0, 1.0), name="mask")

    @property
    def has_int16(self) -> bool:
        return not self.masked

    def build(self, input_shape: Any) -> None:
        channels = self._values(input_shape)[-1]
        self.kernel = self.add_weight(shape=(*self.kernel_size, channels, self.filters), name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        self.built = True

    def _values(self, inputs: Any) -> Any:
        return inputs[0] if self.masked else inputs

    def compute(self, inputs: Any, training: bool | None = None) -> Any:
        y = tf.nn.conv2d(self._values(inputs), quantized_weight(self.kernel), strides=1, padding="SAME")
        y += plain_weight(self.bias)
        y = self.quantizer(tf.nn.relu(y) if self.relu else y, training=training)
        if not self.masked:
            return y
        # On the grid that the values have already, a product with 0 or 1 is exact.
        return self.quantizer.fake(y * self.mask_quantizer(inputs[1])[:, :, None, None])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*self._values(input_shape)[:-1], self.filters)

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "relu": self.relu, "masked": self.masked}
        return {**super().get_config(), **own}


@rewrites(keras.layers.Conv2D)
def _conv(rewriter: Rewriter, layer: keras.layers.Conv2D, x: Any) -> Any:
    plain = {"strides": (1, 1), "dilation_rate": (1, 1), "groups": 1, "padding": "same"}
    for name, value in plain.items():
        if getattr(layer, name) != value:
            raise SignportError(f"layer {layer.name!r}: {name} is {getattr(layer, name)}; the quantizer knows {value}")
    if keras.activations.serialize(layer.activation) != "linear":
        raise SignportError(f"layer {layer.name!r}: put its activation into a layer of its own to quantize it")
    conv = FakeQuantConv2D(layer.filters, layer.kernel_size, name=layer.name)
    y = rewriter.add(conv, rewriter.quantized(x))
    conv.kernel.assign(layer.kernel)
    if layer.bias is not None:
        conv.bias.assign(layer.bias)
    return y
