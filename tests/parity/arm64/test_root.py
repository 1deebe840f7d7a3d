"""The Arm64 root: what is run in it, and what is said where it cannot be built."""

import os
import resource
import signal
import subprocess
import threading
import time

import pytest

from signport.errors import SignportError
from signport.parity.arm64 import packages as arm64_packages
from signport.parity.arm64 import root as arm64_root


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNPORT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _run(root, argv, **settings):
    return subprocess.run(arm64_root.command(root, argv), capture_output=True, text=True, check=False, **settings)


def test_programs_in_the_root_are_arm64_and_see_its_cpu_and_this_machines_files(root, tmp_path):
    (tmp_path / "question.txt").write_text("what are you?")
    script = (
        "import os, pathlib, sys; told = pathlib.Path(sys.argv[1]); assert told.read_text() == 'what are you?'\n"
        "(told.parent / 'answer.txt').write_text(os.uname().machine + pathlib.Path('/proc/cpuinfo').read_text())"
    )
    ended = _run(root, [arm64_root.PYTHON, "-I", "-c", script, str(tmp_path / "question.txt")])
    assert (ended.returncode, ended.stderr) == (0, "")
    answer = (tmp_path / "answer.txt").read_text()
    assert answer.startswith("aarch64")
    assert answer.count("CPU part\t: 0xd0b") == 4


def test_a_program_of_this_machine_runs_with_the_roots_libraries(root, tmp_path):
    program = tmp_path / "runner"
    program.write_bytes((root / arm64_root.PYTHON.lstrip("/")).read_bytes())
    program.chmod(0o755)
    ended = _run(root, [str(program), "-S", "-I", "-c", "print(6 * 7)"], env={**os.environ, "PYTHONHOME": "/usr"})
    assert (ended.returncode, ended.stdout) == (0, "42\n"), ended.stderr


def test_a_command_ends_as_its_program_does_and_leaves_no_core_file(root, tmp_path):
    assert _run(root, [arm64_root.PYTHON, "-I", "-c", "raise SystemExit(7)"]).returncode == 7
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    ended = _run(
        root,
        [arm64_root.PYTHON, "-I", "-c", "import os; os.abort()"],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (most, most)),
    )
    assert ended.returncode == -signal.SIGABRT
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_preloaded_here_is_not_there(root):
    preloading = {**os.environ, "LD_PRELOAD": "/no/such/library.so"}
    ended = _run(root, [arm64_root.PYTHON, "-I", "-c", "import os; print('LD_PRELOAD' in os.environ)"], env=preloading)
    assert ended.stdout == "False\n"


def test_a_root_that_was_not_built_is_told_with_the_command_that_builds_it(empty_cache, monkeypatch):
    monkeypatch.setattr(arm64_root, "_no_emulator", lambda: "")
    assert arm64_root.find() is None
    assert arm64_root.missing() == f"there is no Arm64 root in {empty_cache}; get it with `make setup-targets`"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"native": lambda: True}, "this machine is Arm64 itself"),
        ({"_emulator": lambda: None}, "`apt-get install qemu-user-static`"),
    ],
)
def test_a_machine_that_cannot_emulate_says_why(empty_cache, monkeypatch, place, words):
    for name, value in place.items():
        monkeypatch.setattr(arm64_root, name, value)
    assert words in arm64_root.missing()
    with pytest.raises(SignportError, match="Arm64 root: ") as error:
        arm64_root.build()
    assert words in str(error.value)
    assert not empty_cache.exists()


def test_another_system_says_that_qemu_needs_linux(monkeypatch):
    monkeypatch.setattr(arm64_root, "native", lambda: False)
    monkeypatch.setattr(arm64_root.sys, "platform", "darwin")
    assert "on Linux only" in arm64_root.missing()


def test_another_recipe_is_another_folder(empty_cache, monkeypatch):
    folders = {arm64_root._folder()}
    monkeypatch.setattr(arm64_packages, "_PACKAGES", (*arm64_packages._PACKAGES, "bash"))
    folders.add(arm64_root._folder())
    monkeypatch.setattr(arm64_root, "_CORES", 2)
    folders.add(arm64_root._folder())
    assert len(folders) == 3


def _can_begin(monkeypatch, tmp_path):
    monkeypatch.setattr(arm64_root, "_no_emulator", lambda: "")
    monkeypatch.setattr(arm64_packages, "KEYRING", tmp_path / "keyring.gpg")
    (tmp_path / "keyring.gpg").touch()


def test_a_machine_without_apt_says_so(empty_cache, tmp_path, monkeypatch, tools):
    _can_begin(monkeypatch, tmp_path)
    monkeypatch.setenv("PATH", tools(tmp_path / "tools"))
    with pytest.raises(SignportError, match="apt-get is missing"):
        arm64_root.build()


def test_apts_own_words_are_passed_on_and_nothing_half_built_is_left(empty_cache, tmp_path, monkeypatch, tools):
    _can_begin(monkeypatch, tmp_path)
    failing = "echo 'Hit:1 http://debian'; echo 'E: Unable to locate package libc6' >&2; exit 100"
    monkeypatch.setenv("PATH", tools(tmp_path / "tools", **{"apt-get": failing, "dpkg-deb": "", "uv": ""}))
    with pytest.raises(SignportError, match="apt-get ended with status 100: E: Unable to locate package libc6"):
        arm64_root.build()
    assert arm64_root.find() is None
    assert [path.name for path in empty_cache.iterdir()] == ["arm64.lock"]


def test_two_that_build_at_once_build_it_once(empty_cache, tmp_path, monkeypatch):
    _can_begin(monkeypatch, tmp_path)
    monkeypatch.setattr(arm64_root, "why_not", lambda: "")
    filled = []

    def fill(root):
        filled.append(root)
        time.sleep(0.2)
        (root / "signport.json").write_text("{}")

    monkeypatch.setattr(arm64_root, "_fill", fill)
    builders = [threading.Thread(target=arm64_root.build) for _ in range(3)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert len(filled) == 1
    assert arm64_root.find() is not None
