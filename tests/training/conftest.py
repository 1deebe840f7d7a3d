"""Made-up hands for trainings that take seconds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from signport.datasets.cache import CacheHeader, LandmarkCache, Sample

CacheMaker = Callable[..., LandmarkCache]


def made_up_cache(
    classes: tuple[str, ...] = ("A", "B", "C"),
    per_class: int = 40,
    groups: int = 0,
    noise: float = 0.02,
    seed: int = 0,
    image_size: tuple[int, int] = (640, 480),
) -> LandmarkCache:
    """A cache of random handshapes, one prototype a class, with noise; learnable, and quick to learn.

    Args:
        classes: Class names; a name's prototype is the same in every cache.
        per_class: Samples of each.
        groups: Number of groups that samples take turns in; 0 leaves groups unknown.
        noise: Standard deviation of each coordinate.
        seed: Of the noise.
        image_size: Width and height in pixels.
    """
    random = np.random.default_rng(seed)
    samples = []
    for name in classes:
        prototype = np.random.default_rng(list(name.encode())).normal(0, 0.1, (21, 3))
        for number in range(per_class):
            shape = prototype + random.normal(0, noise, (21, 3))
            offset = random.uniform(0.3, 0.7, 3) * [1, 1, 0]
            samples.append(
                Sample(
                    sample_id=f"{name}/{number:04d}",
                    label=name,
                    landmarks=(shape * random.uniform(0.8, 1.2) + offset).astype(np.float32),
                    group=f"signer{number % groups}" if groups else None,
                    world_landmarks=(shape * 0.5).astype(np.float32),
                    handedness=float(np.clip(random.normal(0.95, 0.02), 0, 1)),
                    image_size=image_size,
                )
            )
    for index, sample in enumerate(samples):
        object.__setattr__(samples[index], "landmarks", sample.landmarks[None])
        object.__setattr__(samples[index], "world_landmarks", sample.world_landmarks[None])
    return LandmarkCache.from_samples(samples, CacheHeader("hand", classes))


@pytest.fixture
def make_cache() -> CacheMaker:
    return made_up_cache


@pytest.fixture
def cache_file(tmp_path: Path) -> Path:
    """Three classes, 120 samples, no groups, on disk."""
    path = tmp_path / "hands.parquet"
    made_up_cache().write(path)
    return path
