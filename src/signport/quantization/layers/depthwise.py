"""Each channel filtered over time, with the batch normalization that follows folded in."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.models.temporal import CausalDepthwiseConvolution
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import ActivationQuantizer, plain_weight, quantized_weight


@keras.saving.register_keras_serializable("signport")
class FakeQuantDepthwise(DeployLayer):
    """y = [relu](x ∗ kernel + bias) channel by channel, int8: TFLite's PAD and DEPTHWISE_CONV_2D.

    (batch, frames, channels) → the same shape; before the first frame there are zeros.

    Args:
        kernel_size: Frames that an output sees: its own and those before it.
        relu: Whether a ReLU is fused in.
    """

    def __init__(self, kernel_size: int, relu: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.relu = relu
        self.quantizer = ActivationQuantizer(name="output")

    def build(self, input_shape: Any) -> None:
        channels = input_shape[-1]
        self.kernel = self.add_weight(shape=(self.kernel_size, channels), name="kernel")
        self.bias = self.add_weight(shape=(channels,), initializer="zeros", name="bias")
        self.built = True

    def compute(self, x: Any, training: bool | None = None) -> Any:
        frames, channels = x.shape[1:]
        column = tf.reshape(x, [-1, frames, 1, channels])
        padded = tf.pad(column, [[0, 0], [self.kernel_size - 1, 0], [0, 0], [0, 0]])
        kernel = tf.reshape(quantized_weight(self.kernel), [self.kernel_size, 1, channels, 1])
        y = tf.nn.depthwise_conv2d(padded, kernel, strides=[1, 1, 1, 1], padding="VALID") + plain_weight(self.bias)
        y = self.quantizer(tf.nn.relu(y) if self.relu else y, training=training)
        return tf.reshape(y, [-1, frames, channels])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size, "relu": self.relu}


@rewrites(CausalDepthwiseConvolution)
def _depthwise(rewriter: Rewriter, layer: CausalDepthwiseConvolution, x: Any) -> Any:
    depthwise = FakeQuantDepthwise(layer.kernel_size, name=layer.name)
    y = rewriter.add(depthwise, rewriter.quantized(x))
    depthwise.kernel.assign(np.asarray(layer.kernel))
    return y
