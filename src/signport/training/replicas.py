"""Training on several replicas of a model at once: what one epoch does under a `tf.distribute` strategy.

Keras' own `fit` would take each replica's mean loss, clip each replica's gradient, and normalize over each replica's
samples. Here a step does what one process does with the whole batch: the loss is the sum over all samples by their
number, gradients are summed before the optimizer clips and measures them, and batch normalization takes the moments of
all replicas' samples. What differs is the order of float32 sums, and dropout, which draws a mask of its own a replica.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from signport.models.registry import inference_batch
from signport.training.batches import Share, epoch_batches, ordered_batches

if TYPE_CHECKING:
    from signport.training.loop import Examples, FitSettings

# What a sample adds to each column of the history: (targets, answers) → float32 (samples,).
SampleMetrics = dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]]

# A prime far from the epochs' own seeds: what sets the dropout of one replica apart from the next one's.
_SEED_STRIDE = 1_000_003


class ReplicaSteps:
    """Steps of training and of validation, all replicas together.

    Args:
        model: Made and compiled under `strategy.scope()`.
        metrics: Columns of the history besides `loss`.
        strategy: Mirrored or MultiWorkerMirrored.
    """

    def __init__(self, model: keras.Model, metrics: SampleMetrics, strategy: tf.distribute.Strategy):
        self.model = model
        self.metrics = metrics
        self.strategy = strategy
        self._train = tf.function(lambda batches: self._run(self._train_replica, batches))
        self._test = tf.function(lambda batches: self._run(self._test_replica, batches))

    def batches(self, dataset: Callable[[Share], tf.data.Dataset]) -> Any:
        """An iterator over batches of which every replica gets its rows.

        Args:
            dataset: Share of the replicas → the rows of each of them, one after another, without end.
        """
        local = len(self.strategy.extended.worker_devices)
        replicas = self.strategy.num_replicas_in_sync
        return iter(
            self.strategy.distribute_datasets_from_function(
                lambda context: dataset(Share(context.input_pipeline_id * local, local, replicas))
            )
        )

    def train(self, batches: Any, steps: int) -> dict[str, float]:
        """Takes steps; returns the means of loss and metrics over their samples."""
        with _summed_moments(self.model):
            return self._means(self._train, batches, steps, "")

    def test(self, batches: Any, steps: int) -> dict[str, float]:
        """Measures; returns the means of `val_loss` and of the metrics."""
        return self._means(self._test, batches, steps, "val_")

    def part_dropout(self) -> None:
        """Sets the replicas' dropout apart; the first one's stays what it would be without the others."""
        states = [state for state in self.model.variables if state.path.endswith("seed_generator_state")]

        def part() -> None:
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            for state in states:
                state.assign(state + tf.cast([replica * _SEED_STRIDE, 0], state.dtype))

        if states:
            self.strategy.run(tf.function(part))

    def _means(self, step: Callable[[Any], tf.Tensor], batches: Any, steps: int, prefix: str) -> dict[str, float]:
        sums = step(batches)
        for _ in range(steps - 1):
            sums += step(batches)
        samples, *totals = sums.numpy().tolist()
        means = zip(("loss", *self.metrics), totals, strict=True)
        return {f"{prefix}{name}": total / samples for name, total in sorted(means)}  # sorted as Keras sorts them

    def _run(self, replica: Callable[[Any], tf.Tensor], batches: Any) -> tf.Tensor:
        sums = self.strategy.run(replica, args=(next(batches),))
        return self.strategy.experimental_local_results(sums)[0]

    def _train_replica(self, batch: Any) -> tf.Tensor:
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            answers, total = self._forward(batch, training=True)
            loss = total / tf.cast(batch["batch_size"], total.dtype)
        gradients = [
            tf.zeros(variable.shape) if gradient is None else tf.reshape(gradient, variable.shape)
            for variable, gradient in zip(
                variables, tape.gradient(loss, [variable.value for variable in variables]), strict=True
            )
        ]
        *gradients, sums = _all_reduced([*gradients, self._sums(batch, answers, total)])
        self.model.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return sums

    def _test_replica(self, batch: Any) -> tf.Tensor:
        answers, total = self._forward(batch, training=False)
        return _all_reduced([self._sums(batch, answers, total)])[0]

    def _forward(self, batch: Any, training: bool) -> tuple[tf.Tensor, tf.Tensor]:
        """The answers to a replica's rows, and its part of the batch's summed loss."""
        answers = self.model(batch["inputs"], training=training)
        losses = self.model.loss.call(batch["targets"], answers)
        if "weights" in batch:
            losses *= batch["weights"]
        penalty = tf.add_n(self.model.losses) if self.model.losses else tf.zeros((), losses.dtype)
        share = tf.cast(batch["batch_size"], losses.dtype) / self.strategy.num_replicas_in_sync
        return answers, tf.reduce_sum(losses) + penalty * share

    def _sums(self, batch: Any, answers: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
        """Samples, summed loss, and each metric's sum over a replica's rows, float32 (2 + metrics,)."""
        targets = batch["targets"]
        measured = [tf.reduce_sum(tf.cast(metric(targets, answers), tf.float32)) for metric in self.metrics.values()]
        return tf.stack([tf.cast(tf.shape(targets)[0], tf.float32), total, *measured])


def fit_replicas(
    replicas: ReplicaSteps,
    train: "Examples",
    validation: "Examples | None",
    settings: "FitSettings",
    start: int,
    steps: int,
    driver: keras.callbacks.Callback,
) -> None:
    """What Keras' `fit` is where there is one replica: epochs, until the driver stops them.

    Args:
        replicas: The model's.
        train: What to train on.
        validation: What to measure `val_…` on.
        settings: Epochs, batch size and seed.
        start: The first epoch, from 0.
        steps: Steps an epoch.
        driver: Is told of the training's and each epoch's begin and end.
    """
    model = replicas.model
    driver.set_model(model)
    driver.set_params({"epochs": settings.epochs, "steps": steps})
    driver.on_train_begin()
    model.stop_training = False
    batches = replicas.batches(lambda share: share.of(epoch_batches(model, train, settings, start)))
    if validation is not None:
        size = max(settings.batch_size, inference_batch(model))
        held_back = replicas.batches(lambda share: share.of(ordered_batches(model, validation, size)))
    for epoch in range(start, settings.epochs):
        driver.on_epoch_begin(epoch)
        replicas.part_dropout()
        logs = replicas.train(batches, steps)
        if validation is not None:
            logs |= replicas.test(held_back, math.ceil(len(validation) / size))
        driver.on_epoch_end(epoch, logs)
        if model.stop_training:
            break


def _all_reduced(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Sums of float32 tensors over all replicas, exchanged as one vector: many small messages would take longer."""
    context = tf.distribute.get_replica_context()
    flat = tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)
    summed = context.all_reduce(tf.distribute.ReduceOp.SUM, flat)
    parts = tf.split(summed, [tensor.shape.num_elements() for tensor in tensors])
    return [tf.reshape(part, tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


@contextmanager
def _summed_moments(model: keras.Model) -> Iterator[None]:
    """Lets batch normalization take its moments over all replicas while the training step is traced.

    Keras' `synchronized=True` would stay in the model's configuration, knows no masks, and takes E[x²] - E[x]², which
    loses digits where the mean is large; these are two passes, as one process makes them.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for norm in norms:
        norm._moments = _moments_of(norm)  # noqa: SLF001 - Keras has no public place to set
    try:
        yield
    finally:
        for norm in norms:
            del norm._moments  # noqa: SLF001


def _moments_of(norm: keras.layers.BatchNormalization) -> Callable[[tf.Tensor, Any], tuple[tf.Tensor, tf.Tensor]]:
    def moments(x: tf.Tensor, mask: Any) -> tuple[tf.Tensor, tf.Tensor]:
        axes = [axis for axis in range(len(x.shape)) if axis != norm.axis % len(x.shape)]
        kept = (
            tf.ones_like(x, tf.bool) if mask is None else tf.cast(mask, tf.bool)[..., None] & tf.ones_like(x, tf.bool)
        )
        # Where only masked frames are left, Keras' own small number keeps the quotient finite.
        epsilon = 0.0 if mask is None else keras.config.epsilon()

        def total(values: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(tf.where(kept, values, 0.0), axes)

        summed, count = _all_reduced([total(x), total(tf.ones_like(x))])
        mean = summed / (count + epsilon)
        shape = [1 if axis in axes else -1 for axis in range(len(x.shape))]
        (squares,) = _all_reduced([total(tf.square(x - tf.reshape(mean, shape)))])
        return mean, squares / (count + epsilon)

    return moments
