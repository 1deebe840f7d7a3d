"""`--junit`: test results as the usual schema has them."""

import copy
import re
from xml.etree import ElementTree as ET

import pytest
from tests.parity.faked_run import fresh_run
from tests.parity.made_up_report import add_task, made_up_report

from signport.parity.answers import Answer
from signport.parity.report.junit import junit, write_junit

# https://github.com/windyroad/JUnit-Schema: an element's required attributes, other attributes, children.
_SCHEMA = {
    "testsuites": (set(), set(), {"testsuite"}),
    "testsuite": (
        {"id", "package", "name", "timestamp", "hostname", "tests", "failures", "errors", "time"},
        {"skipped"},
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": ({"classname", "name", "time"}, set(), {"skipped", "error", "failure"}),
    "skipped": (set(), {"message"}, set()),
    "error": ({"type"}, {"message"}, set()),
    "failure": ({"type"}, {"message"}, set()),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}
_ORDER = ["properties", "testcase", "system-out", "system-err"]


def _checked(content):
    root = ET.fromstring(content)
    assert root.tag == "testsuites"
    for element in root.iter():
        required, optional, children = _SCHEMA[element.tag]
        assert required <= set(element.attrib) <= required | optional
        assert {child.tag for child in element} <= children
    for number, suite in enumerate(root):
        tags = [child.tag for child in suite]
        assert tags == sorted(tags, key=_ORDER.index)
        assert {"properties", "system-out", "system-err"} <= set(tags)
        assert suite.get("id") == str(number)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))
        cases = suite.findall("testcase")
        assert all(len(case) <= 1 for case in cases)
        assert int(suite.get("tests")) == len(cases) > 0
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name)) == len(suite.findall(f"testcase/{tag}"))
    return root


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


def test_there_is_a_suite_a_runtime_and_a_case_a_gate(run, monkeypatch, tmp_path):
    report = made_up_report(monkeypatch, run)
    root = _checked(write_junit(report, tmp_path / "new/parity.xml").read_bytes())
    assert [suite.get("name") for suite in root] == [
        "desktop ai-edge-litert", "desktop tf.lite", "browser wasm", "arm64 native", "android chrome",
    ]  # fmt: skip
    runtimes = report.content["targets"]["browser"]["runtimes"]
    gates = [gate["name"] for file in runtimes["wasm"]["formats"].values() for gate in file["gates"]]
    assert [case.get("name") for case in root[2].findall("testcase")] == gates
    assert not root.findall(".//failure")


def test_a_skipped_runtime_is_skipped_with_its_reason(run, monkeypatch):
    root = _checked(junit(made_up_report(monkeypatch, run).content))
    (skipped,) = root.findall(".//skipped")
    assert "`adb devices` must list it" in skipped.get("message")


def test_a_broken_gate_is_a_failure_in_its_words(run, monkeypatch):
    def failed(runtime, form, answer):
        if runtime != "wasm":
            return answer
        return {"int8": Answer("failed", "crashed\x00\x1b"), "dynamic": Answer("skipped", "too <new>")}.get(
            form, answer
        )

    root = _checked(junit(made_up_report(monkeypatch, run, failed).content))
    (failure,) = root.findall(".//failure")
    assert failure.get("message") == "int8 runs: 0, must be ≥ 1"
    assert "crashed��" in failure.text
    assert "try a newer release" in failure.text
    assert root.find(".//skipped").get("message") == "too <new>"


def test_a_tasks_gates_are_cases_too(run, monkeypatch):
    content = made_up_report(monkeypatch, run).content
    add_task(content)
    cases = [case for case in _checked(junit(content)).iter("testcase") if case.get("classname").endswith(".task")]
    assert [len(case) for case in cases] == [0, 1]


def test_a_runtime_that_could_not_be_started_is_an_error(run, monkeypatch):
    content = copy.deepcopy(made_up_report(monkeypatch, run).content)
    content["targets"]["browser"]["runtimes"]["wasm"] |= {"status": "failed", "reason": "no window", "formats": {}}
    root = _checked(junit(content))
    (error,) = root.findall(".//error")
    assert error.get("message") == "no window"
