"""From a recipe and a landmark cache to a run."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.splits import Split, part_of_key, split, split_like
from signport.errors import SignportError
from signport.files import write_json, write_npz, write_text
from signport.models.litert import require_runs
from signport.models.registry import Family, check_topology, family_named
from signport.training.base_models import EMBEDDER, base_models, write_base_models
from signport.training.checkpoint import load_model, read_state
from signport.training.devices import seed_everything
from signport.training.fit_run import checkpoints_of, fit_run
from signport.training.history_logs import require_wandb
from signport.training.optimizer import compile_model
from signport.training.recipe import Recipe, load_recipe, with_overrides
from signport.training.run import Run, new_run_folder
from signport.training.run_record import PARAMETERS, first_record, sample_ids
from signport.training.trainers import check_trainer
from signport.training.transfer import copy_matching_weights
from signport.training.workers import Workers, workers_of


def train(
    recipe: str | Path | Recipe,
    data: LandmarkCache | str | Path | None = None,
    *,
    runs: str | Path | None = None,
    name: str | None = None,
    overrides: Sequence[str] = (),
    init_from: str | Path | None = None,
    base_bundle: str | Path | None = None,
    embedder: str | Path | None = None,
    parts: Split | None = None,
    restarted: bool = False,
) -> Run:
    """Trains a model; everything about it goes into one new folder.

    A run that builds on another (`init_from`, `embedder`) holds back what that one held back, where they share signers.
    With `training.strategy: multi_worker`, every worker calls this with the same arguments and sees the same folders;
    the first one writes the run.

    Args:
        recipe: A recipe, its name, or its YAML file.
        data: A landmark cache, or its file; without one, the file that the recipe names (`data.cache`).
        runs: The folder of all runs; without one, the recipe's.
        name: The new run's name; without one, the recipe's name and the next free number.
        overrides: `section.key=value`, applied over the recipe.
        init_from: A run of the same family whose fitting weights are the start (transfer learning).
        base_bundle: A `gesture_recognizer.task` whose embedder a gesture head builds on.
        embedder: An exported `gesture_embedder` run, or a `.tflite`, that a gesture head builds on.
        parts: A split of `data` instead of one drawn as the recipe says, such as a published one. Where there are too
            few samples to hold any back, validation rows may be training rows: that chooses the epoch that fits best.
        restarted: Whether this takes the place of a start of the same name that was killed before it began, and so
            cannot be resumed.

    Raises:
        SignportError: Anything in the recipe, the data or the options that can't be (no run is left behind then), a
            training that fails on its way, or a worker that is missing or lost.

    Examples:
        >>> run = sp.train("mlp", "hands.parquet", name="quick", overrides=["training.epochs=1"])
        >>> run.path.name
        'quick'
        >>> run.classes
        ('A', 'B', 'C', 'None')
    """
    recipe = with_overrides(recipe, overrides) if isinstance(recipe, Recipe) else load_recipe(recipe, overrides)
    cache = _cache(recipe, data)
    family = _checked_family(recipe, cache)
    source = None if init_from is None else _source_run(init_from, recipe)
    models = base_models(family, getattr(recipe.model, "embedder", ""), base_bundle, embedder)
    if models:
        require_runs(models[EMBEDDER], str(base_bundle or embedder or getattr(recipe.model, "embedder", "")))
        recipe = replace(recipe, model=replace(recipe.model, embedder=EMBEDDER))
    check_trainer(recipe, init_from)
    if recipe.logging.wandb:
        require_wandb()
    parts = _parts(cache, recipe, source, embedder) if parts is None else _checked_parts(cache, parts)

    with workers_of(recipe.training.strategy, recipe.device) as workers:
        if not workers.is_chief:
            return _go_on(Run.open(workers.agree({})["run"], unfinished=True), recipe, workers)
        folder = new_run_folder(recipe.runs if runs is None else runs, name, recipe.name, restarted=restarted)
        try:
            return _begin(folder, recipe, cache, parts, models, source, workers)
        except SignportError:
            # A run with epochs behind it can be resumed; one that never began would only be in the way.
            if not (folder / "history.csv").exists():
                shutil.rmtree(folder)
            raise


def _begin(
    folder: Path,
    recipe: Recipe,
    cache: LandmarkCache,
    parts: Split,
    models: dict[str, bytes],
    source: Run | None,
    workers: Workers,
) -> Run:
    """Fills a new run's folder and trains."""
    if cache.path is None:
        cache = cache.write(folder / "cache.parquet")
    write_base_models(folder, models)
    write_text(folder / "recipe.yaml", recipe.to_yaml())
    run = Run(folder, recipe, first_record(folder, recipe, cache, parts))
    write_json(folder / "split.json", sample_ids(cache, parts))
    with workers.device(recipe.device):
        seed_everything(recipe.seed)
        model = run.family.build(run.config, len(cache.classes))
        if source is not None:
            run.record["init_from"] = {"run": str(source.path), **copy_matching_weights(source.model(), model)}
        _adapt(run, model, source)
        compile_model(
            model,
            _loss(recipe),
            learning_rate=recipe.training.learning_rate,
            weight_decay=recipe.training.weight_decay,
            gradient_clip_norm=recipe.training.gradient_clip_norm,
            gradient_norm=recipe.logging.gradient_norm,
        )
        checkpoints_of(run).start(model)
        # A folder with a run.json can be resumed.
        write_json(folder / "run.json", run.record)
        if workers.strategy is None:
            return fit_run(run, model, (), workers)
    return _go_on(run, recipe, workers)


