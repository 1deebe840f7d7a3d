"""Augmented copies of captured hands: the same hand as another camera, wrist or body side would show it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.landmarks.topology import Topology

# What augments on the fly, inside the input pipeline: the inputs of a batch (name → tensor (samples, …)), targets
# (samples, outputs), weights (samples,) or None, and the batch's seed, int64 (2,) → inputs, targets, weights.
BatchAugment = Callable[[dict[str, Any], Any, Any | None, Any], tuple[dict[str, Any], Any, Any | None]]
_COPIES_STREAM = 0xA06
# Of an image of unknown size only the shape counts; so many pixels are enough to say it in whole numbers.
_LEAST_PIXELS = 1 << 16


@dataclass(frozen=True)
class Augmentation:
    """How augmented copies are made.

    Attributes:
        copies: Augmented copies of each training sample, beside the sample itself; 0 turns augmentation off.
        mirror: Share of the copies that become the other hand, 0 to 1.
        rotation_degrees: Largest turn in the image plane, either way.
        tilt_degrees: Largest turn out of the image plane, about the horizontal and about the vertical axis, either way:
            the same hand, seen more from above, below or a side.
        image_shape: Widest image that a copy is taken to come from, in heights, and so is the tallest: each copy's
            image gets a shape between 1:image_shape and image_shape:1. 1 leaves images their own shape.
        scale: Largest stretch of width and of height, each on its own: 0.1 gives 0.9 to 1.1.
        noise: Standard deviation of the jitter of every point, in hand sizes (wrist to the farthest point).
    """

    copies: int = 2
    mirror: float = 0.5
    rotation_degrees: float = 15.0
    tilt_degrees: float = 25.0
    image_shape: float = 1.8
    scale: float = 0.1
    noise: float = 0.01

    def __post_init__(self) -> None:
        checks = (
            ("copies", self.copies >= 0, "at least 0"),
            ("mirror", 0 <= self.mirror <= 1, "0 to 1"),
            ("rotation_degrees", 0 <= self.rotation_degrees <= 180, "0 to 180"),
            ("tilt_degrees", 0 <= self.tilt_degrees <= 90, "0 to 90"),
            ("image_shape", 1 <= self.image_shape <= 4, "1 to 4"),
            ("scale", 0 <= self.scale < 1, "0 to below 1"),
            ("noise", self.noise >= 0, "at least 0"),
        )
        for name, holds, what in checks:
            if not holds:
                raise SignportError(f"data.augmentation.{name}: {getattr(self, name)}; it must be {what}")

    def variants(self, cache: LandmarkCache, seed: int) -> list[LandmarkCache]:
        """What an epoch goes over: the samples as they are, and the copies, all drawn now from `seed`."""
        streams = [np.random.default_rng([seed, _COPIES_STREAM, number]) for number in range(self.copies)]
        return [cache, *(augment(cache, self, random) for random in streams)]

    def on_the_fly(self, topology: Topology) -> BatchAugment | None:  # noqa: ARG002
        """What happens to each batch beyond that: nothing."""
        return None


def augment(cache: LandmarkCache, augmentation: Augmentation, random: np.random.Generator) -> LandmarkCache:
    """One augmented copy of every sample of a cache of single hands.

    Landmarks, world landmarks and handedness change together: a mirrored hand is mirrored in all three. Turns happen
    in pixels, so an image that is not square bends no hand; an unknown image size counts as square. A new image shape
    changes the image size with the landmarks: in pixels the hand stays what it is. Missing values stay missing.

    Args:
        cache: Samples of one frame.
        augmentation: What to do, and how much of it.
        random: Decides everything; the same state gives the same copy.

    Returns:
        A cache in memory with the same samples in the same order and changed landmarks.
    """
    count = len(cache)
    mirrored = random.random(count) < augmentation.mirror
    movement = _Movement.draw(count, augmentation, random)
    shape = (count, cache.topology.num_points, 3)
    jitters = [random.standard_normal(shape) * augmentation.noise for _ in range(2)]
    sizes = np.where(cache.image_sizes > 0, cache.image_sizes, 1)
    copy_sizes = _reshaped(sizes, augmentation.image_shape, random)

    image = cache.landmarks.astype(np.float64)
    image[mirrored, :, 0] = 1 - image[mirrored, :, 0]
    image = movement.apply(image * _in_widths(sizes), jitters[0]) / _in_widths(copy_sizes)

    world = cache.world_landmarks.astype(np.float64)
    world[mirrored, :, 0] *= -1
    world = movement.apply(world, jitters[1])

    handedness = np.where(mirrored, 1 - cache.handedness, cache.handedness).astype(np.float32)
    return _with_columns(cache, image, world, handedness, copy_sizes)


def _in_widths(sizes: np.ndarray) -> np.ndarray:
    """(samples, 1, 3) by which x and z, in image widths, and y, in image heights, all come to be in widths."""
    one = np.ones(len(sizes))
    return np.asarray(np.stack([one, sizes[:, 1] / sizes[:, 0], one], axis=1)[:, None])


def _reshaped(sizes: np.ndarray, widest: float, random: np.random.Generator) -> np.ndarray:
    """Image sizes (samples, 2) of as many pixels in all, of a shape between 1:widest and widest:1."""
    if widest == 1:
        return sizes
    shape = np.exp(random.uniform(-1, 1, len(sizes)) * np.log(widest))
    area = sizes.prod(axis=1, dtype=np.float64)
    side = np.sqrt(np.maximum(area, _LEAST_PIXELS))
    return np.asarray(np.rint(np.stack([side * np.sqrt(shape), side / np.sqrt(shape)], axis=1)), np.int32)


@dataclass(frozen=True, eq=False)
class _Movement:
    """How each sample's points move about its wrist; every array has an entry a sample."""

    stretch: np.ndarray
    tilt: np.ndarray
    turn: np.ndarray

    @classmethod
    def draw(cls, count: int, augmentation: Augmentation, random: np.random.Generator) -> "_Movement":
        turn = np.deg2rad(random.uniform(-1, 1, count) * augmentation.rotation_degrees)
        stretch = 1 + random.uniform(-1, 1, (count, 2)) * augmentation.scale
        tilt = np.deg2rad(random.uniform(-1, 1, (count, 2)) * augmentation.tilt_degrees)
        return cls(stretch, tilt, turn)

    def apply(self, points: np.ndarray, jitter: np.ndarray) -> np.ndarray:
        """Stretches, tilts, turns and jitters points (samples, points, 3), of equal units on all axes."""
        wrist = points[:, :1]
        offset = points - wrist
        offset[..., :2] *= self.stretch[:, None]
        # A tilt needs depth: points without (tables of x and y) keep their place.
        flat = np.isnan(offset[..., 2]).all(axis=1)
        tilt = np.where(flat[:, None], 0.0, self.tilt)
        for angle, axes in ((tilt[:, 0], (1, 2)), (tilt[:, 1], (2, 0)), (self.turn, (0, 1))):
            _rotate(offset, angle, axes)
        distances = np.sqrt(np.nan_to_num(offset**2).sum(-1))
        size = distances.max(-1)[:, None, None]
        return np.asarray(wrist + offset + jitter * size)


