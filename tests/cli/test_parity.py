import json

import pytest
from tests.parity.faked_run import fresh_run, without_runtime
from tests.run_cli import run_cli


@pytest.fixture
def run(tmp_path_factory, tmp_path, monkeypatch):
    # tf.lite takes seconds to import; tests/parity runs it.
    without_runtime(monkeypatch, "tf.lite")
    return fresh_run(tmp_path_factory, tmp_path)


def test_passing_is_status_0_and_a_table(run, monkeypatch, capsys):
    assert run_cli(monkeypatch, "parity", run, "--threads", "1", "--repeats", 3) == 0
    shown = capsys.readouterr().out
    assert "ai-edge-litert" in shown
    assert "passed" in shown


def test_a_broken_gate_is_status_1_named_and_reported_as_json(run, monkeypatch, capsys):
    status = run_cli(
        monkeypatch, "parity", run, "--threads", "1", "--repeats", 3, "--tighten", "int8_sqnr_db=99", "--json"
    )
    assert status == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["status"] == "failed"
    assert json.loads((run / "parity/parity.json").read_text())["status"] == "failed"
    assert "ai-edge-litert int8 SQNR (dB)" in shown.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--threads", "two"], "--threads two"),
        (["--threads", "0"], "--threads [0]"),
        (["--repeats", "0"], "--repeats 0"),
        (["--tighten", "int8_agreement"], "--tighten int8_agreement"),
        (["--targets", "moon"], "'moon'"),
        (["--targets", ""], "--targets: empty"),
        (["--stream-frames", "-1"], "--stream-frames -1"),
    ],
)
def test_bad_options_are_status_2_and_one_line(run, monkeypatch, capsys, arguments, words):
    assert run_cli(monkeypatch, "parity", run, *arguments) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert shown.count("\n") == 1
    assert not (run / "parity").exists()
