"""The cases of `benchmarks/quantization.py`: every family on made data and, where there are any, on real landmarks."""

import os
import sys
import tarfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from export_tflite import SMALL

import signport as sp

# Real sequences are few and short: 60 frames of nothing would only take time.
REAL_SETTINGS = {
    "lstm": [],
    "transformer": ["model.frames=30", "training.epochs=30", "training.learning_rate=0.0003"],
    "stgcn": ["model.frames=30", "training.epochs=60"],
    "conv_transformer": ["model.frames=30", "model.hidden=88", "model.stages=1", "training.epochs=40"],
}


@dataclass(frozen=True)
class Case:
    """A family on a data set.

    Attributes:
        data: Name of the data set.
        recipe: Of the family.
        cache: Makes or finds the landmarks.
        settings: Changes to the recipe.
        more: Further arguments of `sp.train`.
    """

    data: str
    recipe: str
    cache: Callable[[], Any]
    settings: tuple[str, ...] = ()
    more: Callable[[int], dict[str, Any]] = lambda _seed: {}


class Data:
    """The landmark caches, made when first asked for and kept in the work folder."""

    def __init__(self, work: Path, real: Path) -> None:
        self.work, self.real = work, real

    @cache  # noqa: B019  there is one of these
    def hands(self) -> Any:
        """Drawn hands that spell."""
        return sp.render_hands(self.work / "hands", "asl22", per_class=100, seed=0, workers=2).cache

    @cache  # noqa: B019
    def signs(self) -> Any:
        """Clips of kinematic signers."""
        path = self.work / "signs.parquet"
        return sp.LandmarkCache.read(path) if path.is_file() else sp.render_signs(path, classes=20, seed=0)

    @cache  # noqa: B019
    def letters(self) -> Any:
        """A person's letters, from a table of landmarks."""
        return sp.import_npz(self.real / "landmarks-asl-ai" / "asl-ai.npz", self.work / "letters.parquet")

    @cache  # noqa: B019
    def digits(self) -> Any:
        """Photographs of many students' digits."""
        path = self.work / "digits.parquet"
        if path.is_file():
            return sp.LandmarkCache.read(path)
        return sp.capture_images(self.real / "photos-asl-digits", path, workers=2)

    @cache  # noqa: B019
    def ilker(self) -> Any:
        """A person's three signs, in blocks of ten clips that were taken one after another."""
        path, folder = self.work / "ilker.parquet", self.work / "ilker"
        if path.is_file():
            return sp.LandmarkCache.read(path)
        with tarfile.open(self.real / "sequences-ilker" / "MP_Data.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        return sp.import_frames(folder / "MP_Data", path, group_regex=r"^(.*)\d$")

    def embedder(self, seed: int) -> dict[str, Any]:
        """A gesture head sits on signport's own embedder of the same seed, which has to be exported."""
        embedder = self.work / "runs" / f"drawn-gesture_embedder-{seed}"
        if not (embedder / "export").is_dir():
            sp.export_tflite(embedder)
        return {"embedder": embedder}

    def google(self, _seed: int) -> dict[str, Any]:
        """A gesture head sits on Google's embedder."""
        return {"base_bundle": self.real / "models" / "gesture_recognizer.task"}

    def cases(self) -> Iterator[Case]:
        """Every family on made data, then on real data."""
        for recipe in ("mlp", "mlp_v2", "gesture_embedder"):
            yield Case("drawn", recipe, self.hands)
        yield Case("drawn", "gesture_head", self.hands, more=self.embedder)
        for recipe, settings in SMALL.items():
            yield Case("drawn", recipe, self.signs, tuple(settings))
        if not self.real.is_dir():
            warnings.warn(f"{self.real}: no such folder; measured on drawn data only", stacklevel=1)
            return
        for recipe in ("mlp", "mlp_v2"):
            yield Case("real", recipe, self.letters)
        yield Case("real", "gesture_embedder", self.digits)
        yield Case("real", "gesture_head", self.digits, more=self.google)
        for recipe, settings in REAL_SETTINGS.items():
            yield Case("real", recipe, self.ilker, tuple(settings))
