"""Attention between frames, and the positions that it would not know otherwise."""

from typing import Any

import keras
from keras import layers, ops

# Added to the scores of masked frames: exp of it is 0 in float32, and it fits into float16.
MASKED_SCORE = -1e4


@keras.saving.register_keras_serializable("signport")
class PositionEmbedding(keras.layers.Layer):
    """Adds a trained vector to each frame: (batch, frames, channels) → the same shape."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        initializer = keras.initializers.RandomNormal(stddev=0.02)
        self.positions = self.add_weight(shape=input_shape[1:], initializer=initializer, name="positions")
        self.built = True

    def call(self, values: Any) -> Any:
        return values + self.positions

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


@keras.saving.register_keras_serializable("signport")
class ScaledDotProductAttention(keras.layers.Layer):
    """Attention of every frame to all that are not masked (Vaswani et al. 2017, eq. 1), without its projections.

    Queries, keys, values (batch, frames, channels) and mask (batch, frames) → (batch, frames, channels).

    Args:
        heads: Into which the channels are divided.
    """

    def __init__(self, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, _input_shape: Any) -> None:
        self.built = True

    def call(self, queries_keys_values_mask: list[Any]) -> Any:
        queries, keys, values, mask = queries_keys_values_mask
        frames, channels = queries.shape[1:]
        size = channels // self.heads

        def split(x: Any) -> Any:
            return ops.transpose(ops.reshape(x, (-1, frames, self.heads, size)), (0, 2, 1, 3))

        scores = ops.matmul(split(queries * size**-0.5), ops.transpose(split(keys), (0, 1, 3, 2)))
        hidden = ops.expand_dims(ops.expand_dims((1.0 - mask) * MASKED_SCORE, 1), 1)  # (batch, 1, 1, frames)
        mixed = ops.matmul(ops.softmax(scores + hidden, axis=-1), split(values))
        return ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, frames, channels))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


def self_attention(x: Any, mask: Any, heads: int, name: str) -> Any:
    """Attention between frames with its projections; every layer's name begins with `name`.

    Args:
        x: (batch, frames, channels), normalized.
        mask: (batch, frames), 0 where a frame is missing.
        heads: Into which the channels are divided.
        name: Of the attention itself.

    Returns:
        (batch, frames, channels), to be added to what was normalized.
    """
    channels = x.shape[-1]
    projected = [layers.Dense(channels, name=f"{name}_{part}")(x) for part in ("query", "key", "value")]
    mixed = ScaledDotProductAttention(heads, name=name)([*projected, mask])
    return layers.Dense(channels, name=f"{name}_output")(mixed)


def feed_forward(x: Any, expansion: int, name: str) -> Any:
    """Two dense layers, the inner one `expansion` times as wide: (batch, frames, channels) → the same shape."""
    channels = x.shape[-1]
    inner = layers.Dense(channels * expansion, name=f"{name}_inner")(x)
    inner = layers.ReLU(name=f"{name}_relu")(inner)
    return layers.Dense(channels, name=f"{name}_outer")(inner)
