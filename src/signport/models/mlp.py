"""`mlp`: static handshapes from one hand's 21 landmarks.

Version 1 is a plain stack, features → 512 → 256 → classes; version 2 is residual.
Features are the 84 of `hand_features`, and, with `directions`, where the 21 edges point.
"""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.models.preprocessing import HandFeatures
from signport.models.registry import Family


@dataclass(frozen=True)
class MlpConfig:
    """Settings of the MLP.

    Attributes:
        version: 1 plain, 2 residual.
        hidden: Units of the hidden layers. Version 2 has one stem of the first size, then one residual block for each
            further entry, all of the first size.
        dropout: Share of units dropped in training, 0 to 1.
        directions: Whether the direction of each edge is a feature too: 147 features instead of 84.
    """

    version: int = 1
    hidden: tuple[int, ...] = (512, 256)
    dropout: float = 0.3
    directions: bool = False

    def __post_init__(self) -> None:
        if self.version not in (1, 2):
            raise SignportError(f"model.version: {self.version!r}; the MLP has version 1 (plain) and 2 (residual)")
        if not self.hidden or min(self.hidden) < 1:
            raise SignportError(f"model.hidden: {list(self.hidden)}; give at least one positive layer size")
        if not 0 <= self.dropout < 1:
            raise SignportError(f"model.dropout: {self.dropout}; it must be at least 0 and below 1")


def build(config: MlpConfig, num_classes: int) -> keras.Model:
    """Landmarks (batch, 21, 3) → class probabilities (batch, classes)."""
    landmarks = keras.Input((21, 3), name="landmarks")
    x = HandFeatures(config.directions, name="features")(landmarks)
    x = (_plain if config.version == 1 else _residual)(x, config)
    x = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(landmarks, layers.Softmax(name="probabilities")(x), name="mlp")


def _dense(x: Any, units: int, name: str, relu: bool = True) -> Any:
    x = layers.Dense(units, name=name)(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def _plain(x: Any, config: MlpConfig) -> Any:
    for number, units in enumerate(config.hidden):
        x = _dense(x, units, f"hidden{number}")
        x = layers.Dropout(config.dropout, name=f"hidden{number}_dropout")(x)
    return x


def _residual(x: Any, config: MlpConfig) -> Any:
    width, *blocks = config.hidden
    x = _dense(x, width, "stem")
    for number, _ in enumerate(blocks):
        inner = _dense(x, width, f"block{number}a")
        inner = layers.Dropout(config.dropout, name=f"block{number}_dropout")(inner)
        inner = _dense(inner, width, f"block{number}b", relu=False)
        x = layers.ReLU(name=f"block{number}_relu")(layers.Add(name=f"block{number}_add")([x, inner]))
    return x


def inputs(cache: LandmarkCache, _config: MlpConfig) -> dict[str, np.ndarray]:
    """`landmarks`: float32 (samples, 21, 3), as MediaPipe gives them."""
    return {"landmarks": cache.landmarks}


FAMILY = Family(
    name="mlp",
    topology="hand",
    config=MlpConfig,
    build=build,
    inputs=inputs,
    describes={"landmarks": "The 21 landmarks of one hand, x y z, as MediaPipe gives them; NaN where one is missing."},
)
