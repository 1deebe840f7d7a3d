"""`conv_transformer`: clips of pose, hands and face; convolutions over time, then attention.

What won Google's Isolated Sign Language Recognition competition (Kaggle, 2023) is built of these parts: blocks of
inverted residuals with a causal depthwise convolution over time (Sandler et al. 2018) and efficient channel attention
(Wang et al. 2020), and a Transformer layer behind every few of them, normalized by batch as well. The convolutions see
order and pace within a fraction of a second, attention the whole clip; no frame needs a position of its own.

60 frames of `isl_136`: of all layouts only that one has the mouth and the brows, and which points say something is the
first layer's to learn.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import layers

from signport.datasets.sequence_augmentation import SequenceAugmentation
from signport.errors import require
from signport.landmarks.topology import ISL_136
from signport.models.attention import feed_forward, self_attention
from signport.models.registry import Family
from signport.models.sequence import (
    LANDMARKS,
    BodyNormalization,
    FrameMask,
    MaskedMean,
    MaskFrames,
    adapt_normalization,
    describe_landmarks,
    sequence_inputs,
)
from signport.models.temporal import CausalDepthwiseConvolution, ChannelGate, FrameNormalization, MotionFeatures

_TOPOLOGY = ISL_136
# Of the moving averages of batch normalization; clips are few, so that an epoch has few steps.
_MOMENTUM = 0.9
# Of differences that are all the same, because nothing ever moves.
_SMALLEST_DEVIATION = 1e-4


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
            require(getattr(self, name) >= 1, f"model.{name}", getattr(self, name), "at least 1")
        require(self.hidden % self.heads == 0, "model.heads", self.heads, f"a divisor of model.hidden, {self.hidden}")
        odd = self.gate_kernel >= 1 and self.gate_kernel % 2 == 1
        require(odd, "model.gate_kernel", self.gate_kernel, "odd and at least 1")
        lags = all(1 <= lag < self.frames for lag in self.motion)
        require(lags, "model.motion", list(self.motion), "lags of at least 1 and below model.frames")
        for name in ("drop_path", "dropout"):
            require(0 <= getattr(self, name) < 1, f"model.{name}", getattr(self, name), "at least 0 and below 1")


def build(config: ConvTransformerConfig, num_classes: int) -> keras.Model:
    """Landmarks (batch, frames, 136, 3) → class probabilities (batch, classes)."""
    landmarks = keras.Input((config.frames, _TOPOLOGY.num_points, 3), name=LANDMARKS)
    mask = FrameMask(name="mask")(landmarks)
    x = _stem(landmarks, mask, config)
    for stage in range(config.stages):
        for block in range(config.blocks):
            x = _convolve(x, mask, config, f"stage{stage}_block{block}")
        name = f"stage{stage}_attention"
        x = _added(x, self_attention(_normalized(x, mask, f"{name}_norm"), mask, config.heads, name), config, name)
        name = f"stage{stage}_dense"
        x = _added(x, feed_forward(_normalized(x, mask, f"{name}_norm"), config.expansion, name), config, name)
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


def _added(x: Any, inner: Any, config: ConvTransformerConfig, name: str) -> Any:
    inner = layers.Dropout(config.drop_path, noise_shape=(None, 1, 1), name=f"{name}_drop_path")(inner)
    return layers.Add(name=f"{name}_add")([x, inner])


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
    return _added(x, inner, config, name)


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
    describes=describe_landmarks(_TOPOLOGY.name),
)
