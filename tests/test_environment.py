import subprocess
import sys
from importlib import metadata

from signport import environment
from signport.environment import Finding, survey
from signport.landmarks import hand_detector


def _by_name() -> dict[str, Finding]:
    return {finding.name: finding for finding in survey()}


def test_what_is_installed_is_found_with_its_version():
    found = _by_name()
    assert found["mediapipe"].value == metadata.version("mediapipe")
    assert found["python"].value.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert "hand_detector.tflite" in found["hand models"].value
    assert not [finding for finding in found.values() if finding.status == "missing"]


def test_what_is_not_there_is_missing_if_required_and_absent_if_not(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "_version", lambda _names: None)
    monkeypatch.setattr(hand_detector, "wheel_models_folder", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = _by_name()
    assert found["tensorflow"].status == "missing"
    assert found["tensorflow"].hint == "make setup"
    assert found["hand models"].status == "missing"
    assert "install mediapipe==0.10.21" in found["hand models"].hint
    assert found["adb"].status == "absent"
    assert "make setup-targets" in found["adb"].hint
    assert found["wandb"].status == "absent"


def test_whatever_is_not_there_comes_with_a_command(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "_version", lambda _names: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SIGNPORT_CACHE", str(tmp_path))
    for checkout, command in ((True, "make setup"), (False, "pip install 'signport[serve]'")):
        monkeypatch.setattr(environment, "_CHECKOUT", checkout)
        found = _by_name()
        assert command in found["fastapi"].hint
        for finding in found.values():
            if finding.value is None:
                assert any(word in finding.hint for word in ("make ", "pip install ", "apt-get install ")), finding
    assert {found[name].status for name in ("java", "mvn", "buildah", "wrk", "torch", "Arm64 root")} == {"absent"}


def test_a_program_is_found_on_the_search_path(monkeypatch, tmp_path):
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _by_name()["browser"].value == str(program)


def test_another_python_is_refused(monkeypatch):
    monkeypatch.setattr(environment, "_PYTHON", ((3, 12), (3, 13)))
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 1))
    assert _by_name()["python"].status == "missing"


def test_the_survey_imports_nothing_heavy():
    code = (
        "import sys; from signport.environment import survey; survey()\n"
        "heavy = {'tensorflow', 'keras', 'mediapipe', 'cv2', 'matplotlib', 'pyarrow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment_ = {"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], env=environment_, check=True)
