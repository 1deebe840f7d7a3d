"""`parity` on a faked run: it passes as it is, and each fault put in is caught, as whose it is."""

import json
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
from tests.parity.faked_run import (
    CLIP_FORMATS,
    SAMPLES,
    fresh_clip_run,
    fresh_run,
    fused_lstm_file,
    reseal,
    without_runtime,
)
from tests.parity.faults import edited, scale_weights

from signport.errors import GateError, SignportError
from signport.export.golden import read_golden, write_golden
from signport.files import read_json, write_json
from signport.models.gates import Gates
from signport.models.litert import LiteRtModel
from signport.parity.answers import Answer, Options, RuntimeAnswers
from signport.parity.check import parity
from signport.parity.job import load_job
from signport.parity.judgement import judge_target, skipped_words
from signport.parity.table import print_report

QUICK = Options(threads=(1,), repeats=5, warm_up=1)
_FAKE_RUNTIME = """
    import os, signal
    from ai_edge_litert.interpreter import Interpreter as Real
    class Interpreter:
        def __init__(self, model_path, num_threads):
            self.path, self.real = model_path, Real(model_path=model_path, num_threads=num_threads)
        def __getattr__(self, name):
            return getattr(self.real, name)
        def invoke(self):
            if "float16" in self.path:
                os.kill(os.getpid(), signal.SIGSEGV)
            self.real.invoke()
        def get_tensor(self, index):
            values = self.real.get_tensor(index).copy()
            if "dynamic" in self.path:
                values *= float("nan")
            return values[..., ::-1] if "int8" in self.path else values
"""


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


def _fake_tflite_runtime(tmp_path, monkeypatch, content):
    package = tmp_path / "fakes/tflite_runtime"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "interpreter.py").write_text(textwrap.dedent(content))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fakes"))


def _only(run, *forms):
    card = read_json(run / "export/card.json")
    card["files"] = {form: card["files"][form] for form in forms}
    write_json(run / "export/card.json", card)


def _without_tensorflow(monkeypatch):
    """Leaves out the runtime that takes seconds to import."""
    without_runtime(monkeypatch, "tf.lite")


@pytest.fixture
def quick(monkeypatch):
    import signport.parity.desktop  # noqa: F401

    _without_tensorflow(monkeypatch)


def test_every_file_passes_in_every_runtime_and_the_table_shows_it(run, capsys):
    report = parity(run, options=replace(QUICK, threads=(1, 2)))
    report.require()
    assert report.status == "passed"
    content = json.loads((run / "parity/parity.json").read_text())
    assert content == json.loads(json.dumps(report.content))
    runtimes = content["targets"]["desktop"]["runtimes"]
    wanted = ["ai-edge-litert", "ai-edge-litert, no XNNPACK", "compiled-model", "tf.lite"]
    wanted += ["tflite-runtime"] if sys.version_info < (3, 12) else []
    assert [name for name, one in runtimes.items() if one["status"] == "ran"] == wanted
    for name in wanted:
        assert list(runtimes[name]["formats"]) == ["float32", "float16", "dynamic", "int8"]
        for found in runtimes[name]["formats"].values():
            assert found["gates"]
            assert all(gate["passed"] for gate in found["gates"])
            assert found["accuracy"]["value"] == 1
            assert found["accuracy"]["low"] < 1
            assert set(found["latency_us"]) == {"1", "2"}
            assert found["latency_us"]["1"]["p5_us"] <= found["latency_us"]["1"]["median_us"]
        digests = {form: found["sha256"] for form, found in runtimes[name]["formats"].items()}
        assert digests == {form: entry["sha256"] for form, entry in content["files"].items()}
    delegated = {name: runtimes[name]["formats"]["int8"]["delegated"] for name in wanted[:3]}
    assert delegated == {"ai-edge-litert": pytest.approx(0.6, abs=0.4), wanted[1]: 0, "compiled-model": None}
    assert runtimes["ai-edge-litert"]["formats"]["float32"]["figures"]["max_abs"] < 1e-5
    assert runtimes["ai-edge-litert"]["formats"]["int8"]["figures"]["max_abs"] > 0
    assert runtimes["tf.lite"]["formats"]["int8"]["against_reference"]["steps"] <= 1
    for found in runtimes["compiled-model"]["formats"].values():
        assert found["against_reference"]["max_abs"] == 0
    print_report(report)
    table = capsys.readouterr().out
    assert f"{SAMPLES} golden samples" in table
    assert "tf.lite" in table
    assert "not exported" not in table
    assert "passed" in table


