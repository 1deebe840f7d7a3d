"""Runs: the folder that holds everything of one training, and the object that opens it."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.splits import PARTS, Split
from signport.errors import SignportError
from signport.files import read_object, unfinished
from signport.models.gates import Gates
from signport.models.registry import Family, family_named
from signport.training.recipe import Recipe, load_recipe

if TYPE_CHECKING:
    import keras

# What stands in a run's folder before its `run.json`, with which it can be resumed.
_BEGINNING = {
    "base",
    "cache.json",
    "cache.parquet",
    "checkpoints",
    "preprocess_params.npz",
    "recipe.yaml",
    "split.json",
}
# What every `run.json` holds; `metrics` only at the end.
_RECORD = {"classes": list, "cache": dict, "finished": bool, "metrics": dict}


class Run:
    """A training's folder.

    Its files: `recipe.yaml` (resolved), `run.json` (versions, data, metrics), `split.json` (sample ids of each part),
    `model.keras` (the best epoch, for inference), `checkpoints/`, `history.csv` and `history.json` (a row an epoch),
    `results.png` (the curves, and the best epoch's answers), `tensorboard/`, `preprocess_params.npz` (what the model
    took from the training part, such as its mean), and `base/` (models of a bundle that it builds on).

    Attributes:
        path: The folder.
        id: Its name.
        recipe: The resolved recipe.
        record: What `run.json` says.

    Examples:
        >>> run = sp.Run.open("runs/mlp-001")
        >>> run.family.name, run.classes
        ('mlp', ('A', 'B', 'C', 'None'))
        >>> run.model().predict(run.inputs("test")["landmarks"], verbose=0).shape[1]
        4
    """

    def __init__(self, path: Path, recipe: Recipe, record: dict[str, Any]):
        self.path = path
        self.id = path.name
        self.recipe = recipe
        self.record = record

    @classmethod
    def open(cls, path: str | Path, *, unfinished: bool = False) -> "Run":
        """Opens a run.

        Args:
            path: The run's folder.
            unfinished: Whether a run that has not finished training may be opened.

        Raises:
            SignportError: No run, damaged, or not finished.
        """
        path = Path(path).resolve()
        if not (path / "run.json").is_file() or not (path / "recipe.yaml").is_file():
            why = "no run.json and recipe.yaml" if path.is_dir() else "no such folder"
            raise SignportError(f"{path}: not a run ({why}); make one with `signport train`")
        record = read_object(path / "run.json")
        for key, kind in _RECORD.items():
            if not isinstance(record.get(key, {} if key == "metrics" else None), kind):
                raise SignportError(f"{path / 'run.json'}: {key}: missing or of the wrong kind; no record of a run")
        if not all(isinstance(name, str) for name in record["classes"]):
            raise SignportError(f"{path / 'run.json'}: classes: one is no text; no record of a run")
        for key in ("path", "sha256"):
            if not isinstance(record["cache"].get(key), str) or "\0" in record["cache"][key]:
                raise SignportError(f"{path / 'run.json'}: cache.{key}: missing or no text; no record of a run")
        if not record["finished"] and not unfinished:
            raise SignportError(
                f"{path}: this training has not finished; go on with `signport train --resume {path.name}`"
            )
        return cls(path, load_recipe(path / "recipe.yaml"), record)

    @cached_property
    def family(self) -> Family:
        """The kind of model."""
        return family_named(self.recipe.family)

    @cached_property
    def gates(self) -> Gates:
        """What its exported files are held to: the family's gates, or the recipe's where those are stricter."""
        return self.family.gates.tightened(self.recipe.gates, "gates.")

    @cached_property
    def config(self) -> Any:
        """The family's settings, with paths that hold wherever the run's folder stands."""
        embedder = getattr(self.recipe.model, "embedder", "")
        if not embedder:
            return self.recipe.model
        return replace(self.recipe.model, embedder=str(self.path / embedder))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the model's outputs."""
        return tuple(self.record["classes"])

    @property
    def metrics(self) -> dict[str, Any]:
        """Best epoch, and accuracy and loss on the validation and test parts."""
        return dict(self.record.get("metrics", {}))

    @property
    def cache_path(self) -> Path:
        """The landmark cache that it was trained on."""
        return self.path / str(self.record["cache"]["path"])

    @property
    def cache_digest(self) -> str:
        """SHA-256 of that cache."""
        return str(self.record["cache"]["sha256"])

    @property
    def export_folder(self) -> Path:
        """Where `signport export` writes."""
        return self.path / "export"

    @property
    def checkpoints(self) -> Path:
        """The folder of `last.keras`, `best.keras` and `epoch-NNN.keras`."""
        return self.path / "checkpoints"

    def model(self) -> "keras.Model":
        """The trained float model of the best epoch, not compiled."""
        from signport.training.checkpoint import load_model

        self.family  # noqa: B018 - importing the family registers its layers
        return load_model(self.path / "model.keras")

    def cache(self) -> LandmarkCache:
        """The landmark cache that it was trained on.

        Raises:
            SignportError: It is gone, or no longer what it was.
        """
        return self._cache

    @cached_property
    def _cache(self) -> LandmarkCache:
        if not self.cache_path.exists():
            raise SignportError(f"{self.cache_path}: the landmark cache of run {self.id} is gone; put it back there")
        cache = LandmarkCache.read(self.cache_path)
        if cache.digest != self.cache_digest:
            raise SignportError(
                f"{self.cache_path}: changed since run {self.id} was trained on it (sha256 {cache.digest[:12]}…, then "
                f"{self.cache_digest[:12]}…); put the old one back or train again"
            )
        return cache

    def split(self) -> Split:
        """The rows of the cache that each part got."""
        return self._split

    @cached_property
    def _split(self) -> Split:
        path = self.path / "split.json"
        stored = read_object(path)
        for part in PARTS:
            if not isinstance(stored.get(part), list) or not all(isinstance(one, str) for one in stored[part]):
                raise SignportError(f"{path}: {part}: missing, or no list of sample ids; put the run's own one back")
        row_of = {sample_id: row for row, sample_id in enumerate(self.cache().sample_ids)}
        try:
            train, validation, test = (
                np.array([row_of[sample_id] for sample_id in stored[part]], np.int64) for part in PARTS
            )
            return Split(train, validation, test, by=stored["by"])
        except KeyError as error:
            raise SignportError(f"{path}: {error} is missing in it or in the cache") from error

    def part(self, part: str) -> LandmarkCache:
        """The samples of `train`, `validation` or `test`, as a cache."""
        return self.cache().take(self.split().rows(part))

    def inputs(self, part: str) -> dict[str, np.ndarray]:
        """The model's inputs for a part, float32 (samples, …) by name, as they are (not augmented)."""
        return self.family.inputs(self.part(part), self.config)

    def labels(self, part: str) -> np.ndarray:
        """The class indices of a part, int64 (samples,)."""
        return self.part(part).labels


