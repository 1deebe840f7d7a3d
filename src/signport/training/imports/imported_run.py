"""A model that was trained elsewhere, and landmarks to check it on → a finished run."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.splits import split
from signport.errors import SignportError
from signport.files import write_bytes, write_json, write_npz, write_text
from signport.models.registry import check_topology, family_named
from signport.training.checkpoint import keras_archive
from signport.training.recipe import Recipe
from signport.training.run import Run, new_run_folder
from signport.training.run_record import PARAMETERS, first_record, held_back_metrics, sample_ids


def imported_run(
    recipe: Recipe,
    model: keras.Model,
    classes: tuple[str, ...],
    data: LandmarkCache | str | Path,
    source: dict[str, Any],
    *,
    runs: str | Path,
    name: str | None,
    parameters: dict[str, np.ndarray] | None = None,
) -> Run:
    """Writes the folder of a run whose model is trained already.

    Its landmarks are split as for a training, so that an export can calibrate on one part and check on another; which
    samples the original was trained on, nobody knows, so figures may flatter it.

    Args:
        recipe: Its `model` section builds this model.
        model: The family's, with the original's weights.
        classes: In the order of the model's outputs.
        data: Landmarks with samples of every class and of no other.
        source: What `source_record` says.
        runs: The folder of all runs.
        name: The run's name; None for the recipe's and a number.
        parameters: Name → array for `preprocess_params.npz`.

    Raises:
        SignportError: The data does not fit the model, or the folder cannot be written.
    """
    cache = _in_order_of(data if isinstance(data, LandmarkCache) else LandmarkCache.read(data), classes)
    check_topology(family_named(recipe.family), cache)
    parts = split(cache, recipe.data.validation, recipe.data.test, recipe.seed, recipe.data.split_by)
    folder = new_run_folder(runs, name, recipe.name)
    try:
        if cache.path is None:
            cache = cache.write(folder / "cache.parquet")
        write_text(folder / "recipe.yaml", recipe.to_yaml())
        write_json(folder / "split.json", sample_ids(cache, parts))
        write_bytes(folder / "model.keras", keras_archive(model))
        if parameters:
            write_npz(folder / PARAMETERS, parameters)
        run = Run(folder, recipe, {**first_record(folder, recipe, cache, parts), "imported": source})
        metrics, _, _ = held_back_metrics(run, model)
        write_json(folder / "run.json", {**run.record, "metrics": metrics, "finished": True})
    except SignportError:
        shutil.rmtree(folder)
        raise
    return Run.open(folder)


def _in_order_of(cache: LandmarkCache, classes: tuple[str, ...]) -> LandmarkCache:
    """The cache, its classes in the order of the model's outputs; in memory if that is another order.

    Raises:
        SignportError: It has samples of other classes, or none of one.
    """
    counts = cache.per_class()
    if unknown := [name for name, count in counts.items() if count and name not in classes]:
        raise SignportError(
            f"{cache.path or 'cache'}: has samples of {', '.join(unknown)}, which the model does not know; give one "
            f"with its classes: {', '.join(classes)}"
        )
    if empty := [name for name in classes if not counts.get(name)]:
        raise SignportError(
            f"{cache.path or 'cache'}: has no sample of {', '.join(empty)}; an export is calibrated and checked on "
            "samples of every class"
        )
    if cache.classes == classes:
        return cache
    return LandmarkCache(replace(cache.header, classes=classes), cache.table)
