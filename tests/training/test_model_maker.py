"""The genuine Model Maker as a trainer of gesture heads."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest

from signport.errors import SignportError
from signport.training import model_maker, model_maker_child
from signport.training.model_maker import HeadWeights, train_head_with_model_maker

NAMES = ["None", "A", "B", "C"]
SETTINGS = {"epochs": 6, "batch_size": 32, "learning_rate": 0.005, "seed": 3}

needs_model_maker = pytest.mark.skipif(
    importlib.util.find_spec("mediapipe_model_maker") is None or importlib.util.find_spec("official") is None,
    reason="mediapipe-model-maker is not installed (uv sync --group model-maker)",
)


def clusters(samples, seed):
    """Four classes that lie apart in 8 of 128 dimensions, sorted by class: the order a folder gives."""
    random = np.random.default_rng(seed)
    labels = np.sort(np.arange(samples) % len(NAMES))
    embeddings = random.normal(0, 1, (samples, 128)).astype(np.float32)
    embeddings[:, :8] += 4 * np.random.default_rng(0).normal(0, 1, (len(NAMES), 8))[labels]
    return embeddings, labels


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model_maker")
    weights = train_head_with_model_maker(*clusters(400, 1), NAMES, clusters(80, 2), workdir=folder, **SETTINGS)
    return weights, folder


@needs_model_maker
def test_head_has_exactly_512_plus_129_parameters_a_class(trained):
    assert trained[0].num_parameters == 512 + 129 * len(NAMES)


@needs_model_maker
def test_head_has_learnt_the_classes(trained):
    embeddings, labels = clusters(200, 5)
    probabilities = trained[0].probabilities(embeddings)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.9


@needs_model_maker
def test_learning_rate_decays_by_a_hundredth_each_epoch(trained):
    history = trained[0].history
    np.testing.assert_allclose(history["lr"], 0.005 * 0.99 ** np.arange(6), rtol=1e-5)
    assert history["val_loss"][-1] < history["val_loss"][0]


@needs_model_maker
def test_only_the_log_stays_in_the_work_folder(trained):
    _, folder = trained
    assert [path.name for path in folder.iterdir()] == ["model_maker.log"]
    assert "custom_gesture_recognizer_" in (folder / "model_maker.log").read_text()


@needs_model_maker
def test_same_seed_gives_the_same_weights(trained):
    again = train_head_with_model_maker(*clusters(400, 1), NAMES, clusters(80, 2), **SETTINGS)
    np.testing.assert_array_equal(again.kernel, trained[0].kernel)
    np.testing.assert_array_equal(again.moving_variance, trained[0].moving_variance)


@needs_model_maker
def test_weights_answer_the_same_in_signports_gesture_head(trained):
    from signport.models.gesture_head import GestureHeadConfig, build

    weights, _ = trained
    model = build(GestureHeadConfig(), len(NAMES))
    norm = model.get_layer("norm")
    norm.set_weights([weights.gamma, weights.beta, weights.moving_mean, weights.moving_variance])
    model.get_layer("logits").set_weights([weights.kernel, weights.bias])
    assert norm.epsilon == weights.epsilon
    assert model.count_params() == weights.num_parameters
    embeddings, _ = clusters(40, 6)
    np.testing.assert_allclose(model(embeddings), weights.probabilities(embeddings), atol=1e-5)


class Layer:
    """As much of a Keras layer as the child looks at."""

    epsilon = 1e-3

    def __init__(self, *weights):
        self.weights = weights

    def get_weights(self):
        return list(self.weights)


def model_of(*layers):
    """A model whose layers have these class names and weights."""
    return SimpleNamespace(layers=[type(name, (Layer,), {})(*weights) for name, weights in layers])


def test_diverged_training_is_refused(tmp_path):
    norm = [np.zeros(128)] * 4
    layers = [("InputLayer", []), ("BatchNormalization", norm), ("ReLU", []), ("Dropout", [])]
    model = model_of(*layers, ("Dense", [np.full((128, 2), np.nan), np.zeros(2)]))
    with pytest.raises(RuntimeError, match="lower the learning rate"):
        model_maker_child._write_weights(tmp_path, model, {}, np.zeros((1, 128)))


def test_a_head_of_other_layers_is_refused(tmp_path):
    model = model_of(("InputLayer", []), ("BatchNormalization", []), ("Dense", []))
    with pytest.raises(RuntimeError, match="another head than signport knows: InputLayer → BatchNormalization → Dense"):
        model_maker_child._write_weights(tmp_path, model, {}, np.zeros((1, 128)))


def test_weights_that_answer_otherwise_are_refused():
    flat = np.ones(128, np.float32)
    weights = HeadWeights(flat, flat, flat, flat, np.ones((128, 2), np.float32), np.zeros(2, np.float32), 1e-3, {})
    embeddings = np.zeros((3, 128), np.float32)
    answers = weights.probabilities(embeddings)
    assert model_maker._verified(weights, answers, embeddings, 2) is weights
    with pytest.raises(SignportError, match="answers otherwise"):
        model_maker._verified(weights, answers + 0.1, embeddings, 2)
    with pytest.raises(SignportError, match="answers otherwise"):
        model_maker._verified(weights, answers * np.nan, embeddings, 2)
    with pytest.raises(SignportError, match="770 parameters for 3 classes"):
        model_maker._verified(weights, answers, embeddings, 3)


def fake_model_maker(folder, source):
    """Packages that stand in front of the installed ones, so that a failing child costs no TensorFlow start."""
    vision = folder / "mediapipe_model_maker" / "python" / "vision"
    vision.mkdir(parents=True)
    (folder / "mediapipe_model_maker" / "__init__.py").write_text("raise ImportError('the root package was imported')")
    for package in (vision, vision.parent):
        (package / "__init__.py").touch()
    (vision / "gesture_recognizer.py").write_text(source)
    (folder / "official").mkdir()
    (folder / "official" / "__init__.py").touch()


def test_last_line_of_a_failed_child_becomes_the_error(tmp_path, monkeypatch):
    fake_model_maker(tmp_path / "fake", "print('talk')\nraise RuntimeError('out of\\npaper')")
    monkeypatch.syspath_prepend(str(tmp_path / "fake"))
    work = tmp_path / "work"
    with pytest.raises(SignportError, match=r"RuntimeError: out of paper; the whole log is .*model_maker\.log"):
        train_head_with_model_maker(*clusters(64, 1), NAMES, clusters(8, 2), workdir=work, **SETTINGS)
    assert (work / "model_maker.log").read_text().startswith("talk\n")


def test_killed_child_is_an_error(tmp_path, monkeypatch):
    fake_model_maker(tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SignportError, match="exit status -9"):
        train_head_with_model_maker(*clusters(64, 1), NAMES, clusters(8, 2), **SETTINGS)


def test_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(model_maker.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        SignportError, match=r"mediapipe-model-maker is not installed.*uv sync --group model-maker.*pip"
    ):
        train_head_with_model_maker(*clusters(64, 1), NAMES, clusters(8, 2), **SETTINGS)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    fake_model_maker(tmp_path, "raise AssertionError('bad input must not reach the child')")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 65}, "batch_size is 65; give 1 to 64"),
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"embeddings": np.zeros((64, 127), np.float32)}, r"training embeddings have shape \(64, 127\)"),
        ({"embeddings": np.full((64, 128), np.nan)}, "training embeddings hold NaN or infinity in row 0"),
        ({"labels": np.full(64, 4)}, "training label 4 is no class index; there are 4"),
        ({"labels": np.zeros(63, np.int64)}, r"training labels are int64 of shape \(63,\)"),
        ({"validation": (np.zeros((0, 128)), np.zeros(0, np.int64))}, r"validation embeddings have shape \(0, 128\)"),
    ],
)
def test_bad_input_is_named(installed, change, message):
    embeddings, labels = clusters(64, 1)
    arguments = {"embeddings": embeddings, "labels": labels, "label_names": NAMES, "validation": clusters(8, 2)}
    with pytest.raises(SignportError, match=message):
        train_head_with_model_maker(**{**arguments, **SETTINGS, **change})


def test_work_folder_that_cannot_be_made_is_named(installed, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SignportError, match="file/inside: cannot write"):
        train_head_with_model_maker(
            *clusters(64, 1), NAMES, clusters(8, 2), workdir=tmp_path / "file" / "inside", **SETTINGS
        )
