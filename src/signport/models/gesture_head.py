"""`gesture_head`: Model Maker's gesture head, BatchNorm → ReLU → Dropout → Dense on a 128-d embedding.

It has exactly 512 + 129·C parameters and is trained with focal loss. The embedding comes from a `.tflite` with the
embedder's three inputs: Google's, out of a `gesture_recognizer.task`, or signport's own, out of an exported
`gesture_embedder` run.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.models.gesture_embedder import EMBEDDING_SIZE
from signport.models.gesture_embedder import inputs as embedder_inputs
from signport.models.litert import LiteRtModel
from signport.models.registry import Family


@dataclass(frozen=True)
class GestureHeadConfig:
    """Settings of the gesture head.

    Attributes:
        embedder: The embedder's `.tflite`. A run keeps its own copy and points here.
        dropout: Share of activations dropped in training, 0 to 1.
    """

    embedder: str = ""
    dropout: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise SignportError(f"model.dropout: {self.dropout}; it must be at least 0 and below 1")


def build(config: GestureHeadConfig, num_classes: int) -> keras.Model:
    """Embedding (batch, 128) → class probabilities (batch, classes)."""
    embedding = keras.Input((EMBEDDING_SIZE,), name="embedding")
    x = layers.BatchNormalization(name="norm")(embedding)
    x = layers.ReLU(name="relu")(x)
    x = layers.Dropout(config.dropout, name="dropout")(x)
    x = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(embedding, layers.Softmax(name="probabilities")(x), name="gesture_head")


def inputs(cache: LandmarkCache, config: GestureHeadConfig) -> dict[str, np.ndarray]:
    """`embedding`: float32 (samples, 128), what the embedder answers to the cache's hands.

    Raises:
        SignportError: The configuration names no embedder, or its file is missing.
    """
    if not config.embedder:
        raise SignportError(
            "model.embedder is empty; name an exported gesture_embedder run, or a gesture_recognizer.task "
            "with --base-bundle"
        )
    return {"embedding": embed(Path(config.embedder), embedder_inputs(cache))}


def embed(embedder: Path, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """Runs an embedder file sample by sample, as MediaPipe does.

    Args:
        embedder: A `.tflite` with three inputs (hand, handedness, world_hand) in MediaPipe's order.
        feeds: `hand` and `world_hand` float32 (samples, 21, 3), `handedness` float32 (samples, 1).

    Returns:
        float32 (samples, 128).

    Raises:
        SignportError: The file is missing or is no embedder.
    """
    if not embedder.is_file():
        raise SignportError(f"{embedder}: no such embedder file; train and export a gesture_embedder first")
    model = LiteRtModel(embedder)
    if model.input_shapes != [(1, 21, 3), (1, 1), (1, 21, 3)] or model.output_shape != (1, EMBEDDING_SIZE):
        raise SignportError(
            f"{embedder}: not a gesture embedder; it takes {model.input_shapes} and answers {model.output_shape}, "
            f"expected hand (1, 21, 3), handedness (1, 1), world_hand (1, 21, 3) and (1, {EMBEDDING_SIZE})"
        )
    handedness = np.nan_to_num(feeds["handedness"], nan=0.5)
    return model.predict([feeds["hand"], handedness, feeds["world_hand"]])


FAMILY = Family(
    name="gesture_head",
    topology="hand",
    config=GestureHeadConfig,
    build=build,
    inputs=inputs,
    fits_task="head",
    describes={"embedding": "Embedding of one hand, from the gesture embedder of the same bundle."},
)
