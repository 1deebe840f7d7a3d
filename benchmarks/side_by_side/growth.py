"""What capture, import and training take for 1, 4 and 16 times the data."""

from pathlib import Path
from typing import Any

import numpy as np
from capture import drawn_hands, repeated
from processes import SIGNPORT, Ran, run
from table import Found, Growth

TIMES = (1, 4, 16)
IMAGES, SAMPLES, CLASSES, EPOCHS = 125, 2_500, 26, 5


def measure(places: Any) -> Found:
    """A row a stage."""
    folder = places.scratch("growth")
    hands = drawn_hands(places, IMAGES)
    captured, imported, trained = [], [], []
    for times in TIMES:
        images = folder / f"images-{times}"
        repeated(hands, times * IMAGES, images)
        captured.append(run([*SIGNPORT, "capture", "images", images, folder / f"images-{times}.parquet"]))
        table, cache = folder / f"table-{times}.npz", folder / f"table-{times}.parquet"
        _made_up(table, times * SAMPLES)
        imported.append(run([*SIGNPORT, "import", "npz", table, cache]))
        settings = [f"training.epochs={EPOCHS}", "training.early_stopping_patience=0"]
        chosen = [part for setting in settings for part in ("--set", setting)]
        training = ["train", "mlp", "--data", cache, "--runs", folder / "runs", "--name", f"mlp-{times}", *chosen]
        trained.append(run([*SIGNPORT, *training]))
    images, samples = [times * IMAGES for times in TIMES], [times * SAMPLES for times in TIMES]
    return Found(
        growth=[
            _growth("`capture images`, 1 process", images, captured),
            _growth("`import npz`", samples, imported),
            _growth(f"`train mlp`, {EPOCHS} epochs", samples, trained),
        ]
    )


def _made_up(path: Path, count: int) -> None:
    """Writes a table of hands that are nothing but noise."""
    random = np.random.default_rng(0)
    np.savez(path, X=random.random((count, 63), np.float32), y=random.integers(CLASSES, size=count))


def _growth(what: str, sizes: list[int], ran: list[Ran]) -> Growth:
    return Growth(what, sizes, [one.processor_seconds for one in ran], [one.peak_mib for one in ran])
