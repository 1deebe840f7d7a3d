import shlex

import pytest
from tests.export.app.exported_run import exported_run, mark
from tests.run_cli import run_cli

_MODEL = "src/main/resources/models/mlp/model_int8.tflite"
_KOTLIN = "src/main/kotlin/com/example/MlpModel.kt"


@pytest.fixture
def run(tmp_path):
    return exported_run(tmp_path / "mlp-001")


@pytest.fixture
def other(tmp_path):
    return exported_run(tmp_path / "mlp-002", classes=("X", "Y"))


@pytest.fixture
def app(tmp_path, monkeypatch):
    mark(tmp_path, "my app/src/main/resources/")
    monkeypatch.chdir(tmp_path)
    return "my app"


def test_files_are_shown_as_the_app_was_spelled(run, app, monkeypatch, capsys):
    arguments = ["embed", run, "--app", app, "--package", "com.example"]
    assert run_cli(monkeypatch, *arguments, "--dry-run") == 0
    assert f"would be added: my app/{_MODEL}  15 bytes; run mlp-001, signport 0.1.0, sha256 " in capsys.readouterr().out
    assert run_cli(monkeypatch, *arguments) == 0
    shown = capsys.readouterr().out
    assert [line.split("  ")[0] for line in shown.splitlines()] == [
        f"added: my app/{_MODEL}",
        "added: my app/src/main/resources/models/mlp/labels.txt",
        "added: my app/src/main/resources/models/mlp/card.json",
        f"added: my app/{_KOTLIN}",
    ]
    assert run_cli(monkeypatch, *arguments) == 0
    assert capsys.readouterr().out.count("already up to date: ") == 4
    assert run_cli(monkeypatch, *arguments, "--dry-run") == 0
    assert "would be" not in capsys.readouterr().out


def test_a_replaced_model_and_one_that_was_left_are_told_of(run, other, app, monkeypatch, capsys):
    run_cli(monkeypatch, "embed", run, "--app", app, "--format", "int8", "--format", "float16")
    capsys.readouterr()
    assert run_cli(monkeypatch, "embed", other, "--app", app) == 0
    shown = capsys.readouterr().out
    assert "; run mlp-002, signport 0.1.0, sha256 " in shown
    assert "(was: run mlp-001, signport 0.1.0, sha256 " in shown
    assert "model_float16.tflite: sha256 " in shown


def test_check_is_silent_of_errors_where_all_is_right(run, app, monkeypatch, capsys):
    arguments = ["embed", run, "--app", app, "--package", "com.example"]
    run_cli(monkeypatch, *arguments)
    capsys.readouterr()
    assert run_cli(monkeypatch, *arguments, "--check") == 0
    shown = capsys.readouterr()
    assert shown.out.count("already up to date: ") == 4
    assert shown.err == ""


def test_check_names_every_difference_and_the_command(run, other, app, tmp_path, monkeypatch, capsys):
    arguments = ["embed", run, "--app", app, "--format", "int8", "--package", "com.example"]
    assert run_cli(monkeypatch, *arguments, "--check") == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == shown.err.count("missing: ") == 4
    assert not (tmp_path / app / "src/main/resources/models").exists()
    command = shown.err.splitlines()[0].split("`")[1]
    assert shlex.split(command) == ["signport", *map(str, arguments)]

    run_cli(monkeypatch, *arguments)
    run_cli(monkeypatch, "embed", other, "--app", app)
    (tmp_path / app / "src/main/resources/models/mlp/labels.txt").unlink()
    capsys.readouterr()
    assert run_cli(monkeypatch, *arguments, "--check") == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 3
    assert f"differs: my app/{_MODEL}: the run has run mlp-001, signport 0.1.0, sha256 " in shown.err
    assert "the app has run mlp-002, signport 0.1.0, sha256 " in shown.err
    assert "missing: my app/src/main/resources/models/mlp/labels.txt; run `signport embed" in shown.err
    assert "differs: my app/src/main/resources/models/mlp/card.json: " in shown.err
    assert f"already up to date: my app/{_KOTLIN}" in shown.out


def test_check_covers_the_constants(run, app, tmp_path, monkeypatch, capsys):
    arguments = ["embed", run, "--app", app, "--package", "com.example"]
    run_cli(monkeypatch, *arguments)
    constants = tmp_path / app / _KOTLIN
    constants.write_text(constants.read_text().replace('"A", 0', '"A", 1'))
    capsys.readouterr()
    assert run_cli(monkeypatch, *arguments, "--check") == 2
    assert f"differs: my app/{_KOTLIN}: the app has sha256 " in capsys.readouterr().err
    # They are the run's even where nobody says which package they are in.
    assert run_cli(monkeypatch, *arguments[:-2], "--check") == 2
    assert "embed again with --package com.example" in capsys.readouterr().err


def test_check_sees_a_format_of_another_run(run, other, app, monkeypatch, capsys):
    run_cli(monkeypatch, "embed", run, "--app", app, "--format", "float16")
    run_cli(monkeypatch, "embed", other, "--app", app, "--format", "int8")
    capsys.readouterr()
    assert run_cli(monkeypatch, "embed", other, "--app", app, "--format", "int8", "--check") == 2
    assert "model_float16.tflite: sha256 " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--check", "--dry-run"], "--check and --dry-run: both change nothing; choose one"),
        (["--format", "int2"], "--format int2: unknown"),
        (["--format", "task"], "has no task file"),
        (["--package", "com.fun"], "'fun' is a Kotlin keyword"),
        (["--package", ""], "a part of it is empty"),
        (["--into", "../x"], "lies outside the app"),
        (["--into", "/etc"], "lies outside the app"),
        (["--into", "src/main/resources/taken"], "is a file, where a folder belongs"),
        (["--into", "assets", "--package", "a.b"], "no Kotlin source set belongs to"),
    ],
)
def test_bad_input_is_status_2_and_one_line(run, app, tmp_path, monkeypatch, capsys, options, message):
    mark(tmp_path, f"{app}/src/main/resources/taken", "")
    assert run_cli(monkeypatch, "embed", run, "--app", app, *options) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""


def test_an_app_without_a_place_and_a_run_without_export_are_one_line(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "app").mkdir()
    for arguments, message in (((run, "--app", "app"), "--into"), (("app", "--app", "app"), "run `signport export")):
        monkeypatch.chdir(tmp_path)
        assert run_cli(monkeypatch, "embed", *arguments) == 2
        shown = capsys.readouterr().err
        assert message in shown
        assert shown.count("\n") == 1
