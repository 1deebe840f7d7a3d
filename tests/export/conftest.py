"""One small pipeline for all export tests: cache → embedder → two heads, trained, exported and bundled once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from signport.datasets.cache import CacheHeader, LandmarkCache, Sample
from signport.export.bundle import Bundled, bundle
from signport.export.exporter import export
from signport.training.run import Run
from signport.training.train import train


@dataclass(frozen=True)
class Pipeline:
    embedder: Run
    head: Run
    canned: Run
    bundled: Bundled


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


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory) -> Pipeline:
    folder = tmp_path_factory.mktemp("pipeline")
    signs = hands(folder / "signs.parquet", ("A", "B", "C", "None"), seed=1)
    gestures = hands(folder / "gestures.parquet", ("None", "Open_Palm", "Victory"), seed=2)
    quick = ["training.epochs=12", "data.augmentation.copies=0", "quantization.epochs=1", "logging.tensorboard=false"]
    embedder = train("gesture_embedder", signs, runs=folder, name="embedder", overrides=[*quick, "model.hidden=[32]"])
    export(embedder)
    head = train("gesture_head", signs, runs=folder, name="head", overrides=quick, embedder=embedder.path)
    canned = train("gesture_head", gestures, runs=folder, name="canned", overrides=quick, embedder=embedder.path)
    export(head)
    export(canned)
    return Pipeline(embedder, head, canned, bundle(head, canned=canned))
