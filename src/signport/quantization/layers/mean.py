"""The mean over the frames that are not masked."""

from typing import Any

import keras
import tensorflow as tf

from signport.models.sequence import MaskedMean, frame_weights
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import ActivationQuantizer, Phase, current_phase

# A frame's weight lies between 1/300 and 1, too wide for 8 bits: one tensor holds it to 127 steps, another the rest.
_STEPS = 127
_COARSE = (-128 / _STEPS, 1.0)
_REST = (-128 / (2 * _STEPS * 127), 1 / (2 * _STEPS))


@keras.saving.register_keras_serializable("signport")
class FakeQuantMaskedMean(DeployLayer):
    """Weighted mean over the frames, int8: TFLite's MEAN (over nodes, where there are any) and two BATCH_MATMULs.

    Values (batch, frames, …, channels) and mask (batch, frames) → (batch, channels). The weights of the frames come
    from the float part of the graph, 1 / (number of frames) each.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.node_quantizer = ActivationQuantizer(symmetric=True, name="nodes")
        self.coarse_quantizer = ActivationQuantizer(fixed=_COARSE, name="weights")
        self.rest_quantizer = ActivationQuantizer(fixed=_REST, name="weights_rest")
        self.coarse_mean_quantizer = ActivationQuantizer(name="mean")
        self.rest_mean_quantizer = ActivationQuantizer(name="mean_rest")
        self.quantizer = ActivationQuantizer(name="output")

    def compute(self, values_and_mask: Any, training: bool | None = None) -> Any:
        values, mask = values_and_mask
        if len(values.shape) > 3:
            inner = tuple(range(2, len(values.shape) - 1))
            values = self.node_quantizer(tf.reduce_mean(values, axis=inner), training=training)
        weights = frame_weights(mask)[:, None, :]
        if current_phase() is Phase.FLOAT:
            return tf.matmul(weights, values)[:, 0]
        coarse = tf.round(weights * _STEPS) / _STEPS
        means = [
            quantizer_of_mean(tf.matmul(quantizer(part), values), training=training)
            for quantizer, quantizer_of_mean, part in (
                (self.coarse_quantizer, self.coarse_mean_quantizer, coarse),
                (self.rest_quantizer, self.rest_mean_quantizer, weights - coarse),
            )
        ]
        return self.quantizer(means[0] + means[1], training=training)[:, 0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0][0], input_shape[0][-1])


@rewrites(MaskedMean)
def _masked_mean(rewriter: Rewriter, layer: MaskedMean, values_and_mask: Any) -> Any:
    values, mask = values_and_mask
    affine = rewriter.affine(values)
    flat = len(values.shape) == 3
    y = rewriter.add(
        FakeQuantMaskedMean(name=layer.name),
        [rewriter.make_symmetric(values) if flat else rewriter.quantized(values), mask],
    )
    # The weights add up to 1, so that a shift of all values is the same shift of their mean.
    return y if affine is None else rewriter.leave_affine(y, *affine)