def test_a_sequence_model_without_int8_passes_and_its_int8_is_a_dash(tmp_path_factory, tmp_path, capsys, quick):
    run = fresh_clip_run(tmp_path_factory, tmp_path)
    report = parity(run, options=replace(QUICK, threads=(1, 2)))
    report.require()
    runtimes = report.content["targets"]["desktop"]["runtimes"]
    for name in ("ai-edge-litert", "compiled-model"):
        assert list(runtimes[name]["formats"]) == list(CLIP_FORMATS)
        assert runtimes[name]["formats"]["float32"]["accuracy"]["value"] == 1
        assert runtimes[name]["formats"]["float32"]["latency_us"]["2"]["repeats"] == QUICK.repeats
    print_report(report)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "not exported" in line)
    assert "int8" in line
    assert "-" in line


def test_a_fused_lstm_that_was_asked_for_passes_where_it_runs_and_compiled_model_is_skipped(
    tmp_path_factory, tmp_path, quick
):
    run = fresh_clip_run(tmp_path_factory, tmp_path)
    content = fused_lstm_file()
    _only(run, "float32")
    reseal(run, "float32", content)
    golden = read_golden(run / "export")
    answers = LiteRtModel(content).predict([golden.inputs["landmarks"]])
    write_golden(run / "export", replace(golden, output=answers, answers={"float32": answers}))
    unasked = parity(run, options=QUICK)
    assert any("variable tensors: 2 (BREAKS" in words for words in unasked.broken)
    card = read_json(run / "export/card.json")
    write_json(run / "export/card.json", {**card, "lstm": "fused"})
    asked = parity(run, options=QUICK)
    asked.require()
    skipped = asked.content["targets"]["desktop"]["runtimes"]["compiled-model"]
    assert skipped["status"] == "skipped"
    assert "variable tensors" in skipped["reason"]


def test_a_runtimes_own_fault_shows_as_the_runtimes(run, tmp_path, monkeypatch, quick):
    _fake_tflite_runtime(tmp_path, monkeypatch, _FAKE_RUNTIME)
    report = parity(run, options=QUICK)
    assert report.status == "failed"
    formats = report.content["targets"]["desktop"]["runtimes"]["tflite-runtime"]["formats"]
    assert formats["float32"]["fault"] is None
    assert "SIGSEGV" in formats["float16"]["reason"]
    assert {formats[form]["fault"] for form in ("float16", "dynamic", "int8")} == {"runtime"}
    assert not formats["dynamic"]["figures"]["finite"]
    assert formats["int8"]["against_reference"]["steps"] > 1
    with pytest.raises(GateError, match=r"tflite-runtime int8 agreement.*the runtime's fault"):
        report.require()
    assert not any("ai-edge-litert int8" in words.partition(":")[0] for words in report.broken)


def test_a_faulty_file_shows_as_the_files_fault(run, quick):
    reseal(run, "float32", edited((run / "export/model_float32.tflite").read_bytes(), scale_weights))
    _only(run, "float32")
    report = parity(run, options=QUICK)
    runtimes = report.content["targets"]["desktop"]["runtimes"]
    assert runtimes["ai-edge-litert"]["formats"]["float32"]["fault"] == "file"
    assert any("ai-edge-litert float32 max abs error" in words for words in report.broken)