def _adapt(run: Run, model: keras.Model, source: Run | None) -> None:
    """Gives the model what it takes from its training inputs, such as their mean, and keeps that as a file too."""
    if source is not None and (source.path / PARAMETERS).is_file():
        # The weights that were copied go with the source's own parameters, which were copied with them.
        shutil.copyfile(source.path / PARAMETERS, run.path / PARAMETERS)
    elif run.family.adapt is not None:
        write_npz(run.path / PARAMETERS, run.family.adapt(model, run.inputs("train")))


def resume(
    path: str | Path,
    *,
    recipe: Recipe | None = None,
    data: LandmarkCache | str | Path | None = None,
    strategy: Literal["single", "mirrored", "multi_worker"] | None = None,
) -> Run:
    """Goes on with a training that was interrupted, exactly where its last checkpoint stands.

    Args:
        path: The run's folder.
        recipe: If given, it must be the run's own.
        data: If given, it must be the cache that the run was started on.
        strategy: Where to go on, whatever strategy it was started with; without one, where the recipe says.

    Raises:
        SignportError: Not a run, finished already, or recipe, data or checkpoint are not the run's own; or a worker is
            missing or lost.

    Examples:
        >>> sp.resume("runs/mlp-001")
        Traceback (most recent call last):
            ...
        signport.errors.SignportError: ... this training has finished; start another from it with --init-from mlp-001
    """
    run = Run.open(path, unfinished=True)
    if run.record["finished"]:
        raise SignportError(f"{run.path}: this training has finished; start another from it with --init-from {run.id}")
    if data is not None:
        cache = data if isinstance(data, LandmarkCache) else LandmarkCache.read(data)
        if cache.digest != run.cache_digest:
            raise SignportError(f"--data {cache.path}: not the cache that run {run.id} was started on; leave it out")
    wanted = run.recipe if recipe is None else recipe
    if strategy is not None:
        wanted = replace(wanted, training=replace(wanted.training, strategy=strategy))
    with workers_of(wanted.training.strategy, run.recipe.device) as workers:
        return _go_on(run, wanted, workers)


