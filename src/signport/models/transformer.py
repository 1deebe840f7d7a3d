"""`transformer`: clips of pose, hands and face; the largest family, for large vocabularies.

60 frames × 408 values → a pre-norm encoder (Xiong et al. 2020) of hidden size 384, 8 heads, 4 layers, with a learned
position for each frame and the mean over the frames; 7.33 M parameters at 123 classes.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from keras import layers

from signport.datasets.sequence_augmentation import SequenceAugmentation
from signport.errors import require
from signport.landmarks.topology import ISL_136
from signport.models.attention import PositionEmbedding, feed_forward, self_attention
from signport.models.registry import Family
from signport.models.sequence import (
    LANDMARKS,
    BodyNormalization,
    FrameMask,
    MaskedMean,
    describe_landmarks,
    sequence_inputs,
)

_TOPOLOGY = ISL_136


@dataclass(frozen=True)
class TransformerConfig:
    """Settings of the Transformer.

    Attributes:
        frames: Length of a clip.
        hidden: Channels of a frame between the layers.
        heads: Attention heads; they divide `hidden`.
        layers: Encoder layers.
        expansion: Units of an encoder's inner dense layer, in `hidden`.
        dropout: Share of values dropped in training behind each sublayer and the input, 0 to 1.
        coordinate_system: `shoulders` or `image`; see `BodyNormalization`.
    """

    frames: int = 60
    hidden: int = 384
    heads: int = 8
    layers: int = 4
    expansion: int = 4
    dropout: float = 0.4
    coordinate_system: Literal["shoulders", "image"] = "shoulders"

    def __post_init__(self) -> None:
        for name in ("frames", "hidden", "heads", "layers", "expansion"):
            require(getattr(self, name) >= 1, f"model.{name}", getattr(self, name), "at least 1")
        require(self.hidden % self.heads == 0, "model.heads", self.heads, f"a divisor of model.hidden, {self.hidden}")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "at least 0 and below 1")


def build(config: TransformerConfig, num_classes: int) -> keras.Model:
    """Landmarks (batch, frames, 136, 3) → class probabilities (batch, classes)."""
    landmarks = keras.Input((config.frames, _TOPOLOGY.num_points, 3), name=LANDMARKS)
    mask = FrameMask(name="mask")(landmarks)
    x = BodyNormalization(_TOPOLOGY.name, config.coordinate_system, name="body")(landmarks)
    x = layers.Reshape((config.frames, _TOPOLOGY.num_points * 3), name="frames")(x)
    x = layers.Dense(config.hidden, name="embedding")(x)
    x = PositionEmbedding(name="positions")(x)
    x = layers.Dropout(config.dropout, name="embedding_dropout")(x)
    for number in range(config.layers):
        name = f"layer{number}_attention"
        x = _added(x, self_attention(_normalized(x, name), mask, config.heads, name), config, name)
        name = f"layer{number}_dense"
        x = _added(x, feed_forward(_normalized(x, name), config.expansion, name), config, name)
    x = layers.LayerNormalization(name="norm")(x)
    x = MaskedMean(name="pooled")([x, mask])
    x = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(landmarks, layers.Softmax(name="probabilities")(x), name="transformer")


def _normalized(x: Any, name: str) -> Any:
    return layers.LayerNormalization(name=f"{name}_norm")(x)


def _added(x: Any, inner: Any, config: TransformerConfig, name: str) -> Any:
    inner = layers.Dropout(config.dropout, name=f"{name}_dropout")(inner)
    return layers.Add(name=f"{name}_add")([x, inner])


FAMILY = Family(
    name="transformer",
    topology=_TOPOLOGY.name,
    config=TransformerConfig,
    build=build,
    inputs=sequence_inputs(_TOPOLOGY.name),
    augmentation=SequenceAugmentation,
    describes=describe_landmarks(_TOPOLOGY.name),
)
