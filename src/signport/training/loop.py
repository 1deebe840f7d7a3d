"""The one training loop, over Keras `fit`: whoever trains or distils anything here goes through `fit`.

Everything that an epoch depends on is derived from the seed, the epoch's number and the history: the order of the
batches, the dropout, the learning rate, the decision to stop. So a model, its optimizer and its history are all that
has to be kept to go on exactly where a training stopped.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from signport.datasets.augmentation import BatchAugment
from signport.errors import SignportError
from signport.models.registry import feed, inference_batch
from signport.training.batches import epoch_batches
from signport.training.optimizer import sample_metrics
from signport.training.replicas import ReplicaSteps, fit_replicas
from signport.training.schedule import Schedule, best_epoch, has_stalled

# One row an epoch: `epoch` (from 1), `learning_rate`, `gradient_norm` if asked for, then what Keras measured, such as
# `loss` and `val_accuracy`.
History = list[dict[str, float]]


@dataclass(frozen=True)
class Examples:
    """Inputs with their targets.

    Attributes:
        inputs: Input name → float32 (samples, …).
        targets: float32 (samples, outputs): one-hot classes, or a teacher's answers.
        weights: float32 (samples,), or None to count all alike.
        augment: What happens to each batch of an epoch before it is trained on, or None.
    """

    inputs: dict[str, np.ndarray]
    targets: np.ndarray
    weights: np.ndarray | None = None
    augment: BatchAugment | None = None

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class FitSettings:
    """What `fit` needs to know beyond model and examples.

    Attributes:
        epochs: Most epochs.
        batch_size: Samples a step, of all replicas together; the last batch of an epoch may be smaller.
        seed: Decides the order of batches and the dropout.
        schedule: The learning rate over the epochs.
        monitor: The column of the history that chooses the best epoch; accuracies are maximised, all else minimised.
        patience: Epochs without a better one before training stops; 0 never stops early.
    """

    epochs: int
    batch_size: int
    seed: int = 0
    schedule: Schedule = field(default_factory=Schedule)
    monitor: str = "val_loss"
    patience: int = 0


@dataclass(frozen=True)
class Snapshot:
    """All variables of a model and of its optimizer, copied.

    Attributes:
        model: One array a variable of the model.
        optimizer: One array a variable of the optimizer.
    """

    model: list[np.ndarray]
    optimizer: list[np.ndarray]

    @classmethod
    def of(cls, model: keras.Model) -> "Snapshot":
        """What the model is now."""
        copies = [
            [keras.ops.convert_to_numpy(variable).copy() for variable in variables]
            for variables in (model.variables, model.optimizer.variables)
        ]
        return cls(*copies)

    def restore(self, model: keras.Model) -> None:
        """Makes the model what it was."""
        for variables, values in ((model.variables, self.model), (model.optimizer.variables, self.optimizer)):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)


@dataclass(frozen=True)
class Moment:
    """Where a training stands after an epoch; what hooks are called with.

    Attributes:
        model: With the weights and the optimizer of this epoch.
        history: All epochs so far.
        best_epoch: Number of the best one, from 1.
        best: The model at that epoch; None if that was before a resumed training started.
        is_last: Whether training ends here.
    """

    model: keras.Model
    history: History
    best_epoch: int
    best: Snapshot | None
    is_last: bool


Hook = Callable[[Moment], None]


def fit(
    model: keras.Model,
    train: Examples,
    validation: Examples | None,
    settings: FitSettings,
    *,
    history: Sequence[dict[str, float]] = (),
    hooks: Sequence[Hook] = (),
) -> Moment | None:
    """Trains a compiled model; afterwards it holds the weights of the last epoch.

    A model that was made under the scope of a mirrored strategy is trained on all its replicas, with the same batches.

    Args:
        model: Compiled by `compile_model`, or with another optimizer that has a `learning_rate` variable.
        train: What to train on.
        validation: What to measure `val_…` on.
        settings: Epochs, batches, learning rate, when to stop.
        history: Epochs that this model (and its optimizer) has behind it.
        hooks: Called after each epoch, in this order.

    Returns:
        The moment after the last epoch; None if the history was complete already.

    Raises:
        SignportError: The loss became NaN or infinite, or `monitor` is not measured.
    """
    driver = _Driver(settings, list(history), tuple(hooks))
    if driver.is_over():
        return None
    start = len(driver.history)
    steps = math.ceil(len(train) / settings.batch_size)
    if isinstance(
        model.distribute_strategy, tf.distribute.MirroredStrategy | tf.distribute.MultiWorkerMirroredStrategy
    ):
        replicas = ReplicaSteps(model, sample_metrics(model), model.distribute_strategy)
        fit_replicas(replicas, train, validation, settings, start, steps, driver)
        return driver.moment
    model.fit(
        epoch_batches(model, train, settings, start),
        steps_per_epoch=steps,
        initial_epoch=start,
        epochs=settings.epochs,
        validation_data=None if validation is None else _arrays(model, validation),
        validation_batch_size=max(settings.batch_size, inference_batch(model)),
        callbacks=[driver],
        shuffle=False,
        verbose=0,
    )
    return driver.moment


def _value(variable: keras.Variable) -> float:
    # Under a strategy, `float` doesn't know the variable.
    return float(keras.ops.convert_to_numpy(variable))


def _arrays(model: keras.Model, examples: Examples) -> tuple[object, ...]:
    arrays = (feed(model, examples.inputs), examples.targets)
    return arrays if examples.weights is None else (*arrays, examples.weights)


class _Driver(keras.callbacks.Callback):
    """Sets up each epoch from seed and history, and draws the conclusions after it."""

    def __init__(self, settings: FitSettings, history: History, hooks: tuple[Hook, ...]):
        super().__init__()
        self.settings = settings
        self.history = history
        self.hooks = hooks
        self.best: Snapshot | None = None
        self.moment: Moment | None = None

    def values(self) -> list[float]:
        """The monitored value of each epoch, lower being better."""
        sign = -1 if "accuracy" in self.settings.monitor else 1
        return [sign * row[self.settings.monitor] for row in self.history]

    @property
    def _sums_norms(self) -> bool:
        return getattr(self.model.optimizer, "sum_gradient_norms", False)

    def is_over(self) -> bool:
        return len(self.history) >= self.settings.epochs or has_stalled(self.values(), self.settings.patience)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        self.model.optimizer.learning_rate.assign(self.settings.schedule.rate(epoch, self.values()))
        if self._sums_norms:
            self.model.optimizer.gradient_norms.assign(0.0)
        states = [state for state in self.model.variables if state.path.endswith("seed_generator_state")]
        for number, state in enumerate(states):
            random = np.random.default_rng([self.settings.seed, epoch, number])
            state.assign(random.integers(0, 2**32, size=state.shape, dtype=np.uint32))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        row = {"epoch": epoch + 1, "learning_rate": _value(self.model.optimizer.learning_rate)}
        if self._sums_norms:
            row["gradient_norm"] = _value(self.model.optimizer.gradient_norms) / self.params["steps"]
        row |= {name: float(value) for name, value in (logs or {}).items()}
        for name, value in row.items():
            if not math.isfinite(value):
                raise SignportError(
                    f"training.learning_rate: {row['learning_rate']:g}; {name} became {value} in epoch {epoch + 1}; "
                    "lower the learning rate or check the landmarks"
                )
        if self.settings.monitor not in row:
            raise SignportError(f"monitor {self.settings.monitor!r} is not measured; choose one of: {', '.join(row)}")
        self.history.append(row)
        best = best_epoch(self.values())
        if best == epoch:
            self.best = Snapshot.of(self.model)
        self.moment = Moment(self.model, list(self.history), best + 1, self.best, self.is_over())
        self.model.stop_training = self.is_over()
        for hook in self.hooks:
            hook(self.moment)
