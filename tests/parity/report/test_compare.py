"""`parity compare`: what changed, and when that is too much."""

import copy
import json

import pytest
from tests.parity.faked_run import fresh_run
from tests.parity.made_up_report import add_task, made_up_report

from signport.cli.parity_compare import compare as command
from signport.errors import GateError, SignportError
from signport.files import write_json
from signport.parity.report.changes import Thresholds
from signport.parity.report.compare import compare, print_comparison


@pytest.fixture
def reports(tmp_path_factory, tmp_path, monkeypatch):
    """A report's file, and a function that changes a copy of its content and compares the two."""
    report = made_up_report(monkeypatch, fresh_run(tmp_path_factory, tmp_path))

    def changed(change, **thresholds):
        content = copy.deepcopy(report.content)
        change(content)
        write_json(tmp_path / "changed.json", content)
        return compare(report.path, tmp_path / "changed.json", Thresholds(**thresholds))

    return report, changed


def _file(content, form="int8", target="desktop", runtime="ai-edge-litert"):
    return content["targets"][target]["runtimes"][runtime]["formats"][form]


def _verdicts(found):
    return [(change.where, change.form, change.what, change.verdict) for change in found.changes]


def test_a_report_is_as_good_as_itself(reports):
    report, changed = reports
    found = changed(lambda content: None)
    found.require()
    assert found.changes == found.notes == ()
    folder = report.path.parent.parent
    assert compare(folder, report.path.parent).changes == ()


@pytest.mark.parametrize(
    ("key", "drop", "threshold", "what"),
    [("top1", 0.02, "agreement_drop", "agreement"), ("sqnr_db", 4, "sqnr_drop_db", "SQNR")],
)
def test_a_drop_over_its_threshold_is_a_regression_and_one_below_is_not(reports, key, drop, threshold, what):
    def worse(content):
        _file(content)["figures"][key] -= drop

    _, changed = reports
    found = changed(worse)
    assert _verdicts(found) == [("desktop ai-edge-litert", "int8", what, "regression")]
    with pytest.raises(GateError, match=f"1 regression since .*ai-edge-litert int8 {what}: "):
        found.require()
    found = changed(worse, **{threshold: drop})
    assert _verdicts(found) == [("desktop ai-edge-litert", "int8", what, "worse")]
    found.require()


def test_lost_accuracy_and_a_larger_file_are_regressions(reports):
    def worse(content):
        _file(content)["accuracy"]["value"] -= 0.05
        content["files"]["float32"]["bytes"] *= 2

    _, changed = reports
    assert _verdicts(changed(worse)) == [
        ("file", "float32", "size", "regression"),
        ("desktop ai-edge-litert", "int8", "accuracy", "regression"),
    ]
    found = changed(worse, accuracy_drop=0.1, size_ratio=2)
    assert {change.verdict for change in found.changes} == {"worse"}


def test_sqnr_that_nobody_can_hear_is_no_matter(reports):
    def change(content):
        _file(content, "float32")["figures"]["sqnr_db"] = 90.0

    report, changed = reports
    assert _file(report.content, "float32")["figures"]["sqnr_db"] > 100
    assert changed(change).changes == ()


def test_gates_that_broke_and_that_were_mended(reports):
    def broke(content):
        gate = next(gate for gate in _file(content)["gates"] if gate["name"] == "int8 agreement")
        gate |= {"value": 0.5, "passed": False}
        content["status"] = "failed"

    report, changed = reports
    found = changed(broke)
    assert _verdicts(found) == [
        ("desktop ai-edge-litert", "int8", "gate int8 agreement", "regression"),
        ("report", "", "status", "worse"),
    ]
    mended = compare(found.after, report.path)
    mended.require()
    assert {change.verdict for change in mended.changes} == {"better"}


def test_slower_is_a_regression_on_the_same_machine_only(reports):
    def slower(content):
        for key in ("median_us", "p5_us", "p95_us"):
            _file(content)["latency_us"]["1"][key] *= 1.5

    def elsewhere(content):
        slower(content)
        content["machine"]["processor"] = "another"

    def other_device(content):
        browser = content["targets"]["browser"]["runtimes"]["wasm"]
        browser["device"] = {"browser": "Chromium 157"}
        browser["formats"]["int8"]["latency_us"]["1"] = {"median_us": 9e9, "p5_us": 8e9, "p95_us": 9e9, "repeats": 3}

    _, changed = reports
    assert _verdicts(changed(slower)) == [("desktop ai-edge-litert", "int8", "latency, 1 thread", "regression")]
    changed(slower, latency_ratio=1.5).require()
    found = changed(elsewhere)
    assert found.changes == ()
    assert "not comparable: another machine (processor" in found.notes[0]
    found = changed(other_device)
    assert found.changes == ()
    assert found.notes == ("Latencies of browser wasm are not comparable: another device.",)


