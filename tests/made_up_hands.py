"""Hands that nobody has, but that a model can learn to tell apart."""

from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample


def hands(path: Path, classes: tuple[str, ...], seed: int) -> LandmarkCache:
    """Noisy hands around one shape a class."""
    random = np.random.default_rng(seed)
    samples = []
    for name in classes:
        shape = np.random.default_rng(list(name.encode())).normal(scale=0.1, size=(1, 21, 3))
        samples += [
            Sample(
                sample_id=f"{name}/{number:03d}",
                label=name,
                landmarks=(shape + random.normal(scale=0.01, size=shape.shape) + 0.5).astype(np.float32),
                world_landmarks=(shape + random.normal(scale=0.01, size=shape.shape)).astype(np.float32),
                handedness=float(random.random()),
                image_size=(64, 48),
            )
            for number in range(60)
        ]
    return LandmarkCache.from_samples(samples, CacheHeader("hand", classes)).write(path)
