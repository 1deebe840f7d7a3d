import json

from tests.run_cli import run_cli

from signport import environment
from signport.environment import Finding


def test_doctor_is_content_where_the_tests_run(monkeypatch, capsys):
    assert run_cli(monkeypatch, "doctor") == 0
    printed = capsys.readouterr().out
    assert "mediapipe" in printed
    assert "0.10.21" in printed


def test_something_required_that_is_missing_is_status_1_with_its_remedy(monkeypatch, capsys):
    found = [Finding("keras", None, True, "make setup"), Finding("adb", None, False, "make setup-targets")]
    monkeypatch.setattr(environment, "survey", lambda: found)
    assert run_cli(monkeypatch, "doctor") == 1
    printed = capsys.readouterr()
    assert printed.err == "signport: keras is missing: make setup\n"
    assert "make setup-targets" in printed.out
    assert "needed only for what stands beside it: adb" in printed.out


def test_doctor_prints_json_for_programs(monkeypatch, capsys):
    assert run_cli(monkeypatch, "doctor", "--json") == 0
    found = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert found["hand models"]["status"] == "ok"
