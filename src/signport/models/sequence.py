"""What the sequence families share: the preprocessing of body landmarks and the layers that respect missing frames.

All of them take `landmarks` (batch, frames, points, 3) as MediaPipe gives them, NaN where a point was not found. A
frame without any point is masked: whatever stands in its place, the answer is the same.
"""

from collections.abc import Callable
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from signport.datasets.cache import LandmarkCache
from signport.landmarks.topology import topology_named
from signport.models.preprocessing import Preprocessing

# Whatever lies further out than this, in image sizes, is no landmark, and its square must stay finite in float32.
_LARGEST_COORDINATE = 1e4
# Shoulders closer than this, in image widths, are a detector's mistake or a person seen exactly from the side.
_SMALLEST_SHOULDER_WIDTH = 1e-2
# In shoulder widths, in standard deviations, or in image sizes: a body ends long before.
_LARGEST_VALUE = 10.0
_SMALLEST_DEVIATION = 1e-4
# x and y, of x, y, z.
_IN_PLANE = np.array([1, 1, 0], np.float32)
LANDMARKS = "landmarks"


class _SequenceConfig(Protocol):
    @property
    def frames(self) -> int: ...


def sequence_inputs(topology: str) -> Callable[[LandmarkCache, _SequenceConfig], dict[str, np.ndarray]]:
    """The `inputs` of a sequence family: `landmarks`, float32 (samples, frames, points of `topology`, 3)."""

    def inputs(cache: LandmarkCache, config: _SequenceConfig) -> dict[str, np.ndarray]:
        return {LANDMARKS: cache.clips(topology_named(topology), config.frames)}

    return inputs


def describe_landmarks(topology: str) -> dict[str, str]:
    """The `describes` of a sequence family."""
    return {
        LANDMARKS: f"Frames of {topology} landmarks, x y z, as MediaPipe gives them; NaN where a point is missing, a "
        "clip that is shorter ends in missing frames."
    }


def _found(landmarks: Any) -> Any:
    return ops.equal(landmarks, landmarks)  # NaN is unequal to itself


@keras.saving.register_keras_serializable("signport")
class FrameMask(Preprocessing):
    """Landmarks (batch, frames, points, 3) → 1 for each frame with a point in it, else 0: float32 (batch, frames)."""

    def call(self, landmarks: Any) -> Any:
        # A sum, because XNNPACK takes it, while a maximum over two axes is slow in LiteRT's own kernel; the difference
        # last, because the converter would move a quantization ahead of a minimum.
        found = ops.sum(ops.cast(_found(landmarks), "float32"), axis=(2, 3))
        return 1.0 - ops.relu(1.0 - found)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape[:2]


@keras.saving.register_keras_serializable("signport")
class BodyNormalization(Preprocessing):
    """Landmarks (batch, frames, points, 3) → the same in the signer's own terms, 0 where missing.

    With `shoulders`, x and y are counted from the point between the shoulders, and all axes in shoulder widths; both
    are averaged over the clip, so that a body that moves is seen moving. A clip that shows no pair of shoulders is
    centred on its points' mean and scaled by their spread. `image` leaves the values as they are. Then, with
    `standardized`, each value loses the training part's mean and is divided by its standard deviation.

    Args:
        topology: Name of the body layout.
        coordinate_system: `shoulders` or `image`.
        standardized: Whether it holds a mean and a standard deviation.
        missing: `mean`: a missing point ends up as 0, where standardization puts the mean. `zero`: it counts as a point
            at 0, as projects have it that store zeros for it; only in the `image` system.
    """

    def __init__(
        self,
        topology: str,
        coordinate_system: str = "shoulders",
        standardized: bool = False,
        missing: str = "mean",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.missing = missing
        self.topology = topology
        self.coordinate_system = coordinate_system
        self.standardized = standardized

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if self.standardized:
            shape = input_shape[2:]
            self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
            self.deviation = self.add_weight(shape=shape, initializer="ones", trainable=False, name="deviation")
        self.built = True

    def call(self, landmarks: Any) -> Any:
        values = ops.where(_found(landmarks), landmarks, 0.0)
        found = ops.cast(_found(landmarks), "float32")
        counts_as_zero = self.missing == "zero"
        largest = _LARGEST_VALUE if counts_as_zero else _LARGEST_COORDINATE
        values = ops.clip(values, -largest, largest)
        if self.coordinate_system == "shoulders":
            values = self._from_shoulders(values, found)
        if self.standardized:
            values = (values - self.mean) * (1.0 / self.deviation)
        return values if counts_as_zero else ops.clip(values, -_LARGEST_VALUE, _LARGEST_VALUE) * found

    def _from_shoulders(self, values: Any, found: Any) -> Any:
        # Large tensors are reduced whole and cut afterwards: LiteRT cuts slowly.
        index = topology_named(self.topology).index
        left, right = index["pose.left_shoulder"], index["pose.right_shoulder"]
        both = found[:, :, left, :1] * found[:, :, right, :1]  # (batch, frames, 1)
        frames = ops.sum(both, axis=1, keepdims=True)
        middle = (values[:, :, left] + values[:, :, right]) * 0.5
        apart = (values[:, :, left] - values[:, :, right]) * _IN_PLANE
        width = ops.sqrt(ops.sum(apart * apart, axis=2, keepdims=True))
        some = ops.maximum(frames, 1.0)
        centre = ops.sum(middle * both, axis=1, keepdims=True) / some  # (batch, 1, 3)
        scale = ops.sum(width * both, axis=1, keepdims=True) / some  # (batch, 1, 1)

        points = ops.maximum(ops.sum(found, axis=(1, 2), keepdims=True), 1.0)  # (batch, 1, 1, 3)
        mean = ops.sum(values, axis=(1, 2), keepdims=True) / points
        offset = (values - mean) * found
        variance = ops.sum(offset * offset, axis=(1, 2), keepdims=True) / points
        spread = ops.sqrt(ops.sum(variance * _IN_PLANE, axis=3, keepdims=True))

        seen = ops.greater(ops.expand_dims(frames, 1), 0.0)
        centre = ops.where(seen, ops.expand_dims(centre, 1), mean)
        scale = ops.where(seen, ops.expand_dims(scale, 1), spread)
        # z is counted from the hips for the pose and from the wrist for a hand: it has no common origin to move.
        return (values - centre * _IN_PLANE) * (1.0 / ops.maximum(scale, _SMALLEST_SHOULDER_WIDTH))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "topology": self.topology,
            "coordinate_system": self.coordinate_system,
            "standardized": self.standardized,
            "missing": self.missing,
        }


