import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import pytest
from tests.training.conftest import QUICK, made_up_cache

from signport.errors import SignportError
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


def test_resuming_a_finished_run_is_refused(trained):
    with pytest.raises(SignportError, match="has finished; start another from it with --init-from quick"):
        resume(trained.path)


def test_a_damaged_checkpoint_is_refused(trained, tmp_path):
    copy = _unfinished(trained, tmp_path)
    (copy / "checkpoints/last.keras").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(SignportError, match=r"last\.keras: damaged"):
        resume(copy)


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
