"""Trains a `gesture_recognizer.task` from class folders of images, with signport's trainer or the genuine Model Maker.

python tools/train_asl_model/train.py --data_dir data --output_dir out --base-bundle gesture_recognizer.task
"""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.image_folder import capture_images
from signport.datasets.splits import PARTS, split
from signport.errors import SignportError

BACKGROUND = "None"
TRAINERS = ("signport", "model-maker")
VALIDATION_SHARE = TEST_SHARE = 0.1


@dataclass(frozen=True)
class Part:
    """One part of a split, as a gesture head sees it.

    Attributes:
        embeddings: float32 (samples, 128).
        labels: Class indices, int64 (samples,).
    """

    embeddings: np.ndarray
    labels: np.ndarray


def class_order(data_dir: Path) -> list[str]:
    """The class folders, `None` first and the others by name: Model Maker's order, and the canned classifier's.

    Raises:
        SignportError: There is no such folder, or it has no class `None` spelled so, which MediaPipe needs.
    """
    try:
        names = sorted(entry.name for entry in data_dir.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise SignportError(f"{data_dir}: {error.strerror}; make --data_dir with prepare_data.py") from None
    if BACKGROUND not in names:
        near = [name for name in names if name.lower() == BACKGROUND.lower()]
        remedy = f"rename {near[0]!r}" if near else "add images of hands that make no gesture of yours"
        raise SignportError(f"{data_dir}: no class folder {BACKGROUND!r}, spelled exactly so; {remedy}")
    return [BACKGROUND, *(name for name in names if name != BACKGROUND)]


def capture(data_dir: Path, output_dir: Path, workers: int) -> LandmarkCache:
    """Finds the hands and writes `output_dir/landmarks.parquet`; goes on where an interrupted capture stopped."""
    # Kaggle's images are cut tightly around the hand, and the palm detector misses many without a border.
    return capture_images(
        data_dir, output_dir / "landmarks.parquet", workers=workers, border="auto", classes=class_order(data_dir)
    )


def embedded_parts(cache: LandmarkCache, embedder: Path, seed: int) -> dict[str, Part]:
    """Splits 80/10/10 (no group on two sides, where groups are known) and embeds each part.

    Args:
        cache: Hands with world landmarks.
        embedder: The gesture embedder's `.tflite`.
        seed: Of the split.

    Returns:
        `train`, `validation` and `test`.
    """
    from signport.models.gesture_head import GestureHeadConfig, inputs

    embeddings = inputs(cache, GestureHeadConfig(embedder=str(embedder)))["embedding"]
    parts = split(cache, VALIDATION_SHARE, TEST_SHARE, seed)
    return {name: Part(embeddings[parts.rows(name)], cache.labels[parts.rows(name)]) for name in PARTS}


def parser() -> argparse.ArgumentParser:
    """The flags of the project this replaces, and signport's own."""
    flags = argparse.ArgumentParser(
        prog="train.py",
        description="Trains a gesture_recognizer.task from class folders of images.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    flags.add_argument("--data_dir", type=Path, required=True, help="class folders", default=argparse.SUPPRESS)
    flags.add_argument("--output_dir", type=Path, required=True, help="folder to write", default=argparse.SUPPRESS)
    flags.add_argument("--epochs", type=int, default=30)
    flags.add_argument("--batch_size", type=int, default=32)
    flags.add_argument("--lr", type=float, default=0.005, help="learning rate of the first epoch")
    flags.add_argument("--trainer", choices=TRAINERS, default=TRAINERS[0])
    flags.add_argument("--base-bundle", type=Path, help="a gesture_recognizer.task whose embedder is used")
    flags.add_argument("--app", type=Path, help="app that gets the bundle")
    flags.add_argument("--seed", type=int, default=42)
    flags.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes that find hands")
    return flags
