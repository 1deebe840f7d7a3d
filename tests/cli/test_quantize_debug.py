import json

import pytest
from tests.run_cli import run_cli
from tests.training.conftest import QUICK, made_up_cache

from signport.training.train import train


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("debug")
    cache = made_up_cache(groups=6).write(folder / "hands.parquet")
    return train("mlp", cache, runs=folder, name="quick", overrides=[*QUICK, "quantization.epochs=0"])


def test_debug_prints_tables_and_advice_and_writes_what_it_found(trained, monkeypatch, capsys):
    assert run_cli(monkeypatch, "quantize", "debug", trained.path, "--samples", 9, "--top", 1) == 0
    printed = capsys.readouterr().out
    content = json.loads((trained.path / "quantization/debug.json").read_text())
    assert f"quick: 9 of {content['test_samples']} held-back samples, int8 by signport" in printed
    worst, best = content["tensors"][0], content["tensors"][-1]
    assert worst["layer"] in printed
    assert worst["answer_sqnr_db"] < best["answer_sqnr_db"]
    assert f"{len(content['tensors']) - 1} more tensors" in printed
    assert content["advice"] in printed
    assert content["samples"] == 9
    assert str(trained.path / "quantization/debug.png") in printed
    assert (trained.path / "quantization/debug.png").stat().st_size > 10_000


def test_a_run_that_does_not_exist_is_status_2_and_one_line(tmp_path, monkeypatch, capsys):
    assert run_cli(monkeypatch, "quantize", "debug", tmp_path / "none") == 2
    shown = capsys.readouterr().err
    assert "not a run" in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "none").exists()


def test_no_samples_are_refused(trained, monkeypatch, capsys):
    assert run_cli(monkeypatch, "quantize", "debug", trained.path, "--samples", 0) == 2
    assert "samples" in capsys.readouterr().err
