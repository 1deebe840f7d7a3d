"""Graph convolution: nodes mixed as the channels of a 1×1 convolution."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.models.stgcn import GraphMixing
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import ActivationQuantizer, quantized_weight


@keras.saving.register_keras_serializable("signport")
class FakeQuantGraphMixing(DeployLayer):
    """Mixes the nodes of each frame, int8: TFLite's TRANSPOSE, CONV_2D, TRANSPOSE.

    (batch, frames, nodes, channels) → the same shape. A convolution over nodes, because a BATCH_MATMUL with every
    frame's matrix is nine times slower (design §6).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.quantizer = ActivationQuantizer(name="output")

    def build(self, input_shape: Any) -> None:
        self.adjacency = self.add_weight(shape=(input_shape[2], input_shape[2]), name="adjacency")
        self.built = True

    def compute(self, x: Any, training: bool | None = None) -> Any:
        kernel = quantized_weight(self.adjacency)[None, None]
        mixed = tf.nn.conv2d(tf.transpose(x, [0, 1, 3, 2]), kernel, strides=1, padding="VALID")
        return tf.transpose(self.quantizer(mixed, training=training), [0, 1, 3, 2])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@rewrites(GraphMixing)
def _graph(rewriter: Rewriter, layer: GraphMixing, x: Any) -> Any:
    mixing = FakeQuantGraphMixing(name=layer.name)
    y = rewriter.add(mixing, rewriter.quantized(x))
    mixing.adjacency.assign(np.asarray(layer.adjacency))
    return y
