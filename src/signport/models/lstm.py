"""`lstm`: short clips of pose and hands, three LSTMs deep.

30 frames × 225 values; for apps that know when a sign begins and ends, or that look at the last second or so.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
from keras import layers

from signport.datasets.sequence_augmentation import SequenceAugmentation
from signport.landmarks.topology import POSE_HANDS_75
from signport.models.gates import SEQUENCE_GATES
from signport.models.registry import Family
from signport.models.sequence import (
    LANDMARKS,
    BodyNormalization,
    FrameMask,
    PresentLast,
    adapt_normalization,
    describe_landmarks,
    require,
    sequence_inputs,
)

_TOPOLOGY = POSE_HANDS_75


@dataclass(frozen=True)
class LstmConfig:
    """Settings of the LSTM.

    Attributes:
        frames: Length of a clip.
        units: Units of the three LSTM layers.
        hidden: Units of the dense layer behind them.
        dropout: Share of values dropped in training behind the first two LSTMs, 0 to 1.
        l2: Weight penalty on the kernels of the first two LSTMs.
        coordinate_system: `shoulders` or `image`; see `BodyNormalization`.
        masking: Whether missing frames are passed over; without, they stand at the training part's mean. The fused
            LSTM of TFLite knows no mask, so only a model without masking can be exported with it.
    """

    frames: int = 30
    units: tuple[int, ...] = (128, 64, 32)
    hidden: int = 64
    dropout: float = 0.3
    l2: float = 0.01
    coordinate_system: Literal["shoulders", "image"] = "shoulders"
    masking: bool = True

    def __post_init__(self) -> None:
        require(self.frames >= 1, "frames", self.frames, "at least 1")
        require(len(self.units) == 3 and min(self.units) >= 1, "units", list(self.units), "three positive sizes")
        require(self.hidden >= 1, "hidden", self.hidden, "at least 1")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "at least 0 and below 1")
        require(self.l2 >= 0, "l2", self.l2, "at least 0")


def build(config: LstmConfig, num_classes: int) -> keras.Model:
    """Landmarks (batch, frames, 75, 3) → class probabilities (batch, classes)."""
    landmarks = keras.Input((config.frames, _TOPOLOGY.num_points, 3), name=LANDMARKS)
    body = BodyNormalization(_TOPOLOGY.name, config.coordinate_system, standardized=True, name="body")(landmarks)
    x = layers.Reshape((config.frames, _TOPOLOGY.num_points * 3), name="frames")(body)
    masked: dict[str, Any] = {}
    if config.masking:
        mask = FrameMask(name="mask")(landmarks)
        x, masked = PresentLast(name="present_last")([x, mask]), {"mask": PresentLast(name="mask_last")([mask, mask])}

    def lstm(number: int, x: Any, *, sequences: bool, l2: float = 0.0) -> Any:
        penalty = keras.regularizers.L2(l2) if l2 else None
        layer = layers.LSTM(
            config.units[number], return_sequences=sequences, kernel_regularizer=penalty, name=f"lstm{number}"
        )
        return layer(x, **masked)

    x = lstm(0, x, sequences=True, l2=config.l2)
    x = layers.BatchNormalization(name="norm")(x, **masked)
    x = layers.Dropout(config.dropout, name="dropout0")(x)
    x = lstm(1, x, sequences=True, l2=config.l2)
    x = layers.Dropout(config.dropout, name="dropout1")(x)
    x = lstm(2, x, sequences=False)
    x = layers.Dense(config.hidden, name="hidden")(x)
    x = layers.ReLU(name="hidden_relu")(x)
    x = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(landmarks, layers.Softmax(name="probabilities")(x), name="lstm")


FAMILY = Family(
    name="lstm",
    topology=_TOPOLOGY.name,
    config=LstmConfig,
    build=build,
    inputs=sequence_inputs(_TOPOLOGY.name),
    adapt=adapt_normalization,
    augmentation=SequenceAugmentation,
    gates=replace(SEQUENCE_GATES, int8_agreement=0.985),
    describes=describe_landmarks(_TOPOLOGY.name),
)
