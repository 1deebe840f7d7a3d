"""Position embeddings."""

from typing import Any

import keras
import numpy as np

from signport.models.attention import PositionEmbedding
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import ActivationQuantizer, quantized_operand


@keras.saving.register_keras_serializable("signport")
class FakeQuantPositions(DeployLayer):
    """y = x + positions, int8: TFLite's ADD; (batch, frames, channels) → the same shape."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.quantizer = ActivationQuantizer(name="output")

    def build(self, input_shape: Any) -> None:
        self.positions = self.add_weight(shape=input_shape[1:], initializer="zeros", name="positions")
        self.built = True

    def compute(self, x: Any, training: bool | None = None) -> Any:
        return self.quantizer(x + quantized_operand(self.positions), training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@rewrites(PositionEmbedding)
def _positions(rewriter: Rewriter, layer: PositionEmbedding, x: Any) -> Any:
    positions = FakeQuantPositions(name=layer.name)
    y = rewriter.add(positions, rewriter.quantized(x))
    positions.positions.assign(np.asarray(layer.positions))
    return y