def _rotate(points: np.ndarray, angle: np.ndarray, axes: tuple[int, int]) -> None:
    """Turns points (samples, points, 3) in place, by an angle a sample, from the first of two axes to the second."""
    still = angle == 0
    sine, cosine = np.sin(angle)[:, None], np.cos(angle)[:, None]
    first, second = points[..., axes[0]].copy(), points[..., axes[1]].copy()
    points[..., axes[0]] = np.where(still[:, None], first, cosine * first - sine * second)
    points[..., axes[1]] = np.where(still[:, None], second, sine * first + cosine * second)


def _with_columns(
    cache: LandmarkCache, image: np.ndarray, world: np.ndarray, handedness: np.ndarray, sizes: np.ndarray
) -> LandmarkCache:
    has_world = np.asarray(cache.table["world_landmarks"].combine_chunks().is_valid())
    columns = {
        "landmarks": _lists(image, np.ones(len(cache), bool)),
        "world_landmarks": _lists(world, has_world),
        "handedness": pa.array(handedness, pa.float32()),
        "image_width": pa.array(sizes[:, 0].astype(np.int32)),
        "image_height": pa.array(sizes[:, 1].astype(np.int32)),
    }
    table = cache.table
    for name, column in columns.items():
        position = table.schema.get_field_index(name)
        table = table.set_column(position, table.schema.field(position), column)
    return LandmarkCache(cache.header, table)


def _lists(values: np.ndarray, present: np.ndarray) -> pa.Array:
    """float32 lists, one a sample; null where not `present`."""
    width = values.shape[1] * values.shape[2]
    offsets = np.concatenate([[0], np.cumsum(present * width)]).astype(np.int32)
    flat = pa.array(values[present].astype(np.float32).ravel(), pa.float32())
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), flat, mask=pa.array(~present))