def new_run_folder(runs: str | Path, name: str | None, recipe_name: str, *, restarted: bool = False) -> Path:
    """Makes the folder of a new run: `runs/name`, or `runs/<recipe>-NNN` with the next free number.

    Args:
        runs: The folder of all runs.
        name: The run's name.
        recipe_name: What runs without a name are called after.
        restarted: Whether the folder may be there with what an earlier start wrote before it was killed; only where
            that one is known to have ended.

    Raises:
        SignportError: A run of that name exists, or the folder cannot be written to.
    """
    runs = Path(runs)
    if name is not None and (name in ("", "..") or Path(name).name != name):
        raise SignportError(f"--name {name!r}: a run's name is one folder name, without slashes")
    if runs.exists() and not runs.is_dir():
        raise SignportError(f"{runs}: is a file, not a folder; choose another --runs folder")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        if name is not None:
            (runs / name).mkdir(exist_ok=restarted and _never_began(runs / name))
            return (runs / name).resolve()
        taken = [entry.name.removeprefix(f"{recipe_name}-") for entry in runs.glob(f"{recipe_name}-*")]
        number = max((int(suffix) for suffix in taken if suffix.isdigit()), default=0) + 1
        folder = runs / f"{recipe_name}-{number:03d}"
        folder.mkdir()
        return folder.resolve()
    except FileExistsError:
        remedy = "choose another --name, or go on with --resume"
        if _never_began(runs / (name or "")):
            remedy = "its training was ended before it began; delete the folder, or start again with --restarted"
        raise SignportError(f"{runs / (name or '')}: exists already; {remedy}") from None
    except OSError as error:
        raise SignportError(
            f"{runs}: cannot write ({error.strerror}); choose a --runs folder you can write to"
        ) from error


def _never_began(folder: Path) -> bool:
    """Whether a folder holds nothing but what a training writes ahead of `run.json`."""
    return (
        folder.is_dir() and {entry.name for entry in folder.iterdir() if entry not in unfinished(folder)} <= _BEGINNING
    )
