import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import cv2
import numpy as np
import pyarrow as pa
import pytest
import yaml
from tests.training.conftest import QUICK, made_up_cache
from tests.training.test_cluster import free_addresses

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.files import sha256_file
from signport.models.registry import predict
from signport.training.checkpoint import Checkpoints, load_checkpoint
from signport.training.cluster import Cluster
from signport.training.recipe import load_recipe
from signport.training.run import Run
from signport.training.train import resume, train
from signport.training.workers import Workers

# Trains, and kills itself in the middle of its fourth epoch.
KILLED = """
import os, signal, sys
from signport.training import loop
from signport.training.train import train

begin = loop._Driver.on_epoch_begin

def on_epoch_begin(self, epoch, logs=None):
    begin(self, epoch, logs)
    self.doomed = epoch == 3

def on_train_batch_end(self, batch, logs=None):
    if self.doomed and batch == 1:
        os.kill(os.getpid(), signal.SIGKILL)

loop._Driver.on_epoch_begin = on_epoch_begin
loop._Driver.on_train_batch_end = on_train_batch_end
cache, runs, *overrides = sys.argv[1:]
train("mlp", cache, runs=runs, name="quick", overrides=overrides)
"""


def _unfinished(trained, folder):
    """A copy of a run as it stood at its checkpoint of epoch 4."""
    copy = folder / "quick"
    shutil.copytree(trained.path, copy)
    shutil.copy(copy / "checkpoints/epoch-004.keras", copy / "checkpoints/last.keras")
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**record, "finished": False}))
    return copy


