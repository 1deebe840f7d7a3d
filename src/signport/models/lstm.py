"""`lstm`: short clips of pose and hands, by default three LSTMs deep.

30 frames × 225 values; for apps that know when a sign begins and ends, or that look at the last second or so.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
from keras import layers

from signport.datasets.sequence_augmentation import SequenceAugmentation
from signport.errors import require
from signport.landmarks.topology import POSE_HANDS_75
from signport.models.registry import Family
from signport.models.sequence import (
    LANDMARKS,
    BodyNormalization,
    FrameMask,
    PresentLast,
    adapt_normalization,
    describe_landmarks,
    sequence_inputs,
)

_TOPOLOGY = POSE_HANDS_75


@dataclass(frozen=True)
class LstmConfig:
    """Settings of the LSTM.

    Attributes:
        frames: Length of a clip.
        units: Units of the LSTM layers.
        activation: Of their candidates and cells. `relu` is for models that were trained elsewhere with it: such
            an LSTM has no bounds, and needs `masking: false`.
        hidden: Units of the dense layer behind them.
        dense: Units of further dense layers.
        dropout: Share of values dropped in training behind all LSTMs but the last, 0 to 1.
        l2: Weight penalty on the kernels of these.
        coordinate_system: `shoulders` or `image`; see `BodyNormalization`.
        masking: Whether missing frames are passed over; without, they stand at the training part's mean. The fused
            LSTM of TFLite knows no mask, so only a model without masking can be exported with it.
        missing: What a missing point counts as: the `mean`, or a point at `zero`; see `BodyNormalization`.
    """

    frames: int = 30
    units: tuple[int, ...] = (128, 64, 32)
    activation: Literal["tanh", "relu"] = "tanh"
    hidden: int = 64
    dense: tuple[int, ...] = ()
    dropout: float = 0.3
    l2: float = 0.01
    coordinate_system: Literal["shoulders", "image"] = "shoulders"
    masking: bool = True
    missing: Literal["mean", "zero"] = "mean"

    def __post_init__(self) -> None:
        require(self.frames >= 1, "model.frames", self.frames, "at least 1")
        require(
            len(self.units) >= 1 and min(self.units) >= 1, "model.units", list(self.units), "at least one positive size"
        )
        require(self.hidden >= 1, "model.hidden", self.hidden, "at least 1")
        require(min(self.dense, default=1) >= 1, "model.dense", list(self.dense), "positive sizes")
        require(
            self.activation == "tanh" or not self.masking, "model.masking", self.masking, "false with activation: relu"
        )
        image = self.coordinate_system == "image"
        require(
            image or self.missing == "mean", "model.missing", self.missing, "mean with coordinate_system: shoulders"
        )
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "at least 0 and below 1")
        require(self.l2 >= 0, "model.l2", self.l2, "at least 0")


def build(config: LstmConfig, num_classes: int) -> keras.Model:
    """Landmarks (batch, frames, 75, 3) → class probabilities (batch, classes)."""
    landmarks = keras.Input((config.frames, _TOPOLOGY.num_points, 3), name=LANDMARKS)
    body = BodyNormalization(
        _TOPOLOGY.name, config.coordinate_system, standardized=True, missing=config.missing, name="body"
    )(landmarks)
    x = layers.Reshape((config.frames, _TOPOLOGY.num_points * 3), name="frames")(body)
    masked: dict[str, Any] = {}
    if config.masking:
        mask = FrameMask(name="mask")(landmarks)
        x, masked = PresentLast(name="present_last")([x, mask]), {"mask": PresentLast(name="mask_last")([mask, mask])}

    last = len(config.units) - 1
    for number, units in enumerate(config.units):
        lstm = layers.LSTM(
            units,
            activation=config.activation,
            return_sequences=number < last,
            kernel_regularizer=keras.regularizers.L2(config.l2) if number < last and config.l2 else None,
            name=f"lstm{number}",
        )
        x = lstm(x, **masked)
        if number == 0:
            x = layers.BatchNormalization(name="norm")(x, **(masked if number < last else {}))
        if number < last:
            x = layers.Dropout(config.dropout, name=f"dropout{number}")(x)
    for number, units in enumerate((config.hidden, *config.dense)):
        name = f"hidden{number or ''}"
        x = layers.Dense(units, name=name)(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
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
    describes=describe_landmarks(_TOPOLOGY.name),
)
