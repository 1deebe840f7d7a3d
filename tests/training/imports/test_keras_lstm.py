from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.run_cli import run_cli
from tests.training.tiny_sequence import made_up_clips

import signport as sp
from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.landmarks.topology import topology_named
from signport.models.registry import predict
from signport.training.imports.legacy_h5 import read_legacy_h5

FRAMES, CLASSES = 6, ("A", "B", "C")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> LandmarkCache:
    return made_up_clips().write(tmp_path_factory.mktemp("signs") / "signs.parquet")


@pytest.fixture(scope="session")
def clips(cache: LandmarkCache) -> np.ndarray:
    """What such projects keep: (samples, frames, 225), zeros for what is missing."""
    landmarks = cache.clips(topology_named("pose_hands_75"), FRAMES)
    return np.nan_to_num(landmarks).reshape(len(cache), FRAMES, 225)


def _tutorial(activation: str, width: int = 225):
    """The network of the "action recognition" tutorials, in small."""
    from tf_keras import Sequential, layers

    return Sequential(
        [
            layers.LSTM(10, return_sequences=True, activation=activation, input_shape=(FRAMES, width)),
            layers.LSTM(12, return_sequences=True, activation=activation),
            layers.LSTM(8, activation=activation),
            layers.Dense(8, activation="relu"),
            layers.Dense(6, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def _normalized():
    """One with normalizations in four places, which its training has moved."""
    from tf_keras import Sequential, layers

    model = Sequential(
        [
            layers.BatchNormalization(input_shape=(FRAMES, 225)),
            layers.LSTM(10, return_sequences=True),
            layers.BatchNormalization(epsilon=1e-2),
            layers.Dropout(0.3),
            layers.LSTM(8),
            layers.BatchNormalization(),
            layers.Dense(8),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.fixture(scope="session")
def action(cache, clips, tmp_path_factory) -> Path:
    """The folder of an old project: action.h5, its weights alone, preprocess_params.npz and what it answers."""
    return _old_project(tmp_path_factory.mktemp("action"), "relu", cache, clips)


def _old_project(folder: Path, activation: str, cache: LandmarkCache, clips: np.ndarray) -> Path:
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    mean, std = clips.mean(axis=(0, 1)), clips.std(axis=(0, 1))
    model = _tutorial(activation)
    model.compile(tf_keras.optimizers.Adam(3e-3, clipnorm=1.0), "sparse_categorical_crossentropy")
    model.fit((clips - mean) / std, cache.labels, epochs=20, batch_size=16, verbose=0)
    model.save(folder / "action.h5")
    model.save_weights(folder / "weights.h5")
    np.savez(folder / "preprocess_params.npz", mean=mean[None], std=std[None], actions=np.array(CLASSES))
    np.savez(folder / "answers.npz", inputs=clips, outputs=model.predict((clips - mean) / std, verbose=0))
    return folder


def _keras_2(model, folder: Path, clips: np.ndarray) -> dict[str, Path]:
    model.save(folder / "action.h5")
    np.savez(folder / "answers.npz", inputs=clips, outputs=model.predict(clips, verbose=0))
    return {"path": folder / "action.h5", "answers": folder / "answers.npz"}


def test_the_tutorials_lstm_comes_over(action, cache, clips, tmp_path, monkeypatch, capsys):
    options = ["--params", action / "preprocess_params.npz", "--answers", action / "answers.npz", "--data", cache.path]
    options += ["--runs", tmp_path, "--name", "action"]
    assert run_cli(monkeypatch, "import", "keras-lstm", action / "action.h5", *options) == 0
    said = capsys.readouterr().out
    assert "lstm: answers 72 samples as the original does" in said
    run = sp.Run.open(tmp_path / "action")
    assert run.recipe.model.units == (10, 12, 8)
    assert (run.recipe.model.hidden, run.recipe.model.dense) == (8, (6,))
    landmarks = cache.clips(topology_named("pose_hands_75"), FRAMES)
    with np.load(action / "answers.npz") as arrays:
        np.testing.assert_allclose(predict(run.model(), {"landmarks": landmarks}), arrays["outputs"], rtol=0, atol=1e-4)
    # A training from this recipe builds the same network.
    assert [weight.shape for weight in run.family.build(run.config, 3).weights] == [
        weight.shape for weight in run.model().weights
    ]


def test_one_with_tanh_exports_to_every_format(cache, clips, tmp_path):
    folder = _old_project(tmp_path, "tanh", cache, clips)
    files = {"params": folder / "preprocess_params.npz", "answers": folder / "answers.npz", "runs": tmp_path}
    run = sp.import_keras_lstm(folder / "action.h5", cache, **files)
    assert run.record["imported"]["answers"]["largest_difference"] < 1e-5
    metrics = sp.export_tflite(run).card["metrics"]
    assert {"float32", "float16", "dynamic", "int8"} <= set(metrics)
    assert metrics["int8"]["top1"] == 1
    assert metrics["int8"]["sqnr_db"] >= 30


def test_weights_alone_come_over_with_their_activation(action, cache, tmp_path):
    files = {"params": action / "preprocess_params.npz", "answers": action / "answers.npz", "runs": tmp_path}
    run = sp.import_keras_lstm(action / "weights.h5", cache, activation="relu", frames=FRAMES, **files)
    assert run.record["imported"]["answers"]["largest_difference"] < 1e-4
    with pytest.raises(SignportError, match="say which activation its LSTMs have: --activation tanh or relu"):
        sp.import_keras_lstm(action / "weights.h5", cache, frames=FRAMES, **files)
    with pytest.raises(SignportError, match="the imported model is another one"):
        sp.import_keras_lstm(action / "weights.h5", cache, activation="tanh", frames=FRAMES, **files)


def test_normalizations_are_kept_or_folded(cache, clips, tmp_path):
    files = _keras_2(_normalized(), tmp_path, clips)
    run = sp.import_keras_lstm(data=cache, labels=CLASSES, runs=tmp_path, **files)
    assert run.record["imported"]["answers"]["largest_difference"] < 1e-5
    norm = [np.asarray(weight) for weight in run.model().get_layer("norm").weights]
    assert norm[2].std() > 0.1  # the moving mean is the original's, so that training can go on


def test_hands_alone_come_over(cache, clips, tmp_path):
    files = _keras_2(_tutorial("tanh", 126), tmp_path, clips[:, :, 99:])
    run = sp.import_keras_lstm(data=cache, labels="A,B,C", runs=tmp_path, **files)
    assert run.record["imported"]["answers"]["largest_difference"] < 1e-5


@pytest.mark.parametrize(
    ("width", "message"),
    [
        (258, "takes 258 numbers a frame, the pose's visibility among them.*`signport import frames DIR"),
        (1662, "takes 1662 numbers a frame, the pose's visibility and 468 face points among them"),
        (77, "takes 77 numbers a frame, which are not 225 of pose and hands"),
    ],
)
def test_other_vectors_are_refused_with_the_way_on(width, message, cache, tmp_path):
    _tutorial("relu", width).save(tmp_path / "action.h5")
    with pytest.raises(SignportError, match=message):
        sp.import_keras_lstm(tmp_path / "action.h5", cache, labels=CLASSES, runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_layers_that_the_family_lacks_are_refused_by_name(cache, tmp_path):
    from tf_keras import Sequential, layers

    for name, made in (
        ("lambda", layers.Lambda(lambda x: x, name="mine")),
        ("both", layers.Bidirectional(layers.LSTM(4), name="mine")),
    ):
        end = [layers.Dense(4, activation="relu"), layers.Dense(3, activation="softmax")]
        Sequential([layers.Input((FRAMES, 225)), layers.LSTM(4, return_sequences=name == "both"), made, *end]).save(
            tmp_path / f"{name}.h5"
        )
        with pytest.raises(SignportError, match=r"layer 'mine' is (Lambda|Bidirectional); only LSTM, BatchNorm"):
            sp.import_keras_lstm(tmp_path / f"{name}.h5", cache, labels=CLASSES, runs=tmp_path)


def test_weights_kept_in_another_file_are_not_read(action, tmp_path):
    linked = tmp_path / "linked.h5"
    linked.write_bytes((action / "weights.h5").read_bytes())
    with h5py.File(linked, "r+") as file:
        layer = next(iter(file.attrs["layer_names"]))
        name = file[layer].attrs["weight_names"][0]
        del file[layer][name]
        file[layer][name] = h5py.ExternalLink(str(action / "weights.h5"), f"{layer}/{name}")
    with pytest.raises(SignportError, match="a link, not data"):
        read_legacy_h5(linked)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a .keras archive", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_files_that_are_no_keras_model_are_one_line(content, tmp_path, monkeypatch, capsys, cache):
    (tmp_path / "action.h5").write_bytes(content)
    assert run_cli(monkeypatch, "import", "keras-lstm", tmp_path / "action.h5", "--data", cache.path) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "action.h5: not " in said


def test_a_cache_without_a_class_or_with_another_is_refused(action, cache, tmp_path):
    files = {"params": action / "preprocess_params.npz", "runs": tmp_path}
    with pytest.raises(SignportError, match=r"has samples of C, which the model does not know.*A, B, D"):
        sp.import_keras_lstm(action / "action.h5", cache, labels="A,B,D", **files)
    fewer = cache.take(np.flatnonzero(cache.labels != 2))
    with pytest.raises(SignportError, match="has no sample of C"):
        sp.import_keras_lstm(action / "action.h5", fewer, **files)
    assert not list(tmp_path.iterdir())
