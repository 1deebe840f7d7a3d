import json

import pytest
from tests.run_cli import run_cli
from tests.training.conftest import QUICK, made_up_cache

from signport.training.train import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    cache = made_up_cache(groups=6).write(folder / "hands.parquet")
    return train("mlp", cache, runs=folder, name="quick", overrides=QUICK)


def test_the_held_back_part_is_evaluated_and_said_so(trained, tmp_path, monkeypatch, capsys):
    assert (
        run_cli(monkeypatch, "evaluate", trained.path, "--data", trained.cache_path, "--output", tmp_path / "out") == 0
    )
    printed = capsys.readouterr()
    assert "note: only the test part" in printed.err
    assert "accuracy  100.00% (95 % interval" in printed.out
    assert "macro average" in printed.out
    assert json.loads((tmp_path / "out/results.json").read_text())["part"] == "test"


def test_all_parts_come_with_a_warning_and_two_runs_are_an_ensemble(trained, tmp_path, monkeypatch, capsys):
    options = ["--data", trained.cache_path, "--part", "all", "--output", tmp_path]
    assert run_cli(monkeypatch, "evaluate", trained.path, trained.path, *options) == 0
    printed = capsys.readouterr()
    assert "the figures flatter the model" in printed.err
    assert "quick + quick (mean of probabilities)" in printed.out
    assert "samples   120 of 3 classes" in printed.out


def test_unknown_classes_are_status_2_until_ignored(trained, tmp_path, monkeypatch, capsys):
    other = made_up_cache(("A", "Q")).write(tmp_path / "other.parquet").path
    options = ["--data", other, "--output", tmp_path / "out"]
    assert run_cli(monkeypatch, "evaluate", trained.path, *options) == 2
    shown = capsys.readouterr().err
    assert "does not know the class(es) Q" in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert run_cli(monkeypatch, "evaluate", trained.path, *options, "--ignore-unknown") == 0
    assert "40 samples of unknown classes left out: Q" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_status_2(tmp_path, monkeypatch, capsys):
    assert run_cli(monkeypatch, "evaluate", tmp_path, "--data", tmp_path / "x.parquet") == 2
    assert "not a run" in capsys.readouterr().err
