"""NumPy forms of the preprocessing that exported graphs carry.

They exist to inspect data and to check the Keras layers of `signport.models.preprocessing` against; apps never need
them, because the graph does this itself.
"""

import numpy as np

from signport.landmarks.topology import HAND

# A hand whose points all lie within this distance of the wrist has no shape left to scale up; in image widths.
DEGENERATE_SCALE = 1e-6
# Shorter edges have no direction to speak of; in hand sizes. Bones of real hands are ten times as long and more.
LEAST_EDGE = 1e-2
# MediaPipe's LandmarksToMatrixCalculator (landmarks_to_matrix_calculator.cc, kEpsilon).
MATRIX_EPSILON = 1e-5


def hand_features(landmarks: np.ndarray) -> np.ndarray:
    """The MLP's 84 features: 63 wrist-centred, scaled coordinates, then the 21 edge lengths.

    Args:
        landmarks: float (samples, 21, 3); a missing value (NaN) stands at the wrist.

    Returns:
        float32 (samples, 84). Coordinates are divided by the largest distance from the wrist, so they lie in -1 to 1;
        edge lengths are measured on the scaled points, in the order of `HAND.edges`.
    """
    centred = landmarks - landmarks[:, :1]
    centred = np.where(np.isnan(centred), 0.0, centred)
    scale = np.sqrt((centred**2).sum(-1)).max(-1)
    scaled = centred / np.maximum(scale, DEGENERATE_SCALE)[:, None, None]
    start, end = np.array(HAND.edges).T
    lengths = np.sqrt(((scaled[:, end] - scaled[:, start]) ** 2).sum(-1))
    return np.asarray(np.concatenate([scaled.reshape(len(scaled), -1), lengths], axis=1), np.float32)


def edge_directions(landmarks: np.ndarray) -> np.ndarray:
    """Where each of a hand's edges points, which does not depend on how long a person's fingers are.

    Args:
        landmarks: float (samples, 21, 3); a missing value (NaN) stands at the wrist.

    Returns:
        float32 (samples, 63): for each of `HAND.edges`, a vector (x, y, z) of length 1; shorter where the edge itself
        is next to nothing.
    """
    points = hand_features(landmarks)[:, :63].reshape(-1, HAND.num_points, 3)
    start, end = np.array(HAND.edges).T
    edges = points[:, end] - points[:, start]
    lengths = np.sqrt((edges**2).sum(-1, keepdims=True))
    return np.asarray((edges / np.maximum(lengths, LEAST_EDGE)).reshape(len(edges), -1), np.float32)


def mediapipe_handedness(handedness: np.ndarray) -> np.ndarray:
    """What MediaPipe's gesture recognizer feeds to its embedder as handedness.

    Its C++ code calls this the score of a left hand, but it takes the category at index 0, which the Python task calls
    `Right`: measured on 105 photographs with an embedder that passes its handedness through, 1 - P(left) comes back to
    3e-8 and P(left) does not (MediaPipe 0.10.21).

    Args:
        handedness: P(left hand) as the Python task labels it, float (samples,); NaN if unknown.

    Returns:
        float32 (samples, 1).
    """
    return np.asarray(1 - handedness, np.float32)[:, None]


def mediapipe_matrix(landmarks: np.ndarray, image_sizes: np.ndarray | None = None) -> np.ndarray:
    """What MediaPipe's gesture recognizer feeds to its embedder.

    Source: `landmarks_to_matrix_calculator.cc`, with object normalization on and the wrist as origin, as
    `hand_gesture_recognizer_graph.cc` sets it up.

    Args:
        landmarks: float (samples, 21, 3), image landmarks or world landmarks.
        image_sizes: int (samples, 2), width and height, for image landmarks: the longer side becomes 1. A size of 0
            (unknown) counts as square. None for world landmarks.

    Returns:
        float32 (samples, 21, 3): wrist at the origin, divided by the longer side of the hand's x-y box.
    """
    points = landmarks.astype(np.float32)
    if image_sizes is not None:
        sizes = np.where(image_sizes > 0, image_sizes, 1).astype(np.float32)
        aspect = sizes / sizes.max(axis=1, keepdims=True)
        points = points * np.concatenate([aspect, np.ones_like(aspect[:, :1])], axis=1)[:, None]
    centred = points - points[:, :1]
    centred = np.where(np.isnan(centred), np.float32(0), centred)
    extent = (centred[..., :2].max(axis=1) - centred[..., :2].min(axis=1)).max(axis=1)
    return np.asarray(centred / (extent + np.float32(MATRIX_EPSILON))[:, None, None])