def test_a_run_holds_everything_of_a_training(trained):
    files = {path.relative_to(trained.path).as_posix() for path in trained.path.rglob("*") if path.is_file()}
    assert files == {
        "checkpoints/best.keras",
        "checkpoints/epoch-002.keras",
        "checkpoints/epoch-004.keras",
        "checkpoints/epoch-006.keras",
        "checkpoints/last.keras",
        "history.csv",
        "history.json",
        "model.keras",
        "recipe.yaml",
        "results.png",
        "run.json",
        "split.json",
    }
    record = json.loads((trained.path / "run.json").read_text())
    assert record["versions"].keys() == {"python", "signport", "tensorflow", "keras", "numpy", "mediapipe"}
    assert record["cache"]["sha256"] == sha256_file(trained.cache_path)
    assert record["split"]["by"] == "group"
    assert sum(record["split"][part] for part in ("train", "validation", "test")) == 120
    assert yaml.safe_load((trained.path / "recipe.yaml").read_text())["training"]["epochs"] == 6
    assert (trained.path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_the_history_has_a_row_an_epoch(trained):
    with (trained.path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert set(rows[0]) == {"epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"}
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    best = trained.metrics["best_epoch"]
    assert float(rows[best - 1]["val_loss"]) == min(float(row["val_loss"]) for row in rows)


def test_the_model_is_that_of_the_best_epoch_and_its_figures_are_true(trained):
    model = trained.model()
    best, state = load_checkpoint(trained.checkpoints / "best.keras")
    assert state.epoch == trained.metrics["best_epoch"]
    for mine, theirs in zip(model.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for part in ("validation", "test"):
        right = predict(model, trained.inputs(part)).argmax(axis=1) == trained.labels(part)
        assert trained.metrics[part]["accuracy"] == pytest.approx(right.mean())
        assert trained.metrics[part]["samples"] == len(right)
    assert trained.metrics["test"]["accuracy"] > 0.9


def test_no_signer_is_on_both_sides(trained):
    signers = [set(trained.part(part).groups) for part in ("train", "validation", "test")]
    assert sum(map(len, signers)) == len(set.union(*signers)) == 6


def test_the_same_seed_gives_the_same_files_and_another_gives_others(trained, tmp_path):
    again = train("mlp", trained.cache_path, runs=tmp_path, name="quick", overrides=QUICK)
    for name in ("model.keras", "checkpoints/last.keras", "history.csv", "split.json", "recipe.yaml", "results.png"):
        assert (again.path / name).read_bytes() == (trained.path / name).read_bytes(), name
    other = train("mlp", trained.cache_path, runs=tmp_path, overrides=[*QUICK, "seed=1", "training.epochs=2"])
    assert (other.path / "model.keras").read_bytes() != (trained.path / "model.keras").read_bytes()


def test_a_killed_training_goes_on_exactly_where_it_stopped(trained, tmp_path):
    arguments = [sys.executable, "-c", KILLED, str(trained.cache_path), str(tmp_path), *QUICK]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    ended = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with pytest.raises(SignportError, match="has not finished; go on with `signport train --resume"):
        Run.open(tmp_path / "quick")
    assert load_checkpoint(tmp_path / "quick/checkpoints/last.keras")[1].epoch == 2
    finished = resume(tmp_path / "quick")
    names = (
        "model.keras",
        "checkpoints/last.keras",
        "checkpoints/best.keras",
        "history.csv",
        "history.json",
        "results.png",
    )
    for name in names:
        assert (finished.path / name).read_bytes() == (trained.path / name).read_bytes(), name
    assert finished.metrics == trained.metrics


def test_a_training_killed_before_its_first_checkpoint_starts_over(trained, tmp_path, monkeypatch):
    def killed(self, moment):
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        train("mlp", trained.cache_path, runs=tmp_path, name="quick", overrides=QUICK)
    monkeypatch.undo()
    assert load_checkpoint(tmp_path / "quick/checkpoints/last.keras")[1].epoch == 0
    finished = resume(tmp_path / "quick")
    assert (finished.path / "model.keras").read_bytes() == (trained.path / "model.keras").read_bytes()


def test_resuming_from_epoch_4_ends_as_the_straight_training(trained, tmp_path):
    copy = _unfinished(trained, tmp_path)
    finished = resume(copy, recipe=load_recipe("mlp", QUICK), data=trained.cache_path)
    assert (finished.path / "model.keras").read_bytes() == (trained.path / "model.keras").read_bytes()
    assert (finished.path / "history.csv").read_bytes() == (trained.path / "history.csv").read_bytes()


def test_a_checkpoint_of_another_recipe_is_refused(trained, tmp_path):
    copy = _unfinished(trained, tmp_path)
    with pytest.raises(SignportError, match=r"last\.keras: a checkpoint of another recipe") as raised:
        resume(copy, recipe=load_recipe("mlp", [*QUICK, "training.batch_size=16"]))
    assert "\n" not in str(raised.value)
    text = (copy / "recipe.yaml").read_text()
    (copy / "recipe.yaml").write_text(text.replace("batch_size: 32", "batch_size: 16"))
    with pytest.raises(SignportError, match="a checkpoint of another recipe"):
        resume(copy)


def test_a_checkpoint_of_another_family_is_refused(trained, tmp_path):
    copy = _unfinished(trained, tmp_path)
    other = load_recipe("gesture_embedder", QUICK)
    (copy / "recipe.yaml").write_text(replace(other, name="mlp").to_yaml())
    with pytest.raises(SignportError, match=r"family 'mlp', recipe .* wanted 'gesture_embedder'"):
        resume(copy)


def test_resuming_on_other_data_is_refused(trained, tmp_path):
    other = made_up_cache(seed=5).write(tmp_path / "other.parquet")
    with pytest.raises(SignportError, match=r"other\.parquet: not the cache that run quick was started on"):
        resume(_unfinished(trained, tmp_path), data=other)


def test_workers_that_see_different_checkpoints_do_not_go_on(trained, tmp_path, monkeypatch):
    class Elsewhere:
        cluster = Cluster(("a:1", "b:2"), 1)

        def agree(self, message):
            return {"run": "/runs/quick", "epoch": message["epoch"] - 2}

    copy = _unfinished(trained, tmp_path)
    monkeypatch.setattr("signport.training.train.workers_of", lambda *_: nullcontext(Workers(None, Elsewhere())))
    with pytest.raises(SignportError, match=r"after epoch 4, that of the first worker after epoch 2 \(/runs/quick\)"):
        resume(copy)


def test_a_second_training_with_other_workers_needs_a_process_of_its_own(trained, monkeypatch):
    (address,) = free_addresses(1)
    cluster = {"cluster": {"worker": [address]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(SignportError, match=rf"^worker 0 \({address}\): .*TensorFlow was used in this process before"):
        train("mlp", trained.cache_path, overrides=[*QUICK, "training.strategy=multi_worker"])


def test_resuming_a_finished_run_is_refused(trained):
    with pytest.raises(SignportError, match="has finished; start another from it with --init-from quick"):
        resume(trained.path)


def test_a_damaged_checkpoint_is_refused(trained, tmp_path):
    copy = _unfinished(trained, tmp_path)
    (copy / "checkpoints/last.keras").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(SignportError, match=r"last\.keras: damaged"):
        resume(copy)


def test_transfer_copies_all_but_the_logits_of_other_classes(trained, tmp_path):
    cache = made_up_cache(("A", "B", "C", "D"), per_class=10)
    run = train(
        "mlp",
        cache,
        runs=tmp_path,
        overrides=[*QUICK, "training.epochs=1", "training.learning_rate=1e-12", "training.weight_decay=0"],
        init_from=trained.path,
    )
    assert run.record["init_from"]["run"] == str(trained.path)
    assert run.record["init_from"]["new"] == ["logits/kernel", "logits/bias"]
    mine, theirs = (entry.model().get_layer("hidden0").get_weights() for entry in (run, trained))
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_transfer_to_the_same_classes_copies_everything(trained, tmp_path):
    run = train("mlp", trained.cache(), runs=tmp_path, overrides=[*QUICK, "training.epochs=1"], init_from=trained.path)
    assert run.record["init_from"]["new"] == []
    assert run.record["init_from"]["copied"] == 8
    assert run.split().test.tolist() == trained.split().test.tolist()


def test_transfer_from_another_family_is_refused(trained, tmp_path):
    with pytest.raises(SignportError, match="a run of family 'mlp', but the recipe trains 'gesture_embedder'"):
        train("gesture_embedder", trained.cache(), runs=tmp_path, init_from=trained.path)


def test_transfer_that_copies_nothing_is_refused_and_leaves_no_run(trained, tmp_path):
    with pytest.raises(SignportError, match="no weight of that run fits"):
        train("mlp", made_up_cache(("A", "B")), runs=tmp_path, overrides=["model.hidden=[9]"], init_from=trained.path)
    assert list(tmp_path.iterdir()) == []


def test_the_embedder_is_trained_as_a_classifier(tmp_path):
    run = train("gesture_embedder", made_up_cache(), runs=tmp_path, overrides=QUICK)
    assert run.metrics["test"]["accuracy"] > 0.9
    assert run.family.deployed(run.model()).output_shape == (None, 128)


def test_a_gesture_head_keeps_its_own_copy_of_the_embedder(random_embedder, tmp_path):
    overrides = [change for change in QUICK if "hidden" not in change]
    run = train("gesture_head", made_up_cache(), runs=tmp_path / "runs", overrides=overrides, embedder=random_embedder)
    assert run.recipe.model.embedder == "base/gesture_embedder.tflite"
    assert (run.path / "base/gesture_embedder.tflite").read_bytes() == random_embedder.read_bytes()
    assert run.model().count_params() == 512 + 129 * 3
    before = run.inputs("test")["embedding"]
    random_embedder.unlink()
    moved = tmp_path / "elsewhere"
    shutil.move(run.path, moved)
    np.testing.assert_array_equal(Run.open(moved).inputs("test")["embedding"], before)


def test_tensorboard_gets_the_scalars_of_each_epoch(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    overrides = [*QUICK, "training.epochs=2", "logging.tensorboard=true", "logging.gradient_norm=true"]
    run = train("mlp", made_up_cache(), runs=tmp_path, overrides=overrides)
    events = EventAccumulator(str(run.path / "tensorboard"), size_guidance={"tensors": 0}).Reload()
    names = {"learning_rate", "gradient_norm", "loss", "accuracy", "val_loss", "val_accuracy"}
    assert set(events.Tags()["tensors"]) == names
    assert [event.step for event in events.Tensors("loss")] == [1, 2]


def test_weights_and_biases_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed (pip install 'signport[wandb]')")
    monkeypatch.setenv("WANDB_MODE", "offline")
    overrides = [*QUICK, "training.epochs=2", "logging.wandb=true", "logging.wandb_project=hands"]
    overrides += ["logging.gradient_norm=true"]
    run = train("mlp", made_up_cache(), runs=tmp_path, overrides=overrides)
    logs = list((run.path / "wandb").glob("offline-run-*/*.wandb"))
    assert len(logs) == 1
    assert b"val_accuracy" in logs[0].read_bytes()
    assert b"gradient_norm" in logs[0].read_bytes()


def test_weights_and_biases_that_is_not_installed_is_said_before_anything_is_done(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(SignportError, match=r"pip install 'signport\[wandb\]'"):
        train("mlp", made_up_cache(), runs=tmp_path / "runs", overrides=["logging.wandb=true"])
    assert not (tmp_path / "runs").exists()


def test_run_names_count_up_and_a_taken_one_is_refused(tmp_path):
    overrides = [*QUICK, "training.epochs=1"]
    cache = made_up_cache(per_class=8)
    runs = [train("mlp", cache, runs=tmp_path, overrides=overrides).id for _ in range(2)]
    assert runs == ["mlp-001", "mlp-002"]
    with pytest.raises(SignportError, match="mlp-002: exists already"):
        train("mlp", cache, runs=tmp_path, name="mlp-002", overrides=overrides)
    with pytest.raises(SignportError, match="one folder name"):
        train("mlp", cache, runs=tmp_path, name="a/b", overrides=overrides)


def test_a_runs_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(SignportError, match="runs"):
        train("mlp", made_up_cache(), runs=tmp_path / "runs")


def test_a_cache_without_world_landmarks_is_refused_by_the_embedder_and_leaves_no_run(tmp_path):
    cache = made_up_cache()
    column = cache.table.schema.get_field_index("world_landmarks")
    field = cache.table.schema.field(column)
    table = cache.table.set_column(column, field, pa.nulls(len(cache), field.type))
    with pytest.raises(SignportError, match="world landmarks, which the gesture embedder needs"):
        train("gesture_embedder", LandmarkCache(cache.header, table), runs=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_class_is_too_few(tmp_path):
    with pytest.raises(SignportError, match="a classifier needs at least two"):
        train("mlp", made_up_cache(("A",)), runs=tmp_path)


def test_a_cache_that_changed_is_not_taken_for_the_old_one(trained, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(trained.path, copy)
    other = made_up_cache(seed=5).write(tmp_path / "other.parquet")
    record = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**record, "cache": {**record["cache"], "path": str(other.path)}}))
    with pytest.raises(SignportError, match=r"other\.parquet: changed since run copy was trained on it"):
        Run.open(copy).cache()
    other.path.unlink()
    with pytest.raises(SignportError, match=r"other\.parquet: the landmark cache of run copy is gone"):
        Run.open(copy).cache()


@pytest.mark.parametrize("content", ["{}", "[]", "{", '{"classes": []}'])
def test_a_folder_that_is_no_run_is_refused(tmp_path, content):
    with pytest.raises(SignportError, match="not a run"):
        Run.open(tmp_path)
    (tmp_path / "recipe.yaml").write_text("family: mlp")
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(SignportError, match=r"run\.json"):
        Run.open(tmp_path)


def test_the_history_is_there_for_other_programs_too(trained):
    rows = json.loads((trained.path / "history.json").read_text())
    with (trained.path / "history.csv").open() as file:
        assert [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)] == rows


def test_many_classes_bring_top_5_and_a_resumed_training_brings_the_same_norms(tmp_path):
    cache = made_up_cache(tuple("ABCDEF"), per_class=12, noise=0.2).write(tmp_path / "hands.parquet")
    overrides = [*QUICK, "training.epochs=4", "logging.gradient_norm=true"]
    run = train("mlp", cache, runs=tmp_path / "runs", name="quick", overrides=overrides)
    rows = json.loads((run.path / "history.json").read_text())
    assert list(rows[0])[:3] == ["epoch", "learning_rate", "gradient_norm"]
    assert {"top5_accuracy", "val_top5_accuracy"} < set(rows[0])
    assert all(row["gradient_norm"] > 0 for row in rows)
    metrics = run.metrics["validation"]
    assert metrics["top5_accuracy"] == pytest.approx(rows[run.metrics["best_epoch"] - 1]["val_top5_accuracy"])

    copy = tmp_path / "copy/quick"
    shutil.copytree(run.path, copy)
    shutil.copy(copy / "checkpoints/epoch-002.keras", copy / "checkpoints/last.keras")
    for name in ("history.json", "history.csv", "checkpoints/epoch-004.keras"):
        (copy / name).unlink()
    (copy / "run.json").write_text(json.dumps({**run.record, "finished": False}))
    resume(copy)
    for name in ("history.json", "history.csv", "checkpoints/last.keras", "checkpoints/epoch-004.keras", "results.png"):
        assert (copy / name).read_bytes() == (run.path / name).read_bytes(), name


def test_a_recipe_can_name_its_cache_and_its_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    made_up_cache(per_class=8).write(tmp_path / "hands.parquet")
    other = made_up_cache(per_class=9).write(tmp_path / "other.parquet")
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("family: mlp\nruns: $SCRATCH/runs\ndata: {cache: $SCRATCH/hands.parquet}")
    overrides = [*QUICK, "training.epochs=1"]
    run = train(recipe, overrides=overrides)
    assert run.path == (tmp_path / "runs/mine-001").resolve()
    assert run.cache_path == (tmp_path / "hands.parquet").resolve()
    run = train(recipe, other, runs=tmp_path / "there", overrides=overrides)
    assert run.path == (tmp_path / "there/mine-001").resolve()
    assert run.cache_digest == other.digest


def test_training_without_data_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SignportError, match=r"--data CACHE is missing, and recipe mlp names none \(data\.cache\)"):
        train("mlp")
    with pytest.raises(SignportError, match=r"gone\.parquet: no such landmark cache"):
        train("mlp", overrides=["data.cache=gone.parquet"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("classes", [12, 60])
def test_the_picture_of_a_training_shows_curves_and_answers(tmp_path, classes):
    from signport.training.metrics import measure
    from signport.training.plots import draw_results

    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), 5)
    names = tuple(f"sign{number}" for number in range(classes))
    metrics = measure(random.random((len(labels), classes)) + np.eye(classes)[labels], labels, names)
    columns = ("loss", "val_loss", "accuracy", "val_accuracy", "top5_accuracy", "val_top5_accuracy", "learning_rate")
    history = [{"epoch": number, **dict.fromkeys(columns, number / 9)} for number in range(1, 9)]
    draw_results(history, 3, metrics, tmp_path / "plain.png", "title", "test")
    with_norm = [{**row, "gradient_norm": 1.0} for row in history]
    draw_results(with_norm, 3, metrics, tmp_path / "norm.png", "title", "test")
    plain, norm = (cv2.imread(str(tmp_path / name)) for name in ("plain.png", "norm.png"))
    assert plain.shape == norm.shape
    middle = plain.shape[1] // 2
    assert all(0.01 < (half.min(axis=2) < 250).mean() < 0.9 for half in (plain[:, :middle], plain[:, middle:]))
    assert (plain != norm).any()
