import io
import json
import zipfile

import keras
import numpy as np
import pytest

from signport.errors import SignportError
from signport.training.checkpoint import Checkpoints, TrainingState, keras_archive, load_checkpoint, load_model
from signport.training.devices import seed_everything
from signport.training.loop import Examples, FitSettings, Schedule, Snapshot, fit
from signport.training.optimizer import compile_model

STATE = TrainingState("mlp", "d1gest", ("A", "B"), ())


def _model():
    seed_everything(0)
    features = keras.Input((3,), name="x")
    hidden = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(4, name="dense")(features))
    model = keras.Model(features, keras.layers.Dense(2, activation="softmax", name="out")(hidden), name="small")
    compile_model(model, keras.losses.CategoricalCrossentropy(), learning_rate=0.05, weight_decay=0.01)
    return model


def _examples():
    x = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    return Examples({"x": x}, np.eye(2, dtype=np.float32)[(x[:, 0] > 0).astype(int)])


def _trained(folder, epochs=5, every=2):
    moments, states = [], []
    checkpoints = Checkpoints(folder, every, STATE)
    hooks = [moments.append, lambda moment: states.append(Snapshot.of(moment.model)), checkpoints]
    settings = FitSettings(epochs, 8, schedule=Schedule(peak=0.05))
    fit(_model(), _examples(), _examples(), settings, hooks=hooks)
    return moments, states


def _same(model, snapshot):
    mine = Snapshot.of(model)
    pairs = zip(mine.model + mine.optimizer, snapshot.model + snapshot.optimizer, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def test_last_best_and_every_nth_epoch_are_kept_with_model_optimizer_and_history(tmp_path):
    moments, states = _trained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.keras",
        "epoch-002.keras",
        "epoch-004.keras",
        "last.keras",
    ]
    history = moments[-1].history
    best = moments[-1].best_epoch
    for name, epoch in (("epoch-002", 2), ("epoch-004", 4), ("last", 5), ("best", best)):
        model, state = load_checkpoint(tmp_path / f"{name}.keras")
        assert state.epoch == epoch
        assert list(state.history) == history[:epoch]
        assert (state.family, state.recipe_digest, state.classes) == ("mlp", "d1gest", ("A", "B"))
        assert _same(model, states[epoch - 1]), name


def test_writing_the_best_epoch_leaves_the_training_as_it_was(tmp_path):
    moments, states = _trained(tmp_path / "with")
    plain = []
    fit(
        _model(),
        _examples(),
        _examples(),
        FitSettings(5, 8, schedule=Schedule(peak=0.05)),
        hooks=[lambda moment: plain.append(Snapshot.of(moment.model))],
    )
    for one, other in zip(states[-1].model, plain[-1].model, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(moments) == 5


def test_the_same_model_gives_the_same_bytes():
    assert keras_archive(_model()) == keras_archive(_model())


def test_an_archive_is_a_keras_file_without_times(tmp_path):
    model = _model()
    path = tmp_path / "model.keras"
    path.write_bytes(keras_archive(model))
    with zipfile.ZipFile(path) as archive:
        assert "date_saved" not in json.loads(archive.read("metadata.json"))
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(load_model(path).predict(x, verbose=0), model.predict(x, verbose=0))


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "flipped"])
def test_a_damaged_checkpoint_is_one_clear_line(tmp_path, damage):
    _trained(tmp_path, epochs=2)
    path = tmp_path / "last.keras"
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    path.write_bytes({"truncated": content[: len(content) // 2], "text": b"hello", "empty": b""}.get(damage, content))
    with pytest.raises(SignportError, match=r"last\.keras: damaged, or not a model of signport") as raised:
        load_checkpoint(path)
    assert "\n" not in str(raised.value)


def test_a_plain_keras_model_is_no_checkpoint(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(keras_archive(_model()))
    with pytest.raises(SignportError, match="a Keras model, but not a checkpoint"):
        load_checkpoint(path)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(SignportError, match=r"last\.keras: no such model"):
        load_checkpoint(tmp_path / "last.keras")


def test_pickled_code_is_not_run(tmp_path):
    features = keras.Input((3,), name="x")
    content = keras_archive(keras.Model(features, keras.layers.Lambda(lambda x: x * 2)(features)))
    assert zipfile.is_zipfile(io.BytesIO(content))
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    with pytest.raises(SignportError, match="damaged, or not a model of signport"):
        load_model(path)


@pytest.mark.parametrize(("keep", "kept"), [(0, [1, 2, 3, 4, 5]), (2, [4, 5]), (9, [1, 2, 3, 4, 5])])
def test_the_newest_numbered_checkpoints_stay(tmp_path, keep, kept):
    hooks = [Checkpoints(tmp_path, 1, STATE, keep)]
    fit(_model(), _examples(), _examples(), FitSettings(5, 8, schedule=Schedule(peak=0.05)), hooks=hooks)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best.keras",
        *(f"epoch-{number:03d}.keras" for number in kept),
        "last.keras",
    ]


def test_a_best_epoch_that_is_the_last_one_is_written_once_under_both_names(tmp_path):
    moments, _ = _trained(tmp_path, epochs=4)
    assert moments[-1].best_epoch == 4
    assert (tmp_path / "best.keras").read_bytes() == (tmp_path / "last.keras").read_bytes()