def test_a_missing_runtime_is_skipped_and_says_how_to_get_it(run, tmp_path, monkeypatch, quick):
    _only(run, "float32")
    _fake_tflite_runtime(tmp_path, monkeypatch, "raise ModuleNotFoundError(name='tflite_runtime')")
    report = parity(run, options=QUICK)
    missing = report.content["targets"]["desktop"]["runtimes"]["tflite-runtime"]
    assert missing["status"] == "skipped"
    assert "make setup" in missing["reason"]
    assert missing["formats"] == {}
    assert report.status == "passed"


def test_nothing_that_could_be_run_is_not_a_pass(run, tmp_path, monkeypatch, quick):
    _fake_tflite_runtime(tmp_path, monkeypatch, "raise ModuleNotFoundError(name='tflite_runtime')")
    without_runtime(monkeypatch, "ai-edge-litert")
    without_runtime(monkeypatch, "ai-edge-litert, no XNNPACK")
    without_runtime(monkeypatch, "compiled-model")
    report = parity(run, options=QUICK)
    assert report.status == "skipped"
    with pytest.raises(GateError, match="nothing could be run"):
        report.require()


def test_a_runtime_that_cannot_be_imported_fails(run, tmp_path, monkeypatch, quick):
    _only(run, "float32")
    _fake_tflite_runtime(tmp_path, monkeypatch, "raise ImportError('libfoo.so is missing')")
    report = parity(run, options=QUICK)
    assert "libfoo.so is missing" in report.content["targets"]["desktop"]["runtimes"]["tflite-runtime"]["reason"]
    assert report.status == "failed"


def test_a_tightened_gate_breaks_and_a_loosened_one_is_refused(run, quick):
    _only(run, "int8")
    report = parity(run, tighten={"int8_sqnr_db": 90}, options=QUICK)
    assert any("int8 SQNR" in words for words in report.broken)
    with pytest.raises(SignportError, match="give at least 20"):
        parity(run, tighten={"int8_sqnr_db": 5})
    with pytest.raises(SignportError, match=r"give at most 0\.0001"):
        parity(run, tighten={"float32_max_abs": 1})
    with pytest.raises(SignportError, match="no such gate"):
        parity(run, tighten={"nonsense": 1})


def test_the_recipes_stricter_gates_come_with_the_card(run, quick):
    _only(run, "int8")
    card = read_json(run / "export/card.json")
    write_json(run / "export/card.json", {**card, "stricter_gates": {"int8_sqnr_db": 90}})
    report = parity(run, options=QUICK)
    assert report.content["gates"]["int8_sqnr_db"] == 90
    assert any("int8 SQNR (dB)" in words for words in report.broken)


def test_a_runtime_that_takes_no_file_is_skipped_not_passed(run):
    job = load_job(run)
    none = {form: Answer("skipped", "too new for it") for form in job.files}
    (result,) = judge_target(job, Gates(), "browser", [RuntimeAnswers("webgpu", "ran", files=none)])
    assert result.answers.status == "skipped"
    assert result.answers.reason == "it takes none of these files: too new for it"
    assert skipped_words([result])
    some = {**none, "int8": Answer("ran", output=job.reference)}
    (result,) = judge_target(job, Gates(), "browser", [RuntimeAnswers("webgpu", "ran", files=some)])
    assert result.answers.status == "ran"


def test_a_check_does_without_tensorflow_which_takes_seconds_to_import(run):
    code = f"""
import sys
from signport.parity.answers import Options
from signport.parity.check import parity
parity({str(run)!r}, options=Options(threads=(1,), repeats=3))
print({{"keras", "tensorflow"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_unknown_targets_are_refused(run):
    with pytest.raises(SignportError, match="'toaster': unknown"):
        parity(run, ["toaster"])


def test_a_report_folder_that_cannot_be_written_is_told_before_the_work(run):
    (run / "parity").write_text("in the way")
    with pytest.raises(SignportError, match="cannot write"):
        parity(run)
