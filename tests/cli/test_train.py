import pytest
from tests.run_cli import run_cli
from tests.training.conftest import QUICK, made_up_cache

SETTINGS = [part for change in QUICK for part in ("--set", change)]


@pytest.fixture
def cache(tmp_path):
    return made_up_cache(groups=6).write(tmp_path / "hands.parquet").path


def test_train_makes_a_run_and_prints_what_it_reached(cache, tmp_path, monkeypatch, capsys):
    options = ["--data", cache, "--runs", tmp_path / "runs", "--name", "first", *SETTINGS, "--device", "cpu"]
    assert run_cli(monkeypatch, "train", "mlp", *options) == 0
    printed = capsys.readouterr()
    assert "best epoch  6 of 6" in printed.out
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
