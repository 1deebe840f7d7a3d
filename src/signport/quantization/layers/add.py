"""Residual addition."""

from typing import Any

import keras
import tensorflow as tf

from signport.errors import SignportError
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import ActivationQuantizer


@keras.saving.register_keras_serializable("signport")
class FakeQuantAdd(DeployLayer):
    """y = [relu](a + b), int8: TFLite's ADD.

    Args:
        relu: Whether a ReLU is fused in.
    """

    def __init__(self, relu: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.relu = relu
        self.quantizer = ActivationQuantizer(name="output")

    def compute(self, x: Any, training: bool | None = None) -> Any:
        y = x[0] + x[1]
        return self.quantizer(tf.nn.relu(y) if self.relu else y, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "relu": self.relu}


@rewrites(keras.layers.Add)
def _add(rewriter: Rewriter, layer: keras.layers.Add, x: Any) -> Any:
    if len(x) != 2:
        raise SignportError(f"layer {layer.name!r} adds {len(x)} tensors; TFLite's ADD takes two, so add them in pairs")
    return rewriter.add(FakeQuantAdd(name=layer.name), [rewriter.quantized(tensor) for tensor in x])
