"""Scaled dot-product attention, with its scale folded into the queries."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signport.errors import SignportError
from signport.models.attention import MASKED_SCORE, ScaledDotProductAttention
from signport.quantization.deploy import Rewriter, rewrites
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.fake_quant import PROBABILITY, ActivationQuantizer
from signport.quantization.layers.dense import FakeQuantDense

# An int8 probability below 1/512 is 0, and exp(-ln 512) is e^-6.2: a score this far below its row's largest is unseen.
_UNSEEN = 8.0
# Moves any score out of its range; only the two values at the ends are ever used, and both are exact.
_OUT_OF_RANGE = (-256.0, 0.0)


@keras.saving.register_keras_serializable("signport")
class FakeQuantAttention(DeployLayer):
    """softmax(q · kᵀ + mask) · v, int8: TFLite's BATCH_MATMUL, ADD, SOFTMAX, BATCH_MATMUL.

    Queries (already scaled), keys, values (batch, frames, channels), mask (batch, frames) → (batch, frames, channels).
    A masked frame's score is driven to the lowest value of the scores' grid, which lies so deep below every row's
    largest that its probability rounds to 0. Keys and values should have zero point 0: XNNPACK's BATCH_MATMUL takes no
    other right side.

    Args:
        heads: Into which the channels are divided.
    """

    def __init__(self, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.mask_quantizer = ActivationQuantizer(fixed=_OUT_OF_RANGE, name="mask")
        self.score_quantizer = ActivationQuantizer(name="scores")
        self.probability_quantizer = ActivationQuantizer(fixed=PROBABILITY, name="probabilities")
        self.quantizer = ActivationQuantizer(name="output")

    def compute(self, queries_keys_values_mask: Any, training: bool | None = None) -> Any:
        queries, keys, values, mask = queries_keys_values_mask
        frames, channels = queries.shape[1:]

        def split(x: Any) -> Any:
            return tf.transpose(tf.reshape(x, [-1, frames, self.heads, channels // self.heads]), [0, 2, 1, 3])

        scores = tf.matmul(split(queries), split(keys), transpose_b=True)
        self._observe(scores, mask, training)
        hidden = self.mask_quantizer((1.0 - mask) * MASKED_SCORE)[:, None, None, :]
        scores = self.score_quantizer.fake(self.score_quantizer.fake(scores) + hidden)
        probabilities = self.probability_quantizer(tf.nn.softmax(scores))
        mixed = self.quantizer(tf.matmul(probabilities, split(values)), training=training)
        return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, frames, channels])

    def _observe(self, scores: Any, mask: Any, training: bool | None) -> None:
        """Shows the quantizer the scores among present frames, and room below for the masked ones."""
        present = tf.cast(mask, tf.bool)
        pairs = present[:, None, :, None] & present[:, None, None, :]
        seen = tf.where(pairs, scores, 0.0)
        largest = tf.reduce_max(tf.where(pairs, scores, scores.dtype.min), axis=-1, keepdims=True)
        lowest = tf.where(present[:, None, :, None], largest - _UNSEEN, 0.0)
        self.score_quantizer.observe(seen, lowest, training=training)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


@rewrites(ScaledDotProductAttention)
def _attention(rewriter: Rewriter, layer: ScaledDotProductAttention, inputs: Any) -> Any:
    queries, keys, values, mask = inputs
    projection = rewriter.foldable(queries, FakeQuantDense)
    if projection is None or projection.relu:
        raise SignportError(
            f"layer {layer.name!r}: its queries must come from a Dense of their own, without activation"
        )
    scale = np.float32((queries.shape[-1] // layer.heads) ** -0.5)
    projection.kernel.assign(np.asarray(projection.kernel) * scale)
    projection.bias.assign(np.asarray(projection.bias) * scale)
    attention = FakeQuantAttention(layer.heads, name=layer.name)
    quantized = [rewriter.quantized(queries), rewriter.make_symmetric(keys), rewriter.make_symmetric(values)]
    return rewriter.add(attention, [*quantized, mask])
