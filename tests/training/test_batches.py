import keras
import numpy as np
import pytest
from tests.datasets.made_up_clips import made_up_clip

from signport.datasets.sequence_augmentation import SequenceAugmentation
from signport.landmarks.topology import UPPER_59
from signport.training import batches
from signport.training.batches import epoch_batches
from signport.training.devices import seed_everything
from signport.training.loop import Examples, FitSettings, Snapshot, fit
from signport.training.optimizer import compile_model
from signport.training.schedule import Schedule

COUNT, FRAMES = 22, 12


def _examples(augmentation=None, weights=True):
    clips = np.stack([made_up_clip(UPPER_59, FRAMES, FRAMES - row % 5, seed=row) for row in range(COUNT)])
    labels = np.arange(COUNT) % 3
    clips[..., 1] += 0.2 * labels[:, None, None]
    augment = augmentation and augmentation.on_the_fly(UPPER_59)
    return Examples(
        {"landmarks": clips},
        np.eye(3, dtype=np.float32)[labels],
        np.linspace(1, 2, COUNT, dtype=np.float32) if weights else None,
        augment,
    )


@keras.saving.register_keras_serializable("signport_tests")
class NoMissing(keras.layers.Layer):
    def call(self, values):
        return keras.ops.where(keras.ops.isnan(values), 0.0, values)


def _model():
    seed_everything(0)
    landmarks = keras.Input((FRAMES, 59, 3), name="landmarks")
    hidden = keras.layers.Dropout(0.2)(keras.layers.Flatten()(NoMissing()(landmarks)))
    model = keras.Model(landmarks, keras.layers.Softmax()(keras.layers.Dense(3)(hidden)))
    compile_model(model, keras.losses.CategoricalCrossentropy(), learning_rate=1e-3)
    return model


def _batches(examples, epochs=3, start=0, seed=1, batch_size=8):
    settings = FitSettings(epochs, batch_size, seed=seed)
    return [[values.numpy() for values in batch] for batch in epoch_batches(_model(), examples, settings, start)]


def _assert_same(some, others):
    assert len(some) == len(others)
    for batch, other in zip(some, others, strict=True):
        for values, other_values in zip(batch, other, strict=True):
            np.testing.assert_array_equal(values, other_values)


@pytest.mark.parametrize("batch_size", [8, 11, 22, 50])
def test_an_epoch_s_batches_hold_every_sample_once_with_its_target_and_weight(batch_size):
    examples = _examples()
    found = _batches(examples, epochs=2, batch_size=batch_size)
    steps = -(-COUNT // batch_size)
    assert [len(batch[0]) for batch in found] == 2 * (
        [batch_size] * (COUNT // batch_size) + [COUNT % batch_size] * (COUNT % batch_size > 0)
    )
    for epoch in range(2):
        clips, targets, weights = (
            np.concatenate(values) for values in zip(*found[epoch * steps : (epoch + 1) * steps], strict=True)
        )
        rows = [np.flatnonzero(examples.weights == weight)[0] for weight in weights]
        assert sorted(rows) == list(range(COUNT))
        np.testing.assert_array_equal(clips, examples.inputs["landmarks"][rows])
        np.testing.assert_array_equal(targets, examples.targets[rows])


def test_batches_depend_on_seed_and_epoch_only():
    examples = _examples(SequenceAugmentation())
    straight = _batches(examples)
    _assert_same(_batches(examples), straight)
    _assert_same(_batches(examples, start=2), straight[6:])
    assert not np.array_equal(_batches(examples, seed=2)[0][1], straight[0][1])


def test_each_epoch_makes_something_else_of_a_sample():
    augmentation = SequenceAugmentation(rotation=1.0, mixup=0.0)
    found = _batches(_examples(augmentation), epochs=2)
    first_epoch, second_epoch = (
        np.concatenate([batch[0] for batch in found[part]]) for part in (slice(3), slice(3, 6))
    )
    weights = [np.concatenate([batch[2] for batch in found[part]]) for part in (slice(3), slice(3, 6))]
    first_epoch, second_epoch = first_epoch[weights[0].argsort()], second_epoch[weights[1].argsort()]
    for before, after in zip(first_epoch, second_epoch, strict=True):
        assert not np.array_equal(before, after, equal_nan=True)


def test_large_examples_stay_where_they_are_and_give_the_same_batches(monkeypatch):
    examples = _examples(SequenceAugmentation())
    captured = _batches(examples)
    monkeypatch.setattr(batches, "_MOST_CAPTURED_BYTES", 0)
    _assert_same(_batches(examples), captured)


def test_mixup_keeps_targets_that_sum_to_one_and_mixes_weights():
    found = _batches(_examples(SequenceAugmentation(mixup=1.0)), epochs=1)
    targets, weights = (np.concatenate([batch[part] for batch in found]) for part in (1, 2))
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    assert ((targets > 0.01) & (targets < 0.99)).any()
    assert len(set(weights.tolist()) - set(_examples().weights.tolist())) > COUNT // 3
    assert len(_batches(_examples(SequenceAugmentation(mixup=1.0), weights=False), epochs=1)[0]) == 2


def test_an_augmented_training_that_is_resumed_ends_the_same():
    settings = FitSettings(4, 8, monitor="loss", schedule=Schedule(peak=1e-3))
    examples = _examples(SequenceAugmentation())
    snapshots = []
    straight_model = _model()
    hook = lambda moment: snapshots.append(Snapshot.of(moment.model))  # noqa: E731
    straight = fit(straight_model, examples, examples, settings, hooks=[hook])
    model = _model()
    snapshots[1].restore(model)
    resumed = fit(model, examples, examples, settings, history=straight.history[:2])
    assert resumed.history == straight.history
    for mine, theirs in zip(model.get_weights(), straight_model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_augmented_clips_are_trained_on():
    plain, augmented = (
        fit(_model(), _examples(kind), None, FitSettings(2, 8, monitor="loss", schedule=Schedule(peak=1e-3))).history
        for kind in (None, SequenceAugmentation())
    )
    assert plain[0]["loss"] != augmented[0]["loss"]
