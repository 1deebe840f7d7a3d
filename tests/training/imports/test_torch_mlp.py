import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.made_up_hands import hands
from tests.run_cli import run_cli

import signport as sp
from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.models.registry import predict
from signport.training.imports.layers import Dense, Norm, Relu
from signport.training.imports.state_dict import mlp_layers
from signport.training.imports.torch_file import read_torch_file

CLASSES = ("A", "B", "C")


@pytest.fixture(scope="session")
def torch_python() -> str:
    """A Python that has torch."""
    for python in (sys.executable, "/usr/bin/python3"):
        found = subprocess.run([python, "-c", "import torch"], capture_output=True, check=False)
        if found.returncode == 0:
            return python
    missing = "no Python with torch here; `make setup-targets` installs Debian's python3-torch"
    return (pytest.fail if os.environ.get("SIGNPORT_ALL_TARGETS") else pytest.skip)(missing)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> LandmarkCache:
    return hands(tmp_path_factory.mktemp("hands") / "hands.parquet", CLASSES, seed=0)


@pytest.fixture(scope="session")
def old_project(torch_python: str, cache: LandmarkCache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `old_torch_project.py`."""
    folder = tmp_path_factory.mktemp("old")
    np.save(folder / "landmarks.npy", cache.landmarks)
    script = Path(__file__).with_name("old_torch_project.py")
    subprocess.run([torch_python, script, folder], check=True, capture_output=True)
    return folder


def _import(old_project: Path, torch_python: str, cache: LandmarkCache, name: str, runs: Path, **options) -> sp.Run:
    answers = old_project / f"{name}.npz"
    return sp.import_torch_mlp(
        old_project / f"{name}.pt", cache, answers=answers, runs=runs, torch_python=torch_python, **options
    )


@pytest.mark.parametrize(
    ("name", "options", "hidden"),
    [
        ("sequential", {"labels": "A,B,C"}, (32, 24, 16)),  # BatchNorm before the ReLU
        ("checkpoint", {}, (20, 12)),  # BatchNorm after the ReLU, standardized, names of classes in another order
        ("named", {"labels": CLASSES}, (20, 12)),  # fc1, fc2, fc3, bn1, bn2
        ("coordinates", {"labels": CLASSES, "features": "hand63"}, (16,)),  # no normalization
    ],
)
def test_the_run_answers_what_torch_answers(name, options, hidden, old_project, torch_python, cache, tmp_path):
    run = _import(old_project, torch_python, cache, name, tmp_path, **options)
    with np.load(old_project / f"{name}.npz") as arrays:
        inputs, outputs = arrays["inputs"], arrays["outputs"]
    if name != "checkpoint":
        outputs = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict(run.model(), {"landmarks": inputs}), outputs, rtol=0, atol=1e-5)
    assert run.recipe.model.hidden == hidden
    assert run.classes == (("C", "A", "B") if name == "checkpoint" else CLASSES)
    assert run.record["imported"]["answers"]["samples"] == 180
    # Whatever the cache's order of classes, a sample keeps its label.
    names = [run.classes[label] for label in run.labels("test")]
    assert names == run.part("test").table["label"].to_pylist()


def test_a_model_that_answers_otherwise_is_refused_and_leaves_no_run(old_project, torch_python, cache, tmp_path):
    with pytest.raises(SignportError, match=r"residual.npz: the imported model is another one: it differs by up to"):
        _import(old_project, torch_python, cache, "residual", tmp_path / "runs", labels=CLASSES)
    with pytest.raises(SignportError, match="differs by up to"):
        _import(old_project, torch_python, cache, "named", tmp_path / "runs", labels=CLASSES, norm="after")
    assert not (tmp_path / "runs").exists()


def test_a_file_that_carries_code_is_refused_and_not_run(old_project, torch_python):
    with pytest.raises(SignportError, match=r"code.pt: holds more than tensors, and signport runs no code"):
        read_torch_file(old_project / "code.pt", torch_python)
    assert not (old_project / "ran").exists()
    with pytest.raises(SignportError, match=r"whole.pt: holds more than tensors.*torch.save\(model.state_dict\(\)"):
        read_torch_file(old_project / "whole.pt", torch_python)


@pytest.mark.parametrize("name", ["old", "script"])
def test_forms_that_torch_does_not_read_safely_never_reach_it(name, old_project):
    with pytest.raises(SignportError, match=r"in the old project: torch.save\(model.state_dict\(\)"):
        read_torch_file(old_project / f"{name}.pt", "/no/python/here")


def test_the_command_line_imports_and_exports(old_project, torch_python, cache, tmp_path, monkeypatch, capsys):
    (tmp_path / "labels.txt").write_text("A\nB\nC\n")
    options = ["--labels", tmp_path / "labels.txt", "--runs", tmp_path, "--name", "old", "--torch-python", torch_python]
    source = old_project / "sequential.pt"
    assert run_cli(monkeypatch, "import", "torch-mlp", source, "--data", cache.path, *options) == 0
    said = capsys.readouterr().out
    assert "--answers FILE.npz proves that it answers the same" in said
    assert f"{tmp_path / 'old'}: 3 classes" in said
    evaluation = sp.evaluate(tmp_path / "old", cache)
    assert "an imported model may have been trained on" in evaluation.notes[0]
    assert sp.export_tflite(tmp_path / "old").card["metrics"]["int8"]["top1"] >= 0.99


def _zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state/data.pkl", b"")
    return path


def test_without_torch_one_line_says_what_brings_it(tmp_path, monkeypatch, capsys, cache):
    (tmp_path / "torch.py").write_text("raise ImportError('none here')")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    arguments = ["--data", cache.path, "--labels", "A,B,C", "--torch-python", python]
    assert run_cli(monkeypatch, "import", "torch-mlp", _zip(tmp_path / "m.pt"), *arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "has no torch" in said
    assert "apt install python3-torch" in said


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"0": (16, 84), "1": (3, 16)}, "no activation between 0 and 1"),
        ({"fc1": (16, 84), "fc2": (3, 20)}, "fc2 takes 20 numbers, but 16 come to it"),
        ({"conv": (16, 3, 5), "fc": (3, 16)}, r"conv holds weight \(16, 3, 5\): neither Linear nor BatchNorm1d"),
        ({"fc": (3, 84)}, "fewer than two Linear layers"),
    ],
)
def test_what_is_no_mlp_is_refused_by_name(tensors, message):
    weights = {f"{name}.weight": np.zeros(shape, np.float32) for name, shape in tensors.items()}
    with pytest.raises(SignportError, match=message):
        mlp_layers(weights)


def test_numbers_in_a_sequential_tell_where_normalizations_stand():
    def layers(norm: str) -> list[type]:
        tensors = {"net.0.weight": (4, 84), "net.3.weight": (2, 4)}
        tensors |= {f"net.{norm}.{own}": (4,) for own in ("weight", "bias", "running_mean", "running_var")}
        ordered = dict(sorted(tensors.items()))
        return [type(layer) for layer in mlp_layers({name: np.ones(shape) for name, shape in ordered.items()})]

    assert layers("1") == [Dense, Norm, Relu, Dense]
    assert layers("2") == [Dense, Relu, Norm, Dense]
