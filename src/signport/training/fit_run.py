"""The training of a run whose folder stands: examples, fit, figures of the best epoch."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import keras
import numpy as np

from signport.files import read_json, write_bytes, write_json
from signport.landmarks.topology import topology_named
from signport.training.checkpoint import Checkpoints, TrainingState, keras_archive, load_checkpoint
from signport.training.history_logs import history_logs, write_history
from signport.training.loop import Examples, Hook, Moment
from signport.training.plots import draw_results
from signport.training.run import Run
from signport.training.run_record import held_back_metrics
from signport.training.trainers import Fitting, fit_model
from signport.training.workers import Workers


def checkpoints_of(run: Run) -> Checkpoints:
    """What keeps the weights of a run's training."""
    state = TrainingState(run.recipe.family, run.recipe.digest, run.classes, ())
    training = run.recipe.training
    return Checkpoints(run.checkpoints, training.checkpoint_every, state, training.keep_checkpoints)


def fit_run(run: Run, model: keras.Model, history: Sequence[dict[str, float]], workers: Workers) -> Run:
    """Trains the model of a run whose folder stands, and finishes the run.

    Args:
        run: Not finished yet.
        model: Compiled.
        history: Epochs that the model has behind it.
        workers: Who trains; the chief writes.

    Raises:
        SignportError: The training failed.
    """
    start = time.perf_counter()
    opened: AbstractContextManager[list[Hook]] = nullcontext([])
    if workers.is_chief:
        opened = history_logs(run.path, run.recipe, len(history))
    validation = Examples(run.inputs("validation"), _one_hot(run.labels("validation"), len(run.classes)))
    with opened as logs:
        fit_model(
            Fitting(
                folder=run.path,
                recipe=run.recipe,
                classes=run.classes,
                model=model,
                train=_training_examples(run),
                validation=validation,
                history=history,
                logs=logs,
                checkpoints=checkpoints_of(run) if workers.is_chief else _leave_to_the_chief,
            )
        )
    if workers.is_chief:
        _finish(run, time.perf_counter() - start)
    workers.finish()
    return Run.open(run.path)


def _leave_to_the_chief(moment: Moment) -> None:
    """The checkpoints of the other workers."""


def _training_examples(run: Run) -> Examples:
    """The training part and its augmented copies, all drawn now, and what is drawn anew from each epoch's number."""
    recipe, augmentation = run.recipe, run.recipe.data.augmentation
    variants = augmentation.variants(run.part("train"), recipe.seed)
    inputs = [run.family.inputs(variant, run.config) for variant in variants]
    labels = np.tile(variants[0].labels, len(variants))
    weights = None
    if recipe.training.class_weights == "balanced":
        counts = np.bincount(labels, minlength=len(run.classes))
        weights = (len(labels) / (len(run.classes) * counts))[labels].astype(np.float32)
    # Joined only if there is something to join: long sequences are too large to have them twice.
    columns = (
        inputs[0] if len(inputs) == 1 else {name: np.concatenate([one[name] for one in inputs]) for name in inputs[0]}
    )
    on_the_fly = augmentation.on_the_fly(topology_named(run.family.topology))
    return Examples(columns, _one_hot(labels, len(run.classes)), weights, on_the_fly)


def _one_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    return np.asarray(np.eye(num_classes, dtype=np.float32)[labels])


def _finish(run: Run, seconds: float) -> None:
    """Writes the model of the best epoch, its figures and the picture, and marks the run as finished."""
    best, state = load_checkpoint(run.checkpoints / "best.keras")
    _, last = load_checkpoint(run.checkpoints / "last.keras")
    keras.utils.set_random_seed(run.recipe.seed)
    model = run.family.build(run.config, len(run.classes))
    model.set_weights(best.get_weights())
    write_bytes(run.path / "model.keras", keras_archive(model))
    write_history(run.path, last.history)
    parts, measured, held_back = held_back_metrics(run, model)
    metrics = {"best_epoch": state.epoch, "epochs": last.epoch, **parts}
    draw_results(last.history, state.epoch, measured, run.path / "results.png", run.id, held_back)
    metrics["validation"]["loss"] = state.history[-1]["val_loss"]
    record = {**read_json(run.path / "run.json"), "metrics": metrics, "seconds": round(seconds, 2), "finished": True}
    write_json(run.path / "run.json", record)
