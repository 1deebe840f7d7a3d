import json
import re
import shutil

import pytest
from tests.run_cli import run_cli
from tests.training.conftest import QUICK, made_up_cache

from signport.cli.train import _report
from signport.training.train import train as train_run

SETTINGS = [part for change in QUICK for part in ("--set", change)]


@pytest.fixture
def cache(tmp_path):
    return made_up_cache(groups=6).write(tmp_path / "hands.parquet").path


def test_train_makes_a_run_and_prints_what_it_reached(cache, tmp_path, monkeypatch, capsys):
    options = ["--data", cache, "--runs", tmp_path / "runs", "--name", "first", *SETTINGS, "--device", "cpu"]
    assert run_cli(monkeypatch, "train", "mlp", *options) == 0
    printed = capsys.readouterr()
    assert re.search(r"best epoch  \d of 6", printed.out)
    assert "% (95 % interval" in printed.out
    assert f"{tmp_path / 'runs/first'}: model.keras" in printed.out
    assert "train first: 6/6 epochs" in printed.err
    assert "device: cpu" in (tmp_path / "runs/first/recipe.yaml").read_text()


def test_init_from_says_what_was_copied(cache, tmp_path, monkeypatch, capsys):
    options = ["--data", cache, "--runs", tmp_path / "runs", *SETTINGS, "--set", "training.epochs=1"]
    assert run_cli(monkeypatch, "train", "mlp", *options) == 0
    assert run_cli(monkeypatch, "train", "mlp", *options, "--init-from", tmp_path / "runs/mlp-001") == 0
    assert f"start: 8 tensors copied from {tmp_path / 'runs/mlp-001'}; new: none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "RECIPE is missing"),
        (["train", "mlp"], "--data CACHE is missing"),
        (["train", "mpl", "--data", "CACHE"], "recipe 'mpl': no such file"),
        (["train", "mlp", "--data", "no.parquet"], "no.parquet: no such landmark cache"),
        (["train", "mlp", "--data", "CACHE", "--set", "training.epochs=ten"], "training.epochs: 'ten'"),
        (["train", "gesture_head", "--data", "CACHE"], "needs an embedder"),
        (["train", "--resume", "nowhere"], "nowhere: not a run"),
        (["train", "--resume", "nowhere", "--init-from", "x"], "--init-from x: an interrupted run has its own"),
        (["train", "--resume", "nowhere", "--set", "seed=1"], "a resumed run keeps its recipe"),
        (["train", "mlp", "-c", "mlp", "--data", "CACHE"], "--config mlp: the recipe is given twice"),
        (["train", "mlp", "--restarted", "--data", "CACHE"], "--restarted: which run? name it with --run-id ID"),
        (["train", "mlp", "--strategy", "multi_worker", "--data", "CACHE"], "neither TF_CONFIG nor a SLURM step says"),
    ],
)
def test_bad_requests_are_one_line_and_status_2(arguments, message, cache, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_cli(monkeypatch, *[str(cache) if argument == "CACHE" else argument for argument in arguments]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("signport: error: ")
    assert message in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_a_finished_run_is_not_resumed(cache, tmp_path, monkeypatch, capsys):
    options = ["--data", cache, "--runs", tmp_path, "--name", "done", *SETTINGS, "--set", "training.epochs=1"]
    assert run_cli(monkeypatch, "train", "mlp", *options) == 0
    assert run_cli(monkeypatch, "train", "--resume", tmp_path / "done") == 2
    assert "this training has finished" in capsys.readouterr().err


def test_a_recipe_that_names_its_cache_needs_no_data_and_a_run_has_an_id(cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("family: mlp\nruns: $SCRATCH/runs\ndata: {cache: $SCRATCH/hands.parquet}")
    assert run_cli(monkeypatch, "train", recipe, "--run-id", "night-7", *SETTINGS, "--set", "training.epochs=1") == 0
    assert f"{tmp_path / 'runs/night-7'}: model.keras, history.csv, results.png" in capsys.readouterr().out
    monkeypatch.delenv("SCRATCH")
    assert run_cli(monkeypatch, "train", recipe) == 2
    shown = capsys.readouterr().err
    assert f"{recipe}: runs: environment variable 'SCRATCH' is not defined; export it" in shown
    assert shown.count("\n") == 1


def test_a_restarted_job_begins_goes_on_or_has_nothing_to_do(cache, tmp_path, monkeypatch, capsys):
    options = ["-c", "mlp", "--data", cache, "--runs", tmp_path, "--run-id", "job-7", "--restarted", *SETTINGS]
    assert run_cli(monkeypatch, "train", *options) == 0
    record = json.loads((tmp_path / "job-7/run.json").read_text())
    (tmp_path / "job-7/run.json").write_text(json.dumps({**record, "finished": False}))
    shutil.copy(tmp_path / "job-7/checkpoints/epoch-004.keras", tmp_path / "job-7/checkpoints/last.keras")
    model = (tmp_path / "job-7/model.keras").read_bytes()
    capsys.readouterr()
    for _ in range(2):
        assert run_cli(monkeypatch, "train", *options) == 0
        assert re.search(r"best epoch  \d of 6", capsys.readouterr().out)
    assert (tmp_path / "job-7/model.keras").read_bytes() == model
    assert run_cli(monkeypatch, "train", *options, "--set", "seed=1") == 0  # finished: nothing is trained any more
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["job-7"]


def test_other_workers_leave_the_report_to_the_first(cache, tmp_path, monkeypatch, capsys):
    run = train_run("mlp", cache, runs=tmp_path, overrides=[*QUICK, "training.epochs=1"])
    capsys.readouterr()
    cluster = {"cluster": {"worker": ["a:1", "b:2"]}}
    for index in (0, 1):
        monkeypatch.setenv("TF_CONFIG", json.dumps({**cluster, "task": {"type": "worker", "index": index}}))
        _report(run, "multi_worker")
        assert ("best epoch" in capsys.readouterr().out) == (index == 0)
