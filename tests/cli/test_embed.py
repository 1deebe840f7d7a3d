import pytest
from tests.parity.faked_run import fresh_run
from tests.run_cli import run_cli


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


def test_files_are_copied_and_named_once(run, tmp_path, monkeypatch, capsys):
    app = tmp_path / "app"
    (app / "src/main/resources").mkdir(parents=True)
    model = app / "src/main/resources/models/mlp/model_float16.tflite"
    assert run_cli(monkeypatch, "embed", run, "--app", app, "--format", "float16", "--dry-run") == 0
    assert f"would be added: {model}" in capsys.readouterr().out
    assert not model.exists()
    assert run_cli(monkeypatch, "embed", run, "--app", app, "--format", "float16") == 0
    assert f"added: {model}" in capsys.readouterr().out
    assert model.read_bytes() == (run / "export/model_float16.tflite").read_bytes()
    assert run_cli(monkeypatch, "embed", run, "--app", app, "--format", "float16") == 0
    assert capsys.readouterr().out.count("already up to date: ") == 3


def test_an_app_without_a_place_is_status_2_and_one_line(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "app").mkdir()
    assert run_cli(monkeypatch, "embed", run, "--app", tmp_path / "app") == 2
    shown = capsys.readouterr().err
    assert "--into" in shown
    assert shown.count("\n") == 1