def _go_on(run: Run, wanted: Recipe, workers: Workers) -> Run:
    """Trains on from the last checkpoint of a run, which has to be one of the wanted recipe."""
    wanted = _with_embedder_of(wanted, run.recipe)
    run.family  # noqa: B018 - importing the family registers its layers
    checkpoint = run.checkpoints / "last.keras"
    state = read_state(checkpoint)
    if (state.family, state.recipe_digest) != (run.recipe.family, wanted.digest) or state.classes != run.classes:
        raise SignportError(
            f"{checkpoint}: a checkpoint of another recipe (family {state.family!r}, recipe "
            f"{state.recipe_digest[:12]}…, wanted {wanted.family!r}, {wanted.digest[:12]}…); resume with the "
            "recipe it was started with, or start a new run with --init-from"
        )
    theirs = workers.agree({"run": str(run.path), "epoch": state.epoch})
    if theirs["epoch"] != state.epoch:
        raise SignportError(
            f"{checkpoint}: stands after epoch {state.epoch}, that of the first worker after epoch {theirs['epoch']} "
            f"({theirs['run']}); all workers have to see the same folder"
        )
    with workers.device(run.recipe.device):
        seed_everything(run.recipe.seed)
        with workers.scope():
            model = load_model(checkpoint)
        return fit_run(run, model, state.history, workers)


def _with_embedder_of(recipe: Recipe, other: Recipe) -> Recipe:
    """A run points at its own copy of the embedder, which no recipe file can name."""
    if recipe.family != other.family or not getattr(other.model, "embedder", ""):
        return replace(recipe, name=other.name)
    return replace(recipe, name=other.name, model=replace(recipe.model, embedder=other.model.embedder))


def _cache(recipe: Recipe, data: LandmarkCache | str | Path | None) -> LandmarkCache:
    if isinstance(data, LandmarkCache):
        return data
    if data is None and not recipe.data.cache:
        raise SignportError(
            f"--data CACHE is missing, and recipe {recipe.name} names none (data.cache); for example: signport train "
            "mlp --data hands.parquet"
        )
    return LandmarkCache.read(recipe.data.cache if data is None else data)


def _checked_family(recipe: Recipe, cache: LandmarkCache) -> Family:
    family = family_named(recipe.family)
    if missing := check_topology(family, cache):
        print(f"signport: note: {missing}", file=sys.stderr)
    if len(cache.classes) < 2:
        raise SignportError(f"{cache.path or 'cache'}: {len(cache.classes)} class; a classifier needs at least two")
    return family


def _source_run(path: str | Path, recipe: Recipe) -> Run:
    source = Run.open(path)
    if source.recipe.family != recipe.family:
        raise SignportError(
            f"--init-from {path}: a run of family {source.recipe.family!r}, but the recipe trains {recipe.family!r}"
        )
    return source


def _parts(cache: LandmarkCache, recipe: Recipe, source: Run | None, embedder: str | Path | None) -> Split:
    """The split: that of the run which this one builds on, as far as they share signers; else a new one."""
    if source is None and embedder is not None and Path(embedder).is_dir():
        source = Run.open(embedder)
    inherited = None if source is None else split_like(cache, part_of_key(source.cache(), source.split()))
    return inherited or split(cache, recipe.data.validation, recipe.data.test, recipe.seed, recipe.data.split_by)


def _checked_parts(cache: LandmarkCache, parts: Split) -> Split:
    learned_from = np.union1d(parts.train, parts.validation)
    if seen := np.intersect1d(parts.test, learned_from).tolist():
        raise SignportError(f"parts: test row {seen[0]} is a training or validation row too; take it out of one")
    if lacking := set(range(len(cache.classes))) - set(cache.labels[parts.train].tolist()):
        raise SignportError(f"parts: no training row of class {cache.classes[min(lacking)]!r}; add some")
    if not len(parts.validation):
        raise SignportError("parts: no validation row; give some, or the training rows themselves")
    return parts


def _loss(recipe: Recipe) -> keras.losses.Loss:
    smoothing = recipe.training.label_smoothing
    if recipe.training.loss == "focal":
        gamma = recipe.training.focal_gamma
        return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=gamma, label_smoothing=smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
