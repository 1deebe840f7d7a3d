"""The input pipeline of a training: which samples come in which batch, and what augmentation makes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from signport.training.loop import Examples, FitSettings

# Examples up to this size become tensors. `tf.data` keeps two copies of those, beside the array itself; so larger ones
# stay arrays, which costs some .1 ms a batch: much for a step of an MLP on hands, nothing for one on long sequences.
_MOST_CAPTURED_BYTES = 2**27


def epoch_batches(model: keras.Model, train: "Examples", settings: "FitSettings", start: int) -> tf.data.Dataset:
    """All batches of a training from an epoch on.

    The order of an epoch, and what augmentation makes of its samples, depend on the seed and the epoch's number only.
    So a training that is resumed sees what it would have seen.

    Args:
        model: Its inputs say which columns of the examples are taken, and in which order.
        train: What to train on.
        settings: Epochs, batch size and seed.
        start: The first epoch, from 0.

    Returns:
        Batches as Keras' `fit` takes them: (inputs, targets), and weights if there are any.
    """
    names = [tensor.name for tensor in model.inputs]
    columns = [*(train.inputs[name] for name in names), train.targets]
    columns += [] if train.weights is None else [train.weights]
    size, whole = settings.batch_size, len(train) // settings.batch_size

    def order(epoch: tf.Tensor) -> tf.data.Dataset:
        rows = tf.random.experimental.stateless_shuffle(tf.range(len(train)), seed=[settings.seed, epoch])
        seeds = tf.random.split([settings.seed, epoch], whole + 1)
        # Cut into batches at once: a data set of rows that is batched takes longer than all the rest.
        batches = tf.data.Dataset.from_tensor_slices((tf.reshape(rows[: whole * size], (whole, size)), seeds[:whole]))
        rest = tf.data.Dataset.from_tensors((rows[whole * size :], seeds[whole]))
        return batches if whole * size == len(train) else batches.concatenate(rest)

    def batch(rows: tf.Tensor, seed: tf.Tensor) -> tuple[object, ...]:
        picked = pick(rows)
        inputs, targets = dict(zip(names, picked, strict=False)), picked[len(names)]
        weights = None if train.weights is None else picked[-1]
        if train.augment is not None:
            inputs, targets, weights = train.augment(inputs, targets, weights, seed)
        features = tuple(inputs[name] for name in names)
        answer = (features[0] if len(names) == 1 else features, targets)
        return answer if weights is None else (*answer, weights)

    with tf.device("/CPU:0"):  # also where the model trains elsewhere
        pick = _row_picker(columns)
        epochs = tf.data.Dataset.range(start, settings.epochs)
        # tf.data hands batches on in order, however many it has in the making.
        parallel = None if train.augment is None else tf.data.AUTOTUNE
        return epochs.flat_map(order).map(batch, num_parallel_calls=parallel).prefetch(tf.data.AUTOTUNE)


def ordered_batches(model: keras.Model, examples: "Examples", size: int) -> tf.data.Dataset:
    """Batches of `size` in the order of the examples, again and again; elements as those of `epoch_batches`."""
    names = [tensor.name for tensor in model.inputs]
    columns = [*(examples.inputs[name] for name in names), examples.targets]
    columns += [] if examples.weights is None else [examples.weights]

    def batch(rows: tf.Tensor) -> tuple[object, ...]:
        picked = pick(rows)
        features = tuple(picked[: len(names)])
        return (features[0] if len(names) == 1 else features, *picked[len(names) :])

    with tf.device("/CPU:0"):
        pick = _row_picker(columns)
        return tf.data.Dataset.range(len(examples)).batch(size).map(batch).repeat().prefetch(tf.data.AUTOTUNE)


@dataclass(frozen=True)
class Share:
    """The replicas whose rows of each batch a process takes.

    Attributes:
        first: The first of them, from 0.
        count: How many.
        replicas: All replicas of the training.
    """

    first: int
    count: int
    replicas: int

    def of(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """The rows of each of these replicas, one replica after another, batch after batch.

        The rows of a batch are shared out in their order, as evenly as they go: some replicas may have one more than
        others, and with fewer rows than replicas some have none.

        Args:
            batches: Of `epoch_batches` or `ordered_batches`; more than will be taken.

        Returns:
            Mappings: `inputs`, `targets`, `weights` if there are any, and `batch_size`, the rows of all replicas.
        """

        def rows_of_each(*batch: Any) -> tf.data.Dataset:
            size = tf.shape(batch[1], tf.int64)[0]

            def rows(replica: tf.Tensor) -> dict[str, Any]:
                start, end = replica * size // self.replicas, (replica + 1) * size // self.replicas
                parts = tf.nest.map_structure(lambda column: column[start:end], batch)
                return {**dict(zip(("inputs", "targets", "weights"), parts, strict=False)), "batch_size": size}

            return tf.data.Dataset.range(self.first, self.first + self.count).map(rows)

        shared = batches.flat_map(rows_of_each)
        # Otherwise the replicas would ask one another before each step whether there is one.
        endless = tf.data.experimental.assert_cardinality(tf.data.experimental.INFINITE_CARDINALITY)
        return shared.apply(endless).prefetch(self.count)


def _row_picker(columns: list[np.ndarray]) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """What picks rows out of arrays, for the inside of a `tf.data` pipeline."""
    if sum(column.nbytes for column in columns) <= _MOST_CAPTURED_BYTES:
        tensors = [tf.constant(column) for column in columns]
        return lambda rows: [tf.gather(tensor, rows) for tensor in tensors]

    def pick(rows: tf.Tensor) -> list[tf.Tensor]:
        # Stateless, because the arrays don't change: a stateful function would keep tf.data from running ahead.
        picked = tf.numpy_function(
            lambda numbers: [column[numbers] for column in columns],
            [rows],
            [tf.as_dtype(column.dtype) for column in columns],
            stateful=False,
        )
        for tensor, column in zip(picked, columns, strict=True):
            tensor.set_shape((None, *column.shape[1:]))
        return list(picked)

    return pick