def adapt_normalization(
    model: keras.Model, inputs: dict[str, np.ndarray], layer_name: str = "body"
) -> dict[str, np.ndarray]:
    """Gives a standardizing `BodyNormalization` the mean and standard deviation of the training part.

    Args:
        model: With a layer of that name.
        inputs: `landmarks`, float32 (samples, frames, points, 3); missing values do not count.
        layer_name: Name of the layer.

    Returns:
        `mean` and `std`, float32 (points, 3), in the layer's coordinate system.
    """
    layer = model.get_layer(layer_name)
    landmarks = inputs[LANDMARKS]
    count = np.zeros(landmarks.shape[2:])
    total, squares = np.zeros_like(count), np.zeros_like(count)
    for start in range(0, len(landmarks), 256):
        batch = landmarks[start : start + 256]
        found = ~np.isnan(batch)
        values = np.asarray(layer(batch), np.float64)
        count += found.sum(axis=(0, 1))
        total += values.sum(axis=(0, 1))
        squares += (values**2).sum(axis=(0, 1))
    some = np.maximum(count, 1)
    mean = total / some
    deviation = np.sqrt(np.maximum(squares / some - mean**2, 0))
    # A value that never changes (or was never found) says nothing: it stays as it is.
    deviation[deviation < _SMALLEST_DEVIATION] = 1.0
    layer.mean.assign(mean)
    layer.deviation.assign(deviation)
    return {"mean": mean.astype(np.float32), "std": deviation.astype(np.float32)}


@keras.saving.register_keras_serializable("signport")
class PresentLast(Preprocessing):
    """Moves masked frames to the start, and keeps the order of the others: an LSTM then starts where a clip does.

    Values (batch, frames, …) and mask (batch, frames) → values (batch, frames, …). An LSTM that passes masked frames
    over has to hold its state at each of them; if they come first, its state is still 0, and there is nothing to hold.
    The deploy form of such an LSTM counts on values of 0 there, as `BodyNormalization` gives.
    """

    def call(self, values_and_mask: list[Any]) -> Any:
        values, mask = values_and_mask
        frames = mask.shape[1]
        earlier = ops.arange(frames, 0, -1, dtype="float32")
        _, order = ops.top_k((1.0 - mask) * frames + earlier, frames)
        return tf.gather(values, order, batch_dims=1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0]


@keras.saving.register_keras_serializable("signport")
class MaskFrames(keras.layers.Layer):
    """Sets masked frames to 0: values (batch, frames, …) and mask (batch, frames) → (batch, frames, …)."""

    def call(self, values_and_mask: list[Any]) -> Any:
        values, mask = values_and_mask
        return values * _spread(mask, values)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0]


def frame_weights(mask: Any) -> Any:
    """What each frame counts in a mean: mask (batch, frames) → the same shape, adding up to 1; all alike if all 0."""
    frames = ops.sum(mask, axis=1, keepdims=True)
    none = 1.0 - ops.minimum(frames, 1.0)
    return (mask + none) / (frames + none * mask.shape[1])


@keras.saving.register_keras_serializable("signport")
class MaskedMean(keras.layers.Layer):
    """Mean over the frames that are not masked: values (batch, frames, …, channels) → (batch, channels).

    Axes between frames and channels, such as points, are averaged too; without any frame all count alike.
    """

    def call(self, values_and_mask: list[Any]) -> Any:
        values, mask = values_and_mask
        if len(values.shape) > 3:
            values = ops.mean(values, axis=tuple(range(2, len(values.shape) - 1)))
        return ops.sum(values * _spread(frame_weights(mask), values), axis=1)

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return (input_shape[0][0], input_shape[0][-1])


def _spread(mask: Any, values: Any) -> Any:
    for _ in range(len(values.shape) - 2):
        mask = ops.expand_dims(mask, -1)
    return mask