def test_a_median_that_a_busy_machine_moved_is_no_regression(reports):
    def busy(content):
        _file(content)["latency_us"]["1"] |= {"median_us": 60.0, "p95_us": 900.0}

    _, changed = reports
    assert _verdicts(changed(busy)) == [("desktop ai-edge-litert", "int8", "latency, 1 thread", "worse")]


def test_what_ran_before_must_not_fail_or_be_gone(reports):
    def lost(content):
        del content["targets"]["desktop"]["runtimes"]["tf.lite"]
        content["targets"]["browser"]["runtimes"]["wasm"] |= {"status": "failed", "formats": {}}
        del content["targets"]["arm64"]["runtimes"]["native"]["formats"]["int8"]
        content["targets"]["android"]["runtimes"]["chrome"]["status"] = "ran"

    _, changed = reports
    assert _verdicts(changed(lost)) == [
        ("desktop tf.lite", "", "status", "regression"),
        ("browser wasm", "", "status", "regression"),
        ("arm64 native", "int8", "status", "regression"),
        ("android chrome", "", "status", "better"),
    ]


def test_what_is_skipped_now_is_a_warning_and_with_strict_a_regression(reports):
    def skipped(content):
        content["targets"]["browser"]["runtimes"]["wasm"] |= {"status": "skipped", "formats": {}}

    _, changed = reports
    found = changed(skipped)
    found.require()
    assert _verdicts(found) == [("browser wasm", "", "status", "warning")]
    with pytest.raises(GateError, match="browser wasm status: ran → skipped"):
        changed(skipped, strict=True).require()


def test_new_and_missing_formats_are_told(reports):
    def fewer(content):
        del content["files"]["float16"]

    report, changed = reports
    found = changed(fewer)
    assert ("file", "float16", "export", "regression") in _verdicts(found)
    assert ("file", "float16", "export", "new") in _verdicts(compare(found.after, report.path))


def test_a_task_is_compared_like_the_files(reports):
    report, changed = reports
    add_task(report.content)
    write_json(report.path, report.content)

    def worse(content):
        task = content["targets"]["desktop"]["runtimes"]["ai-edge-litert"]["task"]
        task["accuracy"]["value"] = 0.5
        task["latency_us"] = {"median": 32_000.0, "p5": 30_000.0, "p95": 50_000.0}
        task["gates"][0] |= {"value": 0.1, "passed": False}

    found = changed(worse)
    assert {change.what for change in found.regressions} == {
        "gate task score difference in IMAGE mode", "accuracy", "latency, 1 thread",
    }  # fmt: skip
    gone = changed(lambda content: content.update(task=None))
    assert ("file", ".task", "export", "regression") in _verdicts(gone)


def test_reports_that_cannot_be_compared_are_refused_in_one_line(reports, tmp_path):
    report, changed = reports
    with pytest.raises(SignportError, match=r"no parity\.json in it; run `signport parity"):
        compare(report.path, tmp_path / "run/export")
    with pytest.raises(SignportError, match="no such file"):
        compare(report.path, tmp_path / "missing.json")
    with pytest.raises(SignportError, match=r"schema is 'signport\.parity/1', expected 'signport\.parity/2'"):
        changed(lambda content: content.update(schema="signport.parity/1"))
    with pytest.raises(SignportError, match="answers embedding"):
        changed(lambda content: content.update(output="embedding"))
    with pytest.raises(SignportError, match="machine: missing"):
        changed(lambda content: content.pop("machine"))
    with pytest.raises(SignportError, match="lacks something"):
        changed(lambda content: _file(content).pop("status"))
    write_json(tmp_path / "list.json", [])
    with pytest.raises(SignportError, match="schema is None"):
        compare(report.path, tmp_path / "list.json")


@pytest.mark.parametrize(
    ("name", "value"), [("accuracy_drop", -0.1), ("latency_ratio", 0.5), ("sqnr_drop_db", float("nan"))]
)
def test_thresholds_that_make_no_sense_are_refused(name, value):
    with pytest.raises(SignportError, match=f"--max-{name.replace('_', '-')}"):
        Thresholds(**{name: value})


def test_the_command_prints_the_worst_first_and_fails(reports, capsys, tmp_path):
    def worse(content):
        for runtime in ("ai-edge-litert", "tf.lite"):
            _file(content, runtime=runtime)["figures"]["top1"] = 0.5
        content["files"]["int8"]["bytes"] -= 100

    report, changed = reports
    found = changed(worse)
    print_comparison(found)
    lines = capsys.readouterr().out
    assert lines.index("regression") < lines.index("better")
    assert "desktop ai-edge-litert and 1 more" in lines
    assert "2 regressions, 3 changes" in lines
    with pytest.raises(GateError) as error:
        command(report.path, found.after, as_json=True)
    assert error.value.exit_status == 1
    content = json.loads(capsys.readouterr().out)
    assert content["passed"] is False
    assert [change["verdict"] for change in content["changes"]] == ["regression", "regression", "better"]
    command(report.path, found.after, max_agreement_drop=0.9)
