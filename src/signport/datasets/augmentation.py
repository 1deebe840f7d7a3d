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


@dataclass(frozen=True)
class Augmentation:
    """How augmented copies are made.

    Attributes:
        copies: Augmented copies of each training sample, beside the sample itself; 0 turns augmentation off.
        mirror: Share of the copies that become the other hand, 0 to 1.
        rotation_degrees: Largest turn in the image plane, either way.
        scale: Largest stretch of width and of height, each on its own: 0.1 gives 0.9 to 1.1.
        noise: Standard deviation of the jitter of every point, in hand sizes (wrist to the farthest point).
    """

    copies: int = 2
    mirror: float = 0.5
    rotation_degrees: float = 15.0
    scale: float = 0.1
    noise: float = 0.01

    def __post_init__(self) -> None:
        checks = (
            ("copies", self.copies >= 0, "at least 0"),
            ("mirror", 0 <= self.mirror <= 1, "0 to 1"),
            ("rotation_degrees", 0 <= self.rotation_degrees <= 180, "0 to 180"),
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
    in pixels, so an image that is not square bends no hand; an unknown image size counts as square. Missing values
    stay missing.

    Args:
        cache: Samples of one frame.
        augmentation: What to do, and how much of it.
        random: Decides everything; the same state gives the same copy.

    Returns:
        A cache in memory with the same samples in the same order and changed landmarks.
    """
    count = len(cache)
    mirrored = random.random(count) < augmentation.mirror
    turn = np.deg2rad(random.uniform(-1, 1, count) * augmentation.rotation_degrees)
    stretch = 1 + random.uniform(-1, 1, (count, 2)) * augmentation.scale
    shape = (count, cache.topology.num_points, 3)
    jitters = [random.standard_normal(shape) * augmentation.noise for _ in range(2)]

    sizes = np.where(cache.image_sizes > 0, cache.image_sizes, 1).astype(np.float64)
    # x and z are in image widths, y in image heights; in widths all three are alike.
    unit = np.stack([np.ones(count), sizes[:, 1] / sizes[:, 0], np.ones(count)], axis=1)[:, None]
    image = cache.landmarks.astype(np.float64)
    image[mirrored, :, 0] = 1 - image[mirrored, :, 0]
    image = _moved(image * unit, turn, stretch, jitters[0]) / unit

    world = cache.world_landmarks.astype(np.float64)
    world[mirrored, :, 0] *= -1
    world = _moved(world, turn, stretch, jitters[1])

    handedness = np.where(mirrored, 1 - cache.handedness, cache.handedness).astype(np.float32)
    return _with_columns(cache, image, world, handedness)


def _moved(points: np.ndarray, turn: np.ndarray, stretch: np.ndarray, jitter: np.ndarray) -> np.ndarray:
    """Stretches, turns and jitters points (samples, points, 3), of equal units on all axes, about each wrist."""
    wrist = points[:, :1]
    offset = points - wrist
    offset[..., :2] *= stretch[:, None]
    sine, cosine = np.sin(turn)[:, None], np.cos(turn)[:, None]
    x, y = offset[..., 0].copy(), offset[..., 1].copy()
    offset[..., 0] = cosine * x - sine * y
    offset[..., 1] = sine * x + cosine * y
    distances = np.sqrt(np.nan_to_num(offset**2).sum(-1))
    size = distances.max(-1)[:, None, None]
    return np.asarray(wrist + offset + jitter * size)


def _with_columns(cache: LandmarkCache, image: np.ndarray, world: np.ndarray, handedness: np.ndarray) -> LandmarkCache:
    has_world = np.asarray(cache.table["world_landmarks"].combine_chunks().is_valid())
    columns = {
        "landmarks": _lists(image, np.ones(len(cache), bool)),
        "world_landmarks": _lists(world, has_world),
        "handedness": pa.array(handedness, pa.float32()),
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
