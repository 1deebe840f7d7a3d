"""A sequence family that trains in a second: what the training side needs of one, and no more."""

import sys
from dataclasses import dataclass

import keras
import numpy as np
import pytest
from keras import layers

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.landmarks.topology import topology_named
from signport.models import registry
from signport.models.gates import Gates
from signport.models.registry import Family

FRAMES = 4


@dataclass(frozen=True)
class TinyConfig:
    frames: int = FRAMES


def build(config: TinyConfig, num_classes: int) -> keras.Model:
    landmarks = keras.Input((config.frames, 75, 3), name="landmarks")
    x = layers.Dense(num_classes, name="logits")(layers.Flatten(name="flat")(landmarks))
    return keras.Model(landmarks, layers.Softmax(name="probabilities")(x), name="tiny")


def inputs(cache: LandmarkCache, config: TinyConfig) -> dict[str, np.ndarray]:
    return {"landmarks": np.nan_to_num(cache.clips(topology_named("pose_hands_75"), config.frames))}


FAMILY = Family(name="tiny", topology="pose_hands_75", config=TinyConfig, build=build, inputs=inputs)


@pytest.fixture
def tiny_family(monkeypatch):
    """Makes the family known as `tiny`."""
    monkeypatch.setitem(registry._GATES, "tiny", Gates())
    monkeypatch.setitem(sys.modules, "signport.models.tiny", sys.modules[__name__])
    return FAMILY


def made_up_clips(
    topology: str = "pose_hands_75", classes: tuple[str, ...] = ("A", "B", "C"), per_class: int = 24, seed: int = 0
) -> LandmarkCache:
    """Clips of 2 to 7 frames with missing points, a class by its mean pose; six signers."""
    random = np.random.default_rng(seed)
    points = topology_named(topology).points
    samples = []
    for name in classes:
        for number in range(per_class):
            length = int(random.integers(2, 8))
            pose = np.stack([np.random.default_rng(list(f"{name}{point}".encode())).random(3) for point in points])
            clip = (pose + random.normal(0, 0.1, (length, len(points), 3))).astype(np.float32)
            clip[random.random((length, len(points))) < 0.1] = np.nan
            samples.append(Sample(f"{name}/{number:03d}", name, clip, f"signer{number % 6}", frame_rate=25.0))
    return LandmarkCache.from_samples(samples, CacheHeader(topology, classes))
