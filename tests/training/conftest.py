"""Made-up hands for trainings that take seconds."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.models.gesture_embedder import GestureEmbedderConfig, build, deployed
from signport.training.run import Run
from signport.training.train import train

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
                    landmarks=(shape * random.uniform(0.8, 1.2) + offset).astype(np.float32)[None],
                    group=f"signer{number % groups}" if groups else None,
                    world_landmarks=(shape * 0.5).astype(np.float32)[None],
                    handedness=float(np.clip(random.normal(0.95, 0.02), 0, 1)),
                    image_size=image_size,
                )
            )
    return LandmarkCache.from_samples(samples, CacheHeader("hand", classes))


@pytest.fixture
def make_cache() -> CacheMaker:
    return made_up_cache


# What makes a training take a second.
QUICK = (
    "model.hidden=[24]",
    "data.augmentation.copies=1",
    "training.epochs=6",
    "training.batch_size=32",
    "training.learning_rate=0.01",
    "training.checkpoint_every=2",
    "logging.tensorboard=false",
)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished MLP on three classes of six signers; tests must not change it."""
    folder = tmp_path_factory.mktemp("trained")
    cache = made_up_cache(groups=6).write(folder / "hands.parquet")
    return train("mlp", cache, runs=folder / "runs", name="quick", overrides=QUICK)


@pytest.fixture
def random_embedder(tmp_path: Path) -> Path:
    """A `.tflite` with an embedder's three inputs and random weights."""
    keras.utils.set_random_seed(0)
    model = deployed(build(GestureEmbedderConfig(hidden=(32,)), 2))
    signature = [tf.TensorSpec([1, *tensor.shape[1:]], tf.float32, name=tensor.name) for tensor in model.inputs]
    function = tf.function(lambda *hand: model(list(hand)), input_signature=signature, autograph=False)
    path = tmp_path / "embedder.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()]).convert())
    return path
