"""The Kotlin library against models exported in this session: Maven compiles it and runs its JUnit tests on them."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from tests.kotlin.gestures import write_gestures
from tests.kotlin.maven import PROJECT, maven, require_maven
from tests.kotlin.operators import write_operators
from tests.kotlin.reference import write_trace
from tests.kotlin.stream import write_stream
from tests.parity.family_runs import FAMILIES, family_run

from signport.export.golden import read_golden
from signport.files import read_json
from signport.parity.answers import Options
from signport.parity.check import parity
from signport.parity.jvm import target
from signport.parity.report.changes import Thresholds
from signport.parity.report.compare import compare

pytestmark = pytest.mark.slow
FORMATS = ("float32", "float16", "dynamic", "int8")
TRACED = 12


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Every family's exported run, with what LiteRT's reference kernels make of some of its golden vectors."""
    require_maven()
    folder = tmp_path_factory.mktemp("kotlin") / "runs"
    for family in FAMILIES:
        export = family_run(tmp_path_factory, family) / "export"
        shutil.copytree(export, folder / family / "export")
        (folder / family / "reference").mkdir()
        golden = read_golden(export)
        rows = np.concatenate([np.flatnonzero(golden.edge == "")[:TRACED], np.flatnonzero(golden.edge != "")])
        inputs = {name: values[rows] for name, values in golden.inputs.items()}
        for form in FORMATS:
            write_trace(folder / family / "reference" / f"{form}.trace", export / f"model_{form}.tflite", inputs)
        write_stream(folder / family, export)
    for form in ("float32", "int8"):
        write_gestures(folder / f"task_{form}", family_run(tmp_path_factory, "gesture_head"), form)
    write_operators(folder)
    return folder


@pytest.fixture(scope="module")
def built(runs) -> Path:
    """The folder that everything was compiled and tested into."""
    build = runs.parent / "build"
    maven(PROJECT / "pom.xml", "verify", f"-Dsignport.runs={runs}", f"-Dsignport.build={build}")
    return build


def _cases(built: Path, module: str) -> dict[str, list[ET.Element]]:
    """Test class → its test cases."""
    found = {}
    for path in (built / module / "surefire-reports").glob("TEST-*.xml"):
        suite = ET.parse(path).getroot()
        found[suite.get("name").rpartition(".")[2]] = list(suite.iter("testcase"))
    return found


def test_every_junit_test_ran(built):
    for module in ("signport-runtime", "signport-parity", "signport-example"):
        cases = _cases(built, module)
        assert cases, module
        skipped = [one.get("name") for suite in cases.values() for one in suite if one.find("skipped") is not None]
        assert not skipped, f"{module}: {skipped}"


def test_the_example_runs_as_the_readme_says(built, runs, tmp_path):
    readme = (PROJECT.parents[1] / "README.md").read_text(encoding="utf-8")
    jar = re.search(r"java -jar build/kotlin/(\S+)", readme)
    assert jar
    golden = read_golden(runs / "mlp/export")
    rows = np.flatnonzero((golden.edge == "") & (golden.label_names != ""))
    lines = [",".join([*(f"x{i}" for i in range(63)), "label"])]
    lines += [",".join([*map(str, golden.inputs["landmarks"][row].ravel()), golden.label_names[row]]) for row in rows]
    (tmp_path / "hands.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ["java", "-jar", str(built / jar.group(1)), str(runs / "mlp/export/model_int8.tflite"), "hands.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answered = golden.answers["int8"][rows].argmax(axis=1)
    right = int((answered == golden.labels[rows]).sum())
    assert f"{right} of {len(rows)}" in done.stdout
    command[-1] = "no-such.csv"
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("family", ["mlp", "lstm", "gesture_embedder"])
def test_its_parity_report_is_the_one_that_python_writes(built, runs, family, tmp_path, monkeypatch):
    jar = built / "signport-parity/signport-parity-all.jar"
    monkeypatch.setattr(target, "find_jar", lambda: jar)
    run = Path(shutil.copytree(runs / family, tmp_path / family))
    told = run / "parity/kotlin.json"
    command = ["java", "-jar", str(jar), "check", str(run), "--out", str(told), "--repeats", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    theirs = read_json(told)
    ours = read_json(parity(run, ["jvm"], options=Options(threads=(1,), repeats=3)).path)
    assert theirs.keys() == ours.keys()
    for form, expected in _formats(ours).items():
        _assert_same(_formats(theirs)[form], expected, form)
    compare(told, run / "parity/parity.json", Thresholds(latency_ratio=1e9)).require()


def _formats(report: dict) -> dict:
    return report["targets"]["jvm"]["runtimes"]["signport-runtime"]["formats"]


def _assert_same(found, expected, where: str) -> None:
    """The same figures, but for rounding and for times."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for name in expected.keys() - {"load_ms", "latency_us"}:
            _assert_same(found[name], expected[name], f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            _assert_same(one, other, f"{where}[{number}]")
    else:
        assert found == (pytest.approx(expected, 1e-6, 1e-12) if isinstance(expected, float) else expected), where


def test_every_file_was_held_to_the_reference_kernels(built):
    names = {one.get("name") for one in _cases(built, "signport-runtime")["TraceTest"]}
    assert len(names) >= 2 * len(FAMILIES) * len(FORMATS)
