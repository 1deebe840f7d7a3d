from itertools import chain

import keras
import numpy as np
import pytest

from signport.errors import SignportError
from signport.training.devices import on_device, seed_everything
from signport.training.loop import Examples, FitSettings, Snapshot, fit
from signport.training.optimizer import compile_model
from signport.training.schedule import Schedule


class OrderRecorder(keras.layers.Layer):
    """Keeps the ids (second feature) of the training batches that pass."""

    seen: list[list[int]]

    def __init__(self, **options):
        super().__init__(**options)
        self.seen = []

    def call(self, inputs, training=False):
        import tensorflow as tf

        if training:
            ids = tf.numpy_function(self._note, [inputs[:, 1]], tf.float32)
            return inputs[:, :1] + 0.0 * tf.reshape(ids, (-1, 1))
        return inputs[:, :1]

    def _note(self, ids):
        self.seen.append([int(value) for value in ids])
        return ids


def _examples(count=40, weights=None):
    x = np.random.default_rng(0).normal(size=count).astype(np.float32)
    features = np.stack([x, np.arange(count, dtype=np.float32)], axis=1)
    return Examples({"x": features}, np.eye(2, dtype=np.float32)[(x > 0).astype(int)], weights)


def _model(recorder=None, dropout=0.0):
    seed_everything(0)
    features = keras.Input((2,), name="x")
    hidden = recorder(features) if recorder else features[:, :1]
    hidden = keras.layers.Dropout(dropout)(keras.layers.Dense(8, activation="relu")(hidden))
    model = keras.Model(features, keras.layers.Softmax()(keras.layers.Dense(2)(hidden)))
    compile_model(model, keras.losses.CategoricalCrossentropy(), learning_rate=0.05)
    return model


