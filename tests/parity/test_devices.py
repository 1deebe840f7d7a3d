"""Every family on every target, and the faults that each target has to notice: the matrix that parity is there for."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.parity.adb_device.phone import Phone
from tests.parity.adb_device.private_adb import own_adb
from tests.parity.faked_run import reseal, without_runtime
from tests.parity.family_runs import FAMILIES, family_run, fresh_family_run
from tests.parity.faults import edited, fed_differently, permute_outputs, scale_weights, shift_zero_point

from signport.errors import SignportError
from signport.export.golden import read_golden, write_golden
from signport.files import read_json, write_json, write_text
from signport.parity.android import bundle as android_bundle
from signport.parity.answers import Options
from signport.parity.arm64 import root as arm64_root
from signport.parity.arm64 import target as arm64_target
from signport.parity.browser.page_http import page_is_built
from signport.parity.browser.process import find_browser
from signport.parity.check import parity
from signport.parity.job import Job
from signport.parity.jvm.jar import find_jar, find_java

pytestmark = pytest.mark.slow
QUICK = Options(threads=(1,), repeats=3, warm_up=1)
TARGETS = ("desktop", "browser", "arm64", "android", "jvm")
FAULTY_FAMILY = "lstm"


def _missing(target: str) -> str:
    """Why a target cannot run here, and what brings it; empty if it can."""
    if target in ("browser", "android") and (find_browser() is None or not page_is_built()):
        return "no Chromium, or no page: `make setup-targets`"
    if target in ("arm64", "android") and not arm64_root.native() and (reason := arm64_root.missing()):
        return reason
    needed = {"android": (android_bundle.find_bundle,), "jvm": (find_java, find_jar)}.get(target, ())
    try:
        for find in needed:
            find()
    except SignportError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def adb(tmp_path_factory):
    with own_adb(tmp_path_factory.mktemp("adb")) as adb:
        yield adb


@pytest.fixture(scope="module")
def known_fault():
    """What the emulator's canary says, asked once for all of these tests."""
    ask, known = arm64_target.emulator_fault, {}

    def once(root: Path, job: Job, options: Options) -> str:
        if root not in known:
            known[root] = ask(root, job, options)
        return known[root]

    return once


@pytest.fixture(params=TARGETS)
def target(request, tmp_path, monkeypatch, known_fault):
    """A target that can run here; the phone is one that the tests plug in."""
    if reason := _missing(request.param):
        # Where everything was installed, nothing may be skipped: a missing part is a failed installation.
        (pytest.fail if os.environ.get("SIGNPORT_ALL_TARGETS") else pytest.skip)(reason)
    if request.param == "desktop":
        without_runtime(monkeypatch, "tf.lite")  # it takes seconds to import, and tests/parity/test_check.py has it
    if request.param == "arm64":
        monkeypatch.setattr(arm64_target, "emulator_fault", known_fault)
    if request.param != "android":
        yield request.param
        return
    adb = request.getfixturevalue("adb")
    with adb.plugged(Phone(tmp_path / "phone", browser=find_browser())):
        yield request.param


@pytest.fixture(scope="module")
def faulty_files(tmp_path_factory) -> dict[str, dict[str, bytes]]:
    """Fault → format → file: each fault in the format that hides it best, or in every one that can have it."""
    run = family_run(tmp_path_factory, FAULTY_FAMILY)
    files = {path.stem.removeprefix("model_"): path.read_bytes() for path in (run / "export").glob("*.tflite")}
    return {
        "a weight scaled by 1.05": {form: edited(content, scale_weights) for form, content in files.items()},
        "classes permuted in the graph": {form: edited(content, permute_outputs) for form, content in files.items()},
        "an int8 zero point off by one": {"int8": edited(files["int8"], shift_zero_point)},
        "hands swapped": {"float32": fed_differently(run, "swapped hands")},
        "a wrong normalization constant": {"float32": fed_differently(run, "wrong normalization")},
    }


