"""Layer normalization as RMS normalization (Zhang and Sennrich 2019): no mean is left to subtract in int8.

If every weight that writes to the residual stream has its output channels centred, the stream's mean over the channels
is 0 already. The scale and shift go into the dense layers that read the normalized values.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.errors import SignportError
from signport.models.attention import PositionEmbedding
from signport.models.sequence import MaskedMean
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import ActivationQuantizer, Phase, current_phase
from signport.quantization.layers.add import FakeQuantAdd
from signport.quantization.layers.affine import FakeQuantAffine
from signport.quantization.layers.dense import FakeQuantDense
from signport.quantization.layers.positions import FakeQuantPositions

# TFLite's int8 RSQRT answers with its largest value at 0, where the simulation would find infinity.
_SMALLEST_VARIANCE = 1e-12


@keras.saving.register_keras_serializable("signport")
class FakeQuantRmsNorm(DeployLayer):
    """y = x / sqrt(mean(x²) + epsilon) over the last axis, int8: TFLite's MUL, MEAN, ADD, RSQRT, MUL.

    Args:
        epsilon: Added to the mean square.
        symmetric: Whether the output's zero point is 0.
    """

    def __init__(self, epsilon: float, symmetric: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.square_quantizer = ActivationQuantizer(name="square")
        self.mean_quantizer = ActivationQuantizer(name="mean_square")
        self.variance_quantizer = ActivationQuantizer(name="variance")
        self.inverse_quantizer = ActivationQuantizer(name="inverse")
        self.quantizer = ActivationQuantizer(symmetric=symmetric, name="output")

    def compute(self, x: Any, training: bool | None = None) -> Any:
        square = self.square_quantizer(x * x, training=training)
        mean = self.mean_quantizer(tf.reduce_mean(square, axis=-1, keepdims=True), training=training)
        variance = self.variance_quantizer(mean + self.epsilon, training=training)
        if current_phase() is Phase.SIMULATE:
            some = variance > 0
            inverse = tf.math.rsqrt(tf.where(some, variance, _SMALLEST_VARIANCE))
            self.inverse_quantizer.observe(tf.where(some, inverse, 0.0), training=training)
            inverse = self.inverse_quantizer.fake(inverse)
        else:
            inverse = self.inverse_quantizer(tf.math.rsqrt(variance))
        return self.quantizer(x * inverse, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon, "symmetric": self.quantizer.symmetric}


@rewrites(keras.layers.LayerNormalization)
def _layer_norm(rewriter: Rewriter, layer: keras.layers.LayerNormalization, x: Any) -> Any:
    if list(np.atleast_1d(layer.axis)) not in ([-1], [len(x.shape) - 1]):
        raise SignportError(f"layer {layer.name!r} normalizes axis {layer.axis}; the quantizer knows the last one")
    _centre(rewriter, x, layer.name)
    norm = FakeQuantRmsNorm(layer.epsilon, name=layer.name)
    y = rewriter.add(norm, rewriter.quantized(x))
    channels = x.shape[-1]
    factor = np.ones(channels, np.float32) if layer.gamma is None else np.asarray(layer.gamma)
    offset = np.zeros(channels, np.float32) if layer.beta is None else np.asarray(layer.beta)
    if rewriter.is_only_read_by(layer, (keras.layers.Dense,), through=(MaskedMean, keras.layers.Dropout)):
        return rewriter.leave_affine(y, factor, offset)
    affine = FakeQuantAffine(name=f"{layer.name}_affine")
    y = rewriter.add(affine, y)
    affine.factor.assign(factor)
    affine.offset.assign(offset)
    return y


# What may read a residual stream: all that a shift of all channels alike does not change, or that hands the stream on.
_STREAM = (keras.layers.LayerNormalization, keras.layers.Add, keras.layers.Dropout, PositionEmbedding)


def _centre(rewriter: Rewriter, x: Any, norm: str) -> None:
    """Centres over the channels what writes to the residual stream `x`; doing it twice changes nothing."""
    for reader in rewriter.readers(x):
        if not isinstance(reader, _STREAM):
            raise SignportError(
                f"layer {norm!r}: what it normalizes is read by {reader.name!r} too, a {type(reader).__name__}; only "
                "other normalizations and residual additions may read it"
            )
    writer, inputs = rewriter.maker(x)
    if isinstance(writer, FakeQuantDense) and not writer.relu:
        kernel, bias = np.asarray(writer.kernel), np.asarray(writer.bias)
        writer.kernel.assign(kernel - kernel.mean(axis=-1, keepdims=True))
        writer.bias.assign(bias - bias.mean())
    elif isinstance(writer, FakeQuantPositions):
        positions = np.asarray(writer.positions)
        writer.positions.assign(positions - positions.mean(axis=-1, keepdims=True))
        _centre(rewriter, inputs[0], norm)
    elif isinstance(writer, FakeQuantAdd) and not writer.relu:
        for tensor in inputs:
            _centre(rewriter, tensor, norm)
    else:
        raise SignportError(
            f"layer {norm!r} normalizes the output of a {type(writer).__name__}; the quantizer centres sums of dense "
            "layers and positions only"
        )
