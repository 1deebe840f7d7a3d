import csv
import json
import sys

import pytest
from tests.training.conftest import QUICK, made_up_cache

from signport.errors import SignportError
from signport.training.train import train


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


def test_the_history_is_there_for_other_programs_too(trained):
    rows = json.loads((trained.path / "history.json").read_text())
    with (trained.path / "history.csv").open() as file:
        assert [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)] == rows
