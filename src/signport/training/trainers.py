"""The trainers: what fits a run's model. A recipe's `training.trainer` chooses; all leave the same logs and files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from signport.errors import SignportError
from signport.training.loop import Examples, FitSettings, History, Hook, Moment, Snapshot, fit
from signport.training.model_maker import HeadWeights, require_model_maker, train_head_with_model_maker
from signport.training.recipe import Recipe

# Column of the history → what Model Maker calls it.
_COLUMNS = {
    "learning_rate": "lr",
    "accuracy": "categorical_accuracy",
    "loss": "loss",
    "val_accuracy": "val_categorical_accuracy",
    "val_loss": "val_loss",
}


@dataclass(frozen=True)
class Fitting:
    """What a trainer is given.

    Attributes:
        folder: The run's.
        recipe: The run's.
        classes: Class names in the order of the model's outputs.
        model: Compiled.
        train: What to train on.
        validation: What to measure `val_…` on.
        history: Epochs that the model has behind it.
        logs: Hooks that look at the history only.
        checkpoints: The hook that keeps weights.
    """

    folder: Path
    recipe: Recipe
    classes: tuple[str, ...]
    model: keras.Model
    train: Examples
    validation: Examples
    history: Sequence[dict[str, float]]
    logs: Sequence[Hook]
    checkpoints: Hook


def check_trainer(recipe: Recipe, init_from: str | Path | None) -> None:
    """Checks, before a run is begun, that its trainer can do what is asked.

    Raises:
        SignportError: Model Maker is not installed, or is to start from weights that it did not draw itself.
    """
    if recipe.training.trainer != "model-maker":
        return
    require_model_maker()
    if init_from is not None:
        raise SignportError(
            f"--init-from {init_from}: Model Maker starts from its own weights; leave it out, or set training.trainer "
            "to signport"
        )


def fit_model(fitting: Fitting) -> None:
    """Fits a model with the trainer that its recipe names; afterwards it holds the weights of the last epoch.

    Raises:
        SignportError: The training failed.
    """
    _TRAINERS[fitting.recipe.training.trainer](fitting)


def _fit_with_signport(fitting: Fitting) -> None:
    training = fitting.recipe.training
    settings = FitSettings(
        epochs=training.epochs,
        batch_size=training.batch_size,
        seed=fitting.recipe.seed,
        schedule=training.learning_rates(),
        monitor=training.monitor,
        patience=training.early_stopping_patience,
    )
    # Logs first: what a checkpoint has behind it is in them.
    hooks = [*fitting.logs, fitting.checkpoints]
    fit(fitting.model, fitting.train, fitting.validation, settings, history=fitting.history, hooks=hooks)


def _fit_with_model_maker(fitting: Fitting) -> None:
    training, model = fitting.recipe.training, fitting.model
    if len(fitting.history) == training.epochs:
        return
    rows: History = []  # Model Maker keeps no optimizer: an interrupted training begins anew, and ends the same.

    def moment(best: Snapshot | None) -> Moment:
        # As in Model Maker, the last epoch counts, whatever was measured before.
        return Moment(model, list(rows), len(rows), best, is_last=len(rows) == training.epochs)

    def on_epoch(measured: dict[str, float]) -> None:
        rows.append({"epoch": len(rows) + 1, **{name: measured[theirs] for name, theirs in _COLUMNS.items()}})
        for hook in fitting.logs:
            hook(moment(None))

    weights = train_head_with_model_maker(
        fitting.train.inputs["embedding"],
        fitting.train.targets.argmax(axis=1),
        fitting.classes,
        (fitting.validation.inputs["embedding"], fitting.validation.targets.argmax(axis=1)),
        epochs=training.epochs,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        gamma=int(training.focal_gamma) if training.loss == "focal" else 0,
        dropout=fitting.recipe.model.dropout,
        seed=fitting.recipe.seed,
        workdir=fitting.folder,
        on_epoch=on_epoch,
    )
    _put(weights, model)
    fitting.checkpoints(moment(Snapshot.of(model)))


def _put(weights: HeadWeights, model: keras.Model) -> None:
    norm = model.get_layer("norm")
    norm.set_weights([weights.gamma, weights.beta, weights.moving_mean, weights.moving_variance])
    model.get_layer("logits").set_weights([weights.kernel, weights.bias])


_TRAINERS: dict[str, Callable[[Fitting], None]] = {
    "signport": _fit_with_signport,
    "model-maker": _fit_with_model_maker,
}
