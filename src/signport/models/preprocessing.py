"""Preprocessing as Keras layers, so that it is inside every exported graph and nowhere else.

These layers stay in float when the rest of a graph is quantized: their inputs are raw landmarks, whose range no
calibration can know.
"""

from typing import Any

import keras
from keras import ops

from signport.landmarks.features import DEGENERATE_SCALE, LEAST_EDGE, MATRIX_EPSILON
from signport.landmarks.topology import HAND

# Image landmarks lie near 0..1 and world landmarks near 0; whatever is further out than this is no hand, and its
# square must stay finite in float32.
_LARGEST_COORDINATE = 1e4


class Preprocessing(keras.layers.Layer):
    """Base of the layers that the quantizer leaves in float."""


def _wrist_centred(landmarks: Any) -> Any:
    bounded = ops.clip(landmarks, -_LARGEST_COORDINATE, _LARGEST_COORDINATE)
    centred = bounded - bounded[:, :1]
    return ops.where(ops.equal(centred, centred), centred, ops.zeros_like(centred))  # NaN is unequal to itself


def _edges(points: Any) -> tuple[Any, Any]:
    """Edges of hands (batch, 21, 3) → vectors (batch, 21, 3) and their lengths (batch, 21, 1)."""
    start, end = zip(*HAND.edges, strict=True)
    edges = ops.take(points, end, axis=1) - ops.take(points, start, axis=1)
    return edges, ops.sqrt(ops.sum(edges * edges, axis=2, keepdims=True))


def _directions(edges: Any, lengths: Any) -> Any:
    # Lengths come with their last axis: a reshape between them and here the TFLite converter would quantize.
    return ops.reshape(edges / ops.maximum(lengths, LEAST_EDGE), (-1, 63))


@keras.saving.register_keras_serializable("signport")
class HandFeatures(Preprocessing):
    """Landmarks (batch, 21, 3) → 84 features (batch, 84); see `signport.landmarks.features.hand_features`.

    Args:
        directions: Whether the 63 coordinates of `signport.landmarks.features.edge_directions` follow.

    Example:
        >>> import numpy as np
        >>> HandFeatures()(np.random.default_rng(0).random((2, 21, 3), np.float32)).shape
        TensorShape([2, 84])
    """

    def __init__(self, directions: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.directions = directions

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "directions": self.directions}

    def call(self, landmarks: Any) -> Any:
        centred = _wrist_centred(landmarks)
        scale = ops.sqrt(ops.max(ops.sum(centred * centred, axis=2, keepdims=True), axis=1, keepdims=True))
        scaled = centred / ops.maximum(scale, DEGENERATE_SCALE)
        edges, lengths = _edges(scaled)
        features = [ops.reshape(scaled, (-1, 63)), ops.reshape(lengths, (-1, 21))]
        if self.directions:
            features.append(_directions(edges, lengths))
        return ops.concatenate(features, axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], 147 if self.directions else 84)


@keras.saving.register_keras_serializable("signport")
class HandMatrix(Preprocessing):
    """Landmarks (batch, 21, 3) → MediaPipe's normalized matrix, flat (batch, 63).

    Wrist at the origin, divided by the longer side of the x-y box; see
    `signport.landmarks.features.mediapipe_matrix`. MediaPipe feeds matrices that are normalized already; normalizing
    them again moves them by the epsilon only (at most 2e-5), so a graph that starts with this layer takes both
    MediaPipe's matrices and landmarks with a square aspect.

    Args:
        directions: Whether where the 21 edges point follows: vectors of length 1, 63 numbers more.
    """

    def __init__(self, directions: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.directions = directions

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "directions": self.directions}

    def call(self, landmarks: Any) -> Any:
        centred = _wrist_centred(landmarks)
        plane = centred[:, :, :2]
        extent = ops.max(
            ops.max(plane, axis=1, keepdims=True) - ops.min(plane, axis=1, keepdims=True), axis=2, keepdims=True
        )
        scaled = centred / (extent + MATRIX_EPSILON)
        matrix = ops.reshape(scaled, (-1, 63))
        return ops.concatenate([matrix, _directions(*_edges(scaled))], axis=1) if self.directions else matrix

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], 126 if self.directions else 63)
