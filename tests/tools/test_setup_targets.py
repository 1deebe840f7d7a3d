"""`make setup-targets`: what is missing is named with what brings it, and nothing stops the rest."""

import importlib.util
from pathlib import Path

import pytest

from signport.errors import SignportError

_PATH = Path(__file__).parents[2] / "tools" / "setup_targets.py"


@pytest.fixture
def tool(monkeypatch):
    spec = importlib.util.spec_from_file_location("setup_targets", _PATH)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "setup_targets", module)
    spec.loader.exec_module(module)
    return module


def _program(tool, name, found):
    return tool.Program(name, lambda: found, f"{name}-package", "a test")


def test_everything_here_needs_nothing(tool):
    assert tool.install([_program(tool, "adb", True)]) == ""


def test_a_person_who_is_not_root_is_told_the_command(tool, monkeypatch):
    monkeypatch.setattr(tool.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(tool.os, "geteuid", lambda: 1000)
    words = tool.install([_program(tool, "adb", False), _program(tool, "qemu", False), _program(tool, "java", True)])
    assert words.startswith("not root; run: sudo apt-get install")
    assert words.endswith("adb-package qemu-package")


def test_a_system_without_apt_is_told_the_names(tool, monkeypatch):
    monkeypatch.setattr(tool.shutil, "which", lambda _name: None)
    assert tool.install([_program(tool, "adb", False)]) == "this system has no apt-get; install yourself: adb"


def test_one_part_that_fails_leaves_the_others_theirs(tool, monkeypatch, capsys):
    def fails():
        raise SignportError("no network")

    built = []
    monkeypatch.setattr(tool, "PROGRAMS", (_program(tool, "adb", True),))
    monkeypatch.setattr(
        tool, "PARTS", (tool.Part("page", fails, "browsers"), tool.Part("root", lambda: built.append(1), "arm64"))
    )
    assert tool.main() == 1
    out, err = capsys.readouterr()
    assert "missing  page, for browsers: no network" in out
    assert "ok       root" in out
    assert built == [1]
    assert "missing: page" in err


def test_an_old_node_is_refused_with_the_version_that_is_needed(tool, monkeypatch, tmp_path):
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v18.20.4\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SignportError, match=r"Node\.js is v18\.20\.4; install 20\.19 or newer"):
        tool.build_page()