def _only(run: Path, forms) -> None:
    card = read_json(run / "export/card.json")
    write_json(run / "export/card.json", {**card, "files": {form: card["files"][form] for form in forms}})


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_passes_on_every_target(target, family, tmp_path_factory):
    report = parity(family_run(tmp_path_factory, family), [target], options=QUICK)
    report.require()
    runtimes = report.content["targets"][target]["runtimes"]
    ran = {name: one for name, one in runtimes.items() if one["status"] == "ran"}
    for form in ("float32", "float16", "dynamic", "int8"):
        formats = [one["formats"][form] for one in ran.values() if form in one["formats"]]
        answered = [found for found in formats if found["status"] == "ran"]
        assert answered, f"{form} was answered nowhere: {[found['reason'] for found in formats]}"
        for found in answered:
            assert found["sha256"] == report.content["files"][form]["sha256"]
            assert len(found["gates"]) >= 4
            assert found["edge_cases"]


@pytest.mark.parametrize(
    "fault",
    [
        "a weight scaled by 1.05",
        "classes permuted in the graph",
        "an int8 zero point off by one",
        "hands swapped",
        "a wrong normalization constant",
    ],
)
def test_every_target_notices_a_faulty_file(target, fault, faulty_files, tmp_path_factory, tmp_path):
    run = fresh_family_run(tmp_path_factory, tmp_path, FAULTY_FAMILY)
    _only(run, faulty_files[fault])
    for form, content in faulty_files[fault].items():
        reseal(run, form, content)
    report = parity(run, [target], options=QUICK)
    assert report.status == "failed"
    runtimes = report.content["targets"][target]["runtimes"]
    for name, one in runtimes.items():
        for form, found in one["formats"].items():
            if found["status"] == "ran":
                assert not all(gate["passed"] for gate in found["gates"]), f"{name} lets {fault} pass in {form}"
    tables = {table["form"]: table for table in report.content["layers"] if table["against"] == "export"}
    for form in faulty_files[fault]:
        assert tables[form]["first"] or "another graph" in tables[form]["verdict"], tables[form]["verdict"]


def test_every_target_refuses_a_stale_file(target, tmp_path_factory, tmp_path):
    run = fresh_family_run(tmp_path_factory, tmp_path, FAULTY_FAMILY)
    path = run / "export/model_int8.tflite"
    path.write_bytes(edited(path.read_bytes(), scale_weights))
    with pytest.raises(SignportError, match=r"model_int8\.tflite: sha256 .* stale or changed"):
        parity(run, [target], options=QUICK)


def test_every_target_refuses_permuted_labels(target, tmp_path_factory, tmp_path):
    run = fresh_family_run(tmp_path_factory, tmp_path, FAULTY_FAMILY)
    card = read_json(run / "export/card.json")
    permuted = [*card["classes"][1:], card["classes"][0]]
    write_text(run / "export/labels.txt", "".join(f"{name}\n" for name in permuted))
    with pytest.raises(SignportError, match=r"labels\.txt: its labels are not those of card\.json, from number 0 on"):
        parity(run, [target], options=QUICK)
    write_json(run / "export/card.json", {**card, "classes": permuted})
    with pytest.raises(SignportError, match="labels are permuted"):
        parity(run, [target], options=QUICK)


def test_every_target_notices_that_it_read_another_file(target, tmp_path_factory, tmp_path, monkeypatch):
    """The digest that counts is the one of what arrived: a target whose copy went wrong must not pass."""
    run = fresh_family_run(tmp_path_factory, tmp_path, FAULTY_FAMILY)
    _only(run, ["int8"])
    from signport.parity import check as module

    load = module.load_job

    def with_another_digest(path):
        job = load(path)
        entry = {**job.card["files"]["int8"], "sha256": "0" * 64}
        return replace(job, card={**job.card, "files": {"int8": entry}})

    monkeypatch.setattr(module, "load_job", with_another_digest)
    report = parity(run, [target], options=QUICK)
    assert any("int8 read from another file: 1 (BREAKS" in words for words in report.broken)


def test_a_float_model_that_answers_an_edge_case_with_nan_is_refused(tmp_path_factory, tmp_path):
    run = fresh_family_run(tmp_path_factory, tmp_path, "mlp")
    golden = read_golden(run / "export")
    output = golden.output.copy()
    output[golden.edge == "all missing"] = np.nan
    write_golden(run / "export", replace(golden, output=output))
    with pytest.raises(SignportError, match="output holds NaN"):
        parity(run, options=QUICK)
