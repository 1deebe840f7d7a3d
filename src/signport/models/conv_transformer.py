"""`conv_transformer`: clips of pose, hands and face; convolutions over time, then attention.

What won Google's Isolated Sign Language Recognition competition (Kaggle, 2023) is built of these parts: blocks of
inverted residuals with a causal depthwise convolution over time (Sandler et al. 2018) and efficient channel attention
(Wang et al. 2020), and a Transformer layer behind every few of them, normalized by batch as well. The convolutions see
order and pace within a fraction of a second, attention the whole clip; no frame needs a position of its own.

60 frames of `isl_136`: of all layouts only that one has the mouth and the brows, and which points say something is the
first layer's to learn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import layers, ops

from signport.datasets.sequence_augmentation import SequenceAugmentation
from signport.landmarks.topology import ISL_136
from signport.models.attention import ScaledDotProductAttention
from signport.models.gates import SEQUENCE_GATES
from signport.models.preprocessing import Preprocessing
from signport.models.registry import Family
from signport.models.sequence import (
    LANDMARKS,
    BodyNormalization,
    FrameMask,
    MaskedMean,
    MaskFrames,
    adapt_normalization,
    describe_landmarks,
    require,
    sequence_inputs,
)

_TOPOLOGY = ISL_136
# Of the moving averages of batch normalization; clips are few, so that an epoch has few steps.
_MOMENTUM = 0.9
# Of differences that are all the same, because nothing ever moves.
_SMALLEST_DEVIATION = 1e-4
# In standard deviations: about as far out as the points themselves lie. One depth that jumps makes a grid for both that
# is three times as coarse (27 instead of 33 dB).
_LARGEST_MOTION = 8.0


@dataclass(frozen=True)
class ConvTransformerConfig:
    """Settings of the convolutions and the attention behind them.

    Attributes:
        frames: Length of a clip.
        hidden: Channels of a frame between the blocks.
        stages: Each is `blocks` convolutions and a Transformer layer.
        blocks: Convolution blocks of a stage.
        kernel: Frames that a depthwise convolution sees: this one and those before it.
        expansion: Channels inside a block and units of a Transformer's inner dense layer, in `hidden`.
        heads: Attention heads; they divide `hidden`.
        gate_kernel: Neighbouring channels that a channel's gate looks at; odd.
        motion: Lags, in frames, whose differences are inputs beside the points themselves; empty for none.
        drop_path: Share of clips that skip a block in training, 0 to 1 (Huang et al. 2016).
        dropout: Share of values dropped in training before the last layer, 0 to 1.
        coordinate_system: `shoulders` or `image`; see `BodyNormalization`.
    """

    frames: int = 60
    hidden: int = 192
    stages: int = 2
    blocks: int = 3
    kernel: int = 17
    expansion: int = 2
    heads: int = 4
    gate_kernel: int = 5
    motion: tuple[int, ...] = (1, 2)
    drop_path: float = 0.0
    dropout: float = 0.3
    coordinate_system: Literal["shoulders", "image"] = "shoulders"

    def __post_init__(self) -> None:
        for name in ("frames", "hidden", "stages", "blocks", "kernel", "expansion", "heads"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require(self.hidden % self.heads == 0, "heads", self.heads, f"a divisor of model.hidden, {self.hidden}")
        odd = self.gate_kernel >= 1 and self.gate_kernel % 2 == 1
        require(odd, "gate_kernel", self.gate_kernel, "odd and at least 1")
        lags = all(1 <= lag < self.frames for lag in self.motion)
        require(lags, "motion", list(self.motion), "lags of at least 1 and below model.frames")
        for name in ("drop_path", "dropout"):
            require(0 <= getattr(self, name) < 1, name, getattr(self, name), "at least 0 and below 1")


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


def build(config: ConvTransformerConfig, num_classes: int) -> keras.Model:
    """Landmarks (batch, frames, 136, 3) → class probabilities (batch, classes)."""
    landmarks = keras.Input((config.frames, _TOPOLOGY.num_points, 3), name=LANDMARKS)
    mask = FrameMask(name="mask")(landmarks)
    x = _stem(landmarks, mask, config)
    for stage in range(config.stages):
        for block in range(config.blocks):
            x = _convolve(x, mask, config, f"stage{stage}_block{block}")
        x = _attend(x, mask, config, f"stage{stage}_attention")
        x = _transform(x, mask, config, f"stage{stage}_dense")
    x = MaskedMean(name="pooled")([x, mask])
    x = layers.Dense(2 * config.hidden, name="hidden")(x)
    x = layers.ReLU(name="hidden_relu")(x)
    x = layers.Dropout(config.dropout, name="hidden_dropout")(x)
    x = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(landmarks, layers.Softmax(name="probabilities")(x), name="conv_transformer")


def _stem(landmarks: Any, mask: Any, config: ConvTransformerConfig) -> Any:
    body = BodyNormalization(_TOPOLOGY.name, config.coordinate_system, standardized=True, name="body")(landmarks)
    x = MotionFeatures(config.motion, name="motion")([landmarks, body])
    x = layers.Dense(config.hidden, use_bias=False, name="stem")(x)
    return _normalized(x, mask, "stem_norm")


def _normalized(x: Any, mask: Any, name: str) -> Any:
    return FrameNormalization(momentum=_MOMENTUM, name=name)(x, mask=mask)


def _drop_path(x: Any, config: ConvTransformerConfig, name: str) -> Any:
    return layers.Dropout(config.drop_path, noise_shape=(None, 1, 1), name=f"{name}_drop_path")(x)


def _convolve(x: Any, mask: Any, config: ConvTransformerConfig, name: str) -> Any:
    inner = layers.Dense(config.hidden * config.expansion, use_bias=False, name=f"{name}_expand")(x)
    inner = _normalized(inner, mask, f"{name}_expand_norm")
    inner = layers.ReLU(name=f"{name}_relu")(inner)
    # A masked frame must look to those after it as a frame before the start does: as zeros.
    inner = MaskFrames(name=f"{name}_masked")([inner, mask])
    inner = CausalDepthwiseConvolution(config.kernel, name=f"{name}_temporal")(inner)
    inner = _normalized(inner, mask, f"{name}_temporal_norm")
    inner = ChannelGate(config.gate_kernel, name=f"{name}_gate")(
        [inner, MaskedMean(name=f"{name}_mean")([inner, mask])]
    )
    inner = layers.Dense(config.hidden, name=f"{name}_project")(inner)
    return layers.Add(name=f"{name}_add")([x, _drop_path(inner, config, name)])


def _attend(x: Any, mask: Any, config: ConvTransformerConfig, name: str) -> Any:
    inner = _normalized(x, mask, f"{name}_norm")
    projected = [layers.Dense(config.hidden, name=f"{name}_{part}")(inner) for part in ("query", "key", "value")]
    inner = ScaledDotProductAttention(config.heads, name=name)([*projected, mask])
    inner = layers.Dense(config.hidden, name=f"{name}_output")(inner)
    return layers.Add(name=f"{name}_add")([x, _drop_path(inner, config, name)])


def _transform(x: Any, mask: Any, config: ConvTransformerConfig, name: str) -> Any:
    inner = _normalized(x, mask, f"{name}_norm")
    inner = layers.Dense(config.hidden * config.expansion, name=f"{name}_inner")(inner)
    inner = layers.ReLU(name=f"{name}_relu")(inner)
    inner = layers.Dense(config.hidden, name=f"{name}_outer")(inner)
    return layers.Add(name=f"{name}_add")([x, _drop_path(inner, config, name)])


def adapt(model: keras.Model, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Gives the model the training part's mean, and the deviations of points and of each lag's differences.

    All points share one deviation: with one each, points that hardly move are nothing but their noise made large, and
    on signs of signers that were not trained on accuracy fell from .85 to .79.

    Args:
        model: Of this family.
        inputs: `landmarks`, float32 (samples, frames, 136, 3); missing values do not count.

    Returns:
        `mean` and `std`, float32 (136, 3), and `motion_std`, float32 (lags,).
    """
    found = adapt_normalization(model, inputs)
    body, motion = model.get_layer("body"), model.get_layer("motion")
    varying = found["std"][found["std"] != 1]  # 1 stands for what was never found, or never changed
    found["std"] = np.full_like(found["std"], np.sqrt((varying**2).mean()) if len(varying) else 1)
    body.deviation.assign(found["std"])
    squares, counts = np.zeros(len(motion.lags)), np.zeros(len(motion.lags))
    for start in range(0, len(inputs[LANDMARKS]), 256):
        batch = inputs[LANDMARKS][start : start + 256]
        features = np.asarray(motion([batch, body(batch)]), np.float64)
        moved = features.reshape(len(batch), -1, 1 + len(motion.lags), batch[0, 0].size)[:, :, 1:]
        squares += (moved**2).sum(axis=(0, 1, 3))
        counts += (moved != 0).sum(axis=(0, 1, 3))
    motion.deviation.assign(np.sqrt(np.maximum(squares / np.maximum(counts, 1), _SMALLEST_DEVIATION**2)))
    return {**found, "motion_std": np.asarray(motion.deviation, np.float32)}


FAMILY = Family(
    name="conv_transformer",
    topology=_TOPOLOGY.name,
    config=ConvTransformerConfig,
    build=build,
    inputs=sequence_inputs(_TOPOLOGY.name),
    adapt=adapt,
    augmentation=SequenceAugmentation,
    gates=SEQUENCE_GATES,
    describes=describe_landmarks(_TOPOLOGY.name),
)
