import json

from tests.parity.faked_run import fresh_run
from tests.run_cli import run_cli


def test_a_model_is_shown_to_people_and_to_programs(tmp_path_factory, tmp_path, monkeypatch, capsys):
    path = fresh_run(tmp_path_factory, tmp_path) / "export/model_float16.tflite"
    assert run_cli(monkeypatch, "inspect", path) == 0
    assert "input landmarks: float32 [1, 21, 3]" in capsys.readouterr().out
    assert run_cli(monkeypatch, "inspect", path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["bytes"]) == ("model", path.stat().st_size)


def test_a_damaged_file_is_status_2_and_one_line(tmp_path, monkeypatch, capsys):
    path = tmp_path / "cut.task"
    path.write_bytes(b"PK\x03\x04 and nothing more")
    assert run_cli(monkeypatch, "inspect", path) == 2
    shown = capsys.readouterr().err
    assert "cut.task: a damaged zip archive" in shown
    assert shown.count("\n") == 1
