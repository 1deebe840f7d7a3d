"""signport's trainer and the genuine Model Maker, chosen by the recipe, give runs of one kind."""

import csv
import importlib.util
import json
import shutil

import numpy as np
import pytest

from signport.errors import SignportError
from signport.training import model_maker
from signport.training.checkpoint import Checkpoints, TrainingState, load_checkpoint
from signport.training.recipe import load_recipe
from signport.training.run import Run
from signport.training.train import resume, train

CLASSES = ("A", "B", "C", "D", "None")
MODEL_MAKER = "training.trainer=model-maker"
SETTINGS = [
    "seed=3",
    "data.test=0.5",
    "data.validation=0.1",
    "data.augmentation.copies=0",
    "training.epochs=12",
    "training.schedule=constant",  # Model Maker's rate falls by a hundredth an epoch
    "training.batch_size=32",
    "training.checkpoint_every=5",
    "logging.tensorboard=false",
]

needs_model_maker = pytest.mark.skipif(
    importlib.util.find_spec("mediapipe_model_maker") is None or importlib.util.find_spec("official") is None,
    reason="mediapipe-model-maker is not installed (uv sync --group model-maker)",
)


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    """An embedder with random weights: 128 features of the hand, whatever they are."""
    import keras
    import tensorflow as tf

    from signport.models.gesture_embedder import GestureEmbedderConfig, build, deployed

    keras.utils.set_random_seed(0)
    model = deployed(build(GestureEmbedderConfig(hidden=(64,)), 2))
    signature = [tf.TensorSpec([1, *tensor.shape[1:]], tf.float32, name=tensor.name) for tensor in model.inputs]
    function = tf.function(lambda *hand: model(list(hand)), input_signature=signature, autograph=False)
    path = tmp_path_factory.mktemp("embedder") / "embedder.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()]).convert())
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory, embedder):
    """Trainer → a run on the same hands, embedder and split."""
    from tests.training.conftest import made_up_cache

    folder = tmp_path_factory.mktemp("trainers")
    cache = made_up_cache(CLASSES, per_class=300, noise=0.1).write(folder / "hands.parquet")
    return {
        trainer: train(
            "gesture_head",
            cache,
            runs=folder / "runs",
            overrides=[*SETTINGS, f"training.trainer={trainer}"],
            embedder=embedder,
        )
        for trainer in ("signport", "model-maker")
    }


@needs_model_maker
def test_both_trainers_are_equally_accurate_with_equally_many_parameters(runs):
    ours, genuine = runs["signport"], runs["model-maker"]
    np.testing.assert_array_equal(ours.split().test, genuine.split().test)
    assert len(ours.split().test) == 750
    accuracies = [run.metrics["test"]["accuracy"] for run in (ours, genuine)]
    assert min(accuracies) > 0.8
    assert abs(accuracies[0] - accuracies[1]) <= 0.01
    parameters = {run.model().count_params() for run in (ours, genuine)}
    assert parameters == {512 + 129 * len(CLASSES)}


@needs_model_maker
def test_both_trainers_leave_the_same_files(runs):
    files = {
        trainer: {path.relative_to(run.path).as_posix() for path in run.path.rglob("*") if path.is_file()}
        for trainer, run in runs.items()
    }
    assert files["model-maker"] - files["signport"] == {"model_maker.log"}
    # Model Maker's weights are known when it has finished, and not before.
    assert files["signport"] - files["model-maker"] == {"checkpoints/epoch-005.keras", "checkpoints/epoch-010.keras"}
    columns = [next(csv.reader((run.path / "history.csv").open())) for run in runs.values()]
    assert columns[0] == columns[1]


@needs_model_maker
def test_model_maker_keeps_the_last_epoch_and_its_own_learning_rates(runs):
    run = runs["model-maker"]
    with (run.path / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in history] == list(range(1, 13))
    rates = [float(row["learning_rate"]) for row in history]
    np.testing.assert_allclose(rates, 0.005 * 0.99 ** np.arange(12), rtol=1e-5)
    assert run.metrics["best_epoch"] == run.metrics["epochs"] == 12
    assert run.metrics["validation"]["accuracy"] == pytest.approx(float(history[-1]["val_accuracy"]), abs=1e-6)


@needs_model_maker
def test_a_killed_model_maker_run_is_trained_anew_and_ends_the_same(runs, tmp_path):
    run = runs["model-maker"]
    again = tmp_path / "again"
    shutil.copytree(run.path, again)
    record = json.loads((again / "run.json").read_text())
    record |= {"finished": False, "cache": {**record["cache"], "path": str(run.cache_path)}}
    (again / "run.json").write_text(json.dumps(record))
    (again / "model.keras").unlink()
    model, state = load_checkpoint(again / "checkpoints" / "last.keras")
    started = TrainingState(state.family, state.recipe_digest, state.classes, ())
    Checkpoints(again / "checkpoints", 5, started).start(model)
    finished = resume(again)
    assert isinstance(finished, Run)
    assert (again / "model.keras").read_bytes() == (run.path / "model.keras").read_bytes()


@pytest.mark.parametrize("family", ["mlp", "gesture_embedder"])
def test_model_maker_refuses_other_families(family):
    with pytest.raises(SignportError, match=f"model-maker; it trains gesture heads only, not family '{family}'"):
        load_recipe(family, [MODEL_MAKER])


def test_a_broken_focal_exponent_is_refused():
    with pytest.raises(SignportError, match=r"training\.focal_gamma: 1\.5; it must be a whole number"):
        load_recipe("gesture_head", [MODEL_MAKER, "training.focal_gamma=1.5"])
    load_recipe("gesture_head", ["training.focal_gamma=1.5"])


def test_model_maker_trains_on_one_device():
    with pytest.raises(
        SignportError, match=r"training\.strategy: mirrored; it must be single with trainer: model-maker"
    ):
        load_recipe("gesture_head", [MODEL_MAKER, "training.strategy=mirrored"])


def test_missing_model_maker_leaves_no_run_behind(embedder, tmp_path, make_cache, monkeypatch):
    monkeypatch.setattr(model_maker.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SignportError, match="mediapipe-model-maker is not installed"):
        train("gesture_head", make_cache(), runs=tmp_path / "runs", overrides=[MODEL_MAKER], embedder=embedder)
    assert not (tmp_path / "runs").exists()


@needs_model_maker
def test_model_maker_takes_no_start_weights(runs, embedder, tmp_path):
    source = runs["signport"]
    with pytest.raises(SignportError, match="Model Maker starts from its own weights; leave it out"):
        train(
            "gesture_head",
            source.cache(),
            runs=tmp_path / "runs",
            overrides=[MODEL_MAKER],
            embedder=embedder,
            init_from=source.path,
        )
    assert not (tmp_path / "runs").exists()
