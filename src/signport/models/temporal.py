"""Layers over the frames of a clip: how far points moved, causal convolution, gates of channels."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from signport.models.preprocessing import Preprocessing

# In standard deviations: about as far out as the points themselves lie. One depth that jumps makes a grid for both that
# is three times as coarse (27 instead of 33 dB).
_LARGEST_MOTION = 8.0


@keras.saving.register_keras_serializable("signport")
class MotionFeatures(Preprocessing):
    """Where each point is, and how far it has come since some frames ago, 0 where it was not found in both.

    Landmarks (batch, frames, points, 3) as MediaPipe gives them, and the same normalized → (batch, frames, features),
    first all points, then their differences, a lag after another. The differences are in standard deviations of the
    training part's, because one int8 grid holds them and the points.

    Args:
        lags: In frames.
    """

    def __init__(self, lags: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lags = tuple(lags)

    def build(self, _input_shape: Any) -> None:
        add = self.add_weight
        self.deviation = add(shape=(len(self.lags),), initializer="ones", trainable=False, name="deviation")
        self.built = True

    def call(self, landmarks_and_body: list[Any]) -> Any:
        landmarks, body = landmarks_and_body
        frames, width = body.shape[1], body.shape[2] * body.shape[3]
        found = ops.reshape(ops.cast(ops.equal(landmarks, landmarks), "float32"), (-1, frames, width))  # NaN ≠ NaN
        body = ops.reshape(body, (-1, frames, width))
        parts = [body]
        for number, lag in enumerate(self.lags):
            moved = (body[:, lag:] - body[:, :-lag]) * found[:, lag:] * found[:, :-lag]
            most = _LARGEST_MOTION * self.deviation[number]
            moved = ops.clip(moved, -most, most)
            parts.append(ops.pad(moved, [[0, 0], [lag, 0], [0, 0]]))
        # A product last, because the converter would move a quantization ahead of all that only moves numbers, and
        # take differences of points in int8.
        scale = ops.concatenate([ops.ones(1), 1.0 / self.deviation])
        return ops.concatenate(parts, axis=-1) * ops.repeat(scale, width)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        batch, frames, *rest = input_shape[0]
        return (batch, frames, math.prod(size or 1 for size in rest) * (1 + len(self.lags)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "lags": self.lags}


@keras.saving.register_keras_serializable("signport")
class FrameNormalization(keras.layers.BatchNormalization):
    """Batch normalization by the frames that its `mask` (batch, frames) lets through; hands no mask on."""

    def compute_mask(self, _inputs: Any, mask: Any = None) -> None:  # noqa: ARG002
        return None


@keras.saving.register_keras_serializable("signport")
class CausalDepthwiseConvolution(keras.layers.Layer):
    """Each channel filtered over this frame and those before it: (batch, frames, channels) → the same shape.

    Before the first frame there are zeros.

    Args:
        kernel_size: In frames.
    """

    def __init__(self, kernel_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_size = kernel_size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # Each output has `kernel_size` inputs, not as many as all channels have, which the usual initializers count.
        spread = keras.initializers.RandomUniform(-((3 / self.kernel_size) ** 0.5), (3 / self.kernel_size) ** 0.5)
        self.kernel = self.add_weight(shape=(self.kernel_size, input_shape[-1]), initializer=spread, name="kernel")
        self.built = True

    def call(self, x: Any) -> Any:
        padded = ops.expand_dims(ops.pad(x, [[0, 0], [self.kernel_size - 1, 0], [0, 0]]), 2)
        kernel = self.kernel[:, None, :, None]
        return ops.squeeze(ops.depthwise_conv(padded, kernel, data_format="channels_last"), 2)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable("signport")
class ChannelGate(keras.layers.Layer):
    """Weighs each channel by a sigmoid of the clip's mean of it and its neighbours (Wang et al. 2020, eq. 5).

    Values (batch, frames, channels) and their means (batch, channels) → (batch, frames, channels).

    Args:
        kernel_size: Neighbouring channels that a gate looks at; odd.
    """

    def __init__(self, kernel_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_size = kernel_size

    def build(self, _input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(self.kernel_size,), name="kernel", initializer="random_normal")
        self.built = True

    def call(self, values_and_means: list[Any]) -> Any:
        values, means = values_and_means
        mixed = ops.conv(means[:, :, None], self.kernel[:, None, None], padding="same", data_format="channels_last")
        return values * ops.sigmoid(ops.squeeze(mixed, 2))[:, None, :]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size}