def _orders(settings, history=()):
    recorder = OrderRecorder()
    fit(_model(recorder), _examples(), None, settings, history=history)
    steps = -(-40 // settings.batch_size)
    return [list(chain(*recorder.seen[start : start + steps])) for start in range(0, len(recorder.seen), steps)]


def _row(epoch):
    return {"epoch": epoch, "learning_rate": 0.1, "loss": 9.0 - epoch}


def test_an_epoch_sees_every_sample_once_in_an_order_of_its_own():
    orders = _orders(FitSettings(epochs=3, batch_size=16, monitor="loss"))
    assert [sorted(order) for order in orders] == [list(range(40))] * 3
    assert len({tuple(order) for order in orders}) == 3


def test_the_order_depends_on_seed_and_epoch_only():
    settings = FitSettings(epochs=4, batch_size=16, seed=5, monitor="loss")
    orders = _orders(settings)
    assert _orders(settings, history=[_row(1), _row(2)]) == orders[2:]
    assert _orders(FitSettings(epochs=4, batch_size=8, seed=5, monitor="loss")) == orders
    assert _orders(FitSettings(epochs=4, batch_size=16, seed=6, monitor="loss")) != orders


def test_dropout_depends_on_seed_and_epoch_only():
    settings = FitSettings(epochs=3, batch_size=16, monitor="loss")
    snapshots = []
    model = _model(dropout=0.5)
    straight = fit(
        model, _examples(), None, settings, hooks=[lambda moment: snapshots.append(Snapshot.of(moment.model))]
    )
    again = _model(dropout=0.5)
    again.optimizer.build(again.trainable_variables)
    snapshots[1].restore(again)
    resumed = fit(again, _examples(), None, settings, history=straight.history[:2])
    assert resumed.history == straight.history
    for mine, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_schedule_sets_the_learning_rate_of_each_epoch():
    schedule = Schedule(kind="cosine", peak=0.1, epochs=4)
    moment = fit(_model(), _examples(), None, FitSettings(4, 16, schedule=schedule, monitor="loss"))
    rates = [row["learning_rate"] for row in moment.history]
    assert rates == pytest.approx([schedule.rate(epoch, []) for epoch in range(4)])


def test_a_plateau_lowers_the_learning_rate():
    flat = Examples(_examples().inputs, np.full((40, 2), 0.5, np.float32))
    schedule = Schedule(kind="plateau", peak=1e-12, plateau_factor=0.5, plateau_patience=2)
    model = _model()
    model.get_layer(index=-2).set_weights([np.zeros((8, 2)), np.zeros(2)])
    moment = fit(model, flat, flat, FitSettings(5, 64, schedule=schedule))
    rates = [row["learning_rate"] for row in moment.history]
    assert rates == pytest.approx([1e-12, 1e-12, 1e-12, 5e-13, 5e-13])


def test_training_stops_early_and_knows_its_best_epoch():
    examples = _examples()
    wrong = Examples(examples.inputs, 1 - examples.targets)
    moments = []
    settings = FitSettings(50, 16, schedule=Schedule(peak=0.05), patience=3)
    last = fit(_model(), examples, wrong, settings, hooks=[moments.append])
    assert last.best_epoch == 1  # whatever is learnt is wrong there
    assert len(moments) == 4
    assert [moment.is_last for moment in moments] == [False, False, False, True]


def test_best_accuracy_can_choose_the_epoch():
    examples = _examples()
    last = fit(_model(), examples, examples, FitSettings(8, 8, schedule=Schedule(peak=0.05), monitor="val_accuracy"))
    accuracies = [row["val_accuracy"] for row in last.history]
    assert accuracies[last.best_epoch - 1] == max(accuracies)
    assert accuracies.index(max(accuracies)) == last.best_epoch - 1


def test_a_snapshot_brings_back_model_and_optimizer():
    model = _model()
    settings = FitSettings(1, 16, schedule=Schedule(peak=0.05), monitor="loss")
    fit(model, _examples(), None, settings)
    before = Snapshot.of(model)
    fit(model, _examples(), None, settings)
    before.restore(model)
    after = Snapshot.of(model)
    for old, new in zip(before.model + before.optimizer, after.model + after.optimizer, strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_decide_what_counts():
    examples = _examples()
    flipped = examples.targets.copy()
    flipped[20:] = 1 - flipped[20:]
    weights = np.r_[np.ones(20), np.zeros(20)].astype(np.float32)
    model = _model()
    fit(
        model,
        Examples(examples.inputs, flipped, weights),
        None,
        FitSettings(30, 16, schedule=Schedule(peak=0.05), monitor="loss"),
    )
    answers = model.predict(examples.inputs["x"], verbose=0).argmax(axis=1)
    assert (answers == examples.targets.argmax(axis=1)).mean() > 0.9


def test_a_complete_history_leaves_nothing_to_do():
    assert fit(_model(), _examples(), None, FitSettings(2, 16, monitor="loss"), history=[_row(1), _row(2)]) is None


def test_a_loss_that_is_not_finite_names_the_learning_rate():
    settings = FitSettings(3, 16, schedule=Schedule(peak=1e38), monitor="loss")
    with pytest.raises(SignportError, match=r"training\.learning_rate: 1e\+38; \w+ became (nan|inf) in epoch"):
        fit(_model(), _examples(), None, settings)


def test_what_is_monitored_must_be_measured():
    with pytest.raises(SignportError, match="'val_loss' is not measured; choose one of: epoch, learning_rate"):
        fit(_model(), _examples(), None, FitSettings(1, 16))


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
    with pytest.raises(SignportError, match="device: gpu; TensorFlow sees no GPU"), on_device("gpu"):
        pass


def _steps(norms, batch_size=40, clip=0.0, epochs=2, **options):
    model = _model()
    compile_model(
        model,
        keras.losses.CategoricalCrossentropy(),
        learning_rate=0.05,
        gradient_norm=norms,
        gradient_clip_norm=clip,
    )
    settings = FitSettings(epochs, batch_size, schedule=Schedule(peak=0.05), monitor="loss")
    return model, fit(model, _examples(), None, settings, **options).history


def test_the_gradient_norm_is_that_of_all_gradients_before_the_step():
    import tensorflow as tf

    model, examples = _model(), _examples()
    with tf.GradientTape() as tape:
        loss = model.loss(examples.targets, model(examples.inputs["x"]))
    expected = np.sqrt(sum(np.sum(np.square(one)) for one in tape.gradient(loss, model.trainable_variables)))
    assert _steps(norms=True)[1][0]["gradient_norm"] == pytest.approx(expected, rel=1e-5)
    assert _steps(norms=True, clip=1e-3)[1][0]["gradient_norm"] == pytest.approx(expected, rel=1e-5)


def test_the_gradient_norm_is_the_mean_over_an_epoch_s_steps():
    one_by_one = []
    model, history = _steps(norms=True, batch_size=8, epochs=1)
    sums = float(model.optimizer.gradient_norms)
    assert history[0]["gradient_norm"] == pytest.approx(sums / 5)
    _, longer = _steps(norms=True, batch_size=8, epochs=3, hooks=[lambda moment: one_by_one.append(moment.history[-1])])
    assert longer[0] == history[0]  # the sum starts anew in each epoch
    assert one_by_one[2]["gradient_norm"] < 2 * history[0]["gradient_norm"]


def test_measuring_gradients_does_not_change_the_training():
    (plain, history), (measured, rows) = _steps(norms=False), _steps(norms=True)
    assert "gradient_norm" not in history[0]
    assert [{**row, "gradient_norm": 0.0} for row in history] == [{**row, "gradient_norm": 0.0} for row in rows]
    for one, other in zip(plain.get_weights(), measured.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_clipped_gradients_make_small_steps():
    start = _model().get_weights()
    # Adam forgets a gradient's size, unless that is as small as its epsilon, 1e-7.
    moves = [
        max(
            np.abs(one - other).max()
            for one, other in zip(_steps(False, clip=clip)[0].get_weights(), start, strict=True)
        )
        for clip in (0.0, 1e-9)
    ]
    assert moves[0] > 0.05
    assert moves[1] < 0.01


@pytest.mark.parametrize(("classes", "measured"), [(5, False), (6, True)])
def test_top_5_is_measured_where_there_are_more_than_five_classes(classes, measured):
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    labels = np.arange(60) % classes
    features = keras.Input((2,), name="x")
    model = keras.Model(features, keras.layers.Dense(classes, activation="softmax")(features))
    compile_model(model, keras.losses.CategoricalCrossentropy(), learning_rate=0.01)
    examples = Examples({"x": x}, np.eye(classes, dtype=np.float32)[labels])
    row = fit(model, examples, examples, FitSettings(1, 16, schedule=Schedule(peak=0.01))).history[0]
    assert ("top5_accuracy" in row) == ("val_top5_accuracy" in row) == measured
    if measured:
        from signport.training.metrics import measure

        answers = measure(model.predict(x, verbose=0), labels, tuple("ABCDEF"))
        assert row["val_top5_accuracy"] == pytest.approx(answers.top5)
