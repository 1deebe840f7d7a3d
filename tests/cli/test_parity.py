import json
import xml.etree.ElementTree as ET

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


def test_a_report_for_ci_and_two_reports_side_by_side(run, tmp_path, monkeypatch, capsys):
    junit = tmp_path / "parity.xml"
    arguments = ["--threads", "1", "--repeats", 3, "--junit", junit, "--layers"]
    assert run_cli(monkeypatch, "parity", run, *arguments) == 0
    assert ET.parse(junit).getroot().tag == "testsuites"
    assert (run / "parity/parity.html").is_file()
    assert (run / "parity/parity.md").is_file()
    assert run_cli(monkeypatch, "parity", "compare", run, run / "parity/parity.json") == 0
    capsys.readouterr()
    assert run_cli(monkeypatch, "parity", "compare", run, tmp_path / "nowhere") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_without_a_run_there_is_nothing_to_compare(monkeypatch, capsys):
    assert run_cli(monkeypatch, "parity") == 2
    assert "RUN is missing" in capsys.readouterr().err


def test_help_is_of_the_check_and_names_compare(monkeypatch, capsys):
    assert run_cli(monkeypatch, "parity", "--help") == 0
    shown = capsys.readouterr().out
    assert "--targets" in shown
    assert "signport parity compare" in shown


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
