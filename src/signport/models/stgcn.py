"""`stgcn`: spatio-temporal graph convolution over the skeleton of upper body and hands (Yan et al. 2018).

59 nodes, up to 300 frames. A block mixes the nodes along the skeleton's edges, then the channels, then neighbouring
frames. Each block learns its own edges, starting from the skeleton's.
"""

from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
from keras import layers, ops

from signport.datasets.sequence_augmentation import SequenceAugmentation
from signport.errors import require
from signport.landmarks.topology import UPPER_59, Topology, topology_named
from signport.models.registry import Family
from signport.models.sequence import (
    LANDMARKS,
    BodyNormalization,
    FrameMask,
    MaskedMean,
    MaskFrames,
    describe_landmarks,
    sequence_inputs,
)

_TOPOLOGY = UPPER_59
# Of the moving averages of batch normalization: as in the original, whose framework counts it the other way round (.1).
_MOMENTUM = 0.9


@dataclass(frozen=True)
class StgcnConfig:
    """Settings of the graph convolution.

    Attributes:
        frames: Most frames of a clip; shorter ones are masked.
        blocks: Spatio-temporal blocks.
        channels: Channels of a node between the blocks.
        temporal_kernel: Frames that a temporal convolution sees; odd.
        dropout: Share of values dropped in training behind each temporal convolution, 0 to 1.
        coordinate_system: `shoulders` or `image`; see `BodyNormalization`.
    """

    frames: int = 300
    blocks: int = 4
    channels: int = 64
    temporal_kernel: int = 3
    dropout: float = 0.5
    coordinate_system: Literal["shoulders", "image"] = "shoulders"

    def __post_init__(self) -> None:
        for name in ("frames", "blocks", "channels"):
            require(getattr(self, name) >= 1, f"model.{name}", getattr(self, name), "at least 1")
        odd = self.temporal_kernel >= 1 and self.temporal_kernel % 2 == 1
        require(odd, "model.temporal_kernel", self.temporal_kernel, "odd and at least 1")
        require(0 <= self.dropout < 1, "model.dropout", self.dropout, "at least 0 and below 1")


def normalized_adjacency(topology: Topology) -> np.ndarray:
    """D^-1/2 (A + I) D^-1/2 of a topology's edges, float32 (points, points) (Kipf and Welling 2017, eq. 2)."""
    adjacency = np.eye(topology.num_points, dtype=np.float32)
    for start, end in topology.edges:
        adjacency[start, end] = adjacency[end, start] = 1
    root = np.sqrt(adjacency.sum(axis=0))
    return np.asarray(adjacency / np.outer(root, root), np.float32)


@keras.saving.register_keras_serializable("signport")
class GraphMixing(keras.layers.Layer):
    """Mixes the nodes of each frame by a trained adjacency: (batch, frames, nodes, channels) → the same shape.

    Args:
        topology: Name of the layout whose edges it starts from.
    """

    def __init__(self, topology: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.topology = topology

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        # Constant's value would be kept in the archive's config; the weights hold it anyway.
        self.adjacency = self.add_weight(shape=(input_shape[2], input_shape[2]), initializer="zeros", name="adjacency")
        self.adjacency.assign(normalized_adjacency(topology_named(self.topology)))
        self.built = True

    def call(self, x: Any) -> Any:
        # As a 1×1 convolution with the nodes for channels: faster than a product with every frame's matrix.
        mixed = ops.conv(ops.transpose(x, (0, 1, 3, 2)), self.adjacency[None, None], data_format="channels_last")
        return ops.transpose(mixed, (0, 1, 3, 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "topology": self.topology}


def build(config: StgcnConfig, num_classes: int) -> keras.Model:
    """Landmarks (batch, frames, 59, 3) → class probabilities (batch, classes)."""
    landmarks = keras.Input((config.frames, _TOPOLOGY.num_points, 3), name=LANDMARKS)
    mask = FrameMask(name="mask")(landmarks)
    x = BodyNormalization(_TOPOLOGY.name, config.coordinate_system, name="body")(landmarks)
    for number in range(config.blocks):
        x = _block(x, mask, config, f"block{number}", first=number == 0)
    x = MaskedMean(name="pooled")([x, mask])
    x = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(landmarks, layers.Softmax(name="probabilities")(x), name="stgcn")


def _block(x: Any, mask: Any, config: StgcnConfig, name: str, *, first: bool) -> Any:
    # Channels are mixed by 1×1 convolutions, not dense layers: their weights are quantized per channel in
    # dynamic-range files too (39 against 34 dB).
    inner = GraphMixing(_TOPOLOGY.name, name=f"{name}_graph")(x)
    inner = layers.Conv2D(config.channels, 1, padding="same", name=f"{name}_spatial")(inner)
    inner = layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_spatial_norm")(inner)
    inner = layers.ReLU(name=f"{name}_spatial_relu")(inner)
    # A masked frame must look to its neighbours as a frame beyond the end of the clip does: as zeros.
    inner = MaskFrames(name=f"{name}_masked")([inner, mask])
    kernel = (config.temporal_kernel, 1)
    inner = layers.Conv2D(config.channels, kernel, padding="same", name=f"{name}_temporal")(inner)
    inner = layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_temporal_norm")(inner)
    inner = layers.Dropout(config.dropout, name=f"{name}_dropout")(inner)
    if first:  # 3 coordinates can't be added to the channels
        x = layers.Conv2D(config.channels, 1, padding="same", name=f"{name}_residual")(x)
        x = layers.BatchNormalization(momentum=_MOMENTUM, name=f"{name}_residual_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, inner]))


FAMILY = Family(
    name="stgcn",
    topology=_TOPOLOGY.name,
    config=StgcnConfig,
    build=build,
    inputs=sequence_inputs(_TOPOLOGY.name),
    augmentation=SequenceAugmentation,
    describes=describe_landmarks(_TOPOLOGY.name),
)
