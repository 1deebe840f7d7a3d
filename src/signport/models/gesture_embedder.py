"""`gesture_embedder`: signport's own embedder for MediaPipe's gesture recognizer, with the same inputs and output.

MediaPipe's bundle has an embedder (landmarks → 128 numbers) below its heads. This one has the same three inputs and
the same output, so it can stand in for Google's, and be retrained and quantized. It is trained as a classifier whose
head has the shape of a gesture head; what ships ends at the embedding.
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.landmarks.features import mediapipe_handedness, mediapipe_matrix
from signport.models.preprocessing import HandMatrix, Preprocessing
from signport.models.registry import Family

EMBEDDING_SIZE = 128


@dataclass(frozen=True)
class GestureEmbedderConfig:
    """Settings of the embedder.

    Attributes:
        hidden: Units of the hidden layers.
        dropout: Share of units dropped in training, 0 to 1.
        directions: Whether the direction of each edge of both hands is a feature too: 253 features instead of 127.
    """

    hidden: tuple[int, ...] = (256, 256)
    dropout: float = 0.2
    directions: bool = False

    def __post_init__(self) -> None:
        if not self.hidden or min(self.hidden) < 1:
            raise SignportError(f"model.hidden: {list(self.hidden)}; give at least one positive layer size")
        if not 0 <= self.dropout < 1:
            raise SignportError(f"model.dropout: {self.dropout}; it must be at least 0 and below 1")


@keras.saving.register_keras_serializable("signport")
class HandednessFeature(Preprocessing):
    """Handedness score (batch, 1), 0 to 1 → -1 to 1; unknown (NaN) becomes 0."""

    def call(self, handedness: keras.KerasTensor) -> keras.KerasTensor:
        centred = handedness * 2.0 - 1.0
        known = ops.where(ops.equal(centred, centred), centred, ops.zeros_like(centred))
        return ops.clip(known, -1.0, 1.0)


def build(config: GestureEmbedderConfig, num_classes: int) -> keras.Model:
    """Hand (batch, 21, 3), handedness (batch, 1), world_hand (batch, 21, 3) → class probabilities (batch, classes)."""
    hand = keras.Input((21, 3), name="hand")
    handedness = keras.Input((1,), name="handedness")
    world_hand = keras.Input((21, 3), name="world_hand")
    x = layers.Concatenate(name="features")(
        [
            HandMatrix(config.directions, name="hand_matrix")(hand),
            HandednessFeature(name="handedness_feature")(handedness),
            HandMatrix(config.directions, name="world_hand_matrix")(world_hand),
        ]
    )
    for number, units in enumerate(config.hidden):
        x = layers.Dense(units, name=f"hidden{number}")(x)
        x = layers.BatchNormalization(name=f"hidden{number}_norm")(x)
        x = layers.ReLU(name=f"hidden{number}_relu")(x)
        x = layers.Dropout(config.dropout, name=f"hidden{number}_dropout")(x)
    x = layers.Dense(EMBEDDING_SIZE, name="embedding")(x)
    # From here on it is a gesture head, so that the embedding suits one; it does not ship.
    x = layers.BatchNormalization(name="head_norm")(x)
    x = layers.ReLU(name="head_relu")(x)
    x = layers.Dense(num_classes, name="logits")(x)
    probabilities = layers.Softmax(name="probabilities")(x)
    return keras.Model([hand, handedness, world_hand], probabilities, name="gesture_embedder")


def deployed(model: keras.Model) -> keras.Model:
    """The part that ships: the same inputs → embedding (batch, 128)."""
    return keras.Model(model.inputs, model.get_layer("embedding").output, name="gesture_embedder")


def inputs(cache: LandmarkCache, _config: object = None) -> dict[str, np.ndarray]:
    """What MediaPipe would feed: `hand` and `world_hand` matrices, float32 (samples, 21, 3), `handedness` (samples, 1).

    Raises:
        SignportError: A sample has no world landmarks (tables rarely do).
    """
    missing = np.flatnonzero(np.isnan(cache.world_landmarks).all(axis=(1, 2)))
    if len(missing):
        raise SignportError(
            f"{cache.path or 'cache'}: sample {cache.sample_ids[missing[0]]!r} and {len(missing) - 1} more have no "
            "world landmarks, which the gesture embedder needs; capture from images instead of importing a table"
        )
    return {
        "hand": mediapipe_matrix(cache.landmarks, cache.image_sizes),
        "handedness": mediapipe_handedness(cache.handedness),
        "world_hand": mediapipe_matrix(cache.world_landmarks),
    }


FAMILY = Family(
    name="gesture_embedder",
    topology="hand",
    config=GestureEmbedderConfig,
    build=build,
    inputs=inputs,
    deployed=deployed,
    output="embedding",
    fits_task="embedder",
    describes={
        "hand": "The 21 image landmarks of one hand, x y z, as MediaPipe's landmarks-to-matrix calculator gives them.",
        "handedness": "Handedness score as MediaPipe's gesture recognizer feeds it, 0 to 1.",
        "world_hand": "The 21 world landmarks, x y z, as MediaPipe's landmarks-to-matrix calculator gives them.",
        "embedding": "Embedding of the hand, for gesture heads.",
    },
)
