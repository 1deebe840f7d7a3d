"""Channel attention: the gate of each channel, and what passes it."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.models.temporal import ChannelGate
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import PROBABILITY, ActivationQuantizer, quantized_weight


@keras.saving.register_keras_serializable("signport")
class FakeQuantChannelGate(DeployLayer):
    """values · sigmoid(means ∗ kernel), int8: TFLite's CONV_2D with the channels for rows, LOGISTIC, MUL.

    Values (batch, frames, channels) and their means (batch, channels) → (batch, frames, channels).

    Args:
        kernel_size: Neighbouring channels that a gate looks at.
    """

    def __init__(self, kernel_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_size = kernel_size
        self.mixed_quantizer = ActivationQuantizer(name="mixed")
        self.gate_quantizer = ActivationQuantizer(fixed=PROBABILITY, name="gate")
        self.quantizer = ActivationQuantizer(name="output")

    def build(self, _input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(self.kernel_size, 1), name="kernel")
        self.built = True

    def compute(self, values_and_means: Any, training: bool | None = None) -> Any:
        values, means = values_and_means
        channels = means.shape[-1]
        kernel = tf.reshape(quantized_weight(self.kernel), [self.kernel_size, 1, 1, 1])
        mixed = tf.nn.conv2d(tf.reshape(means, [-1, channels, 1, 1]), kernel, strides=1, padding="SAME")
        gate = self.gate_quantizer(tf.sigmoid(self.mixed_quantizer(mixed, training=training)))
        return self.quantizer(values * tf.reshape(gate, [-1, 1, channels]), training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size}


@rewrites(ChannelGate)
def _channel_gate(rewriter: Rewriter, layer: ChannelGate, values_and_means: Any) -> Any:
    gate = FakeQuantChannelGate(layer.kernel_size, name=layer.name)
    y = rewriter.add(gate, [rewriter.quantized(tensor) for tensor in values_and_means])
    gate.kernel.assign(np.asarray(layer.kernel)[:, None])
    return y
