"""`make setup-targets`: what is missing is named with what brings it, and nothing stops the rest."""

import pytest
import setup_targets

from signport.errors import SignportError


def _program(name, found):
    return setup_targets.Program(name, lambda: found, f"{name}-package", "a test")


def test_everything_here_needs_nothing():
    assert setup_targets.install([_program("adb", True)]) == ""


def test_a_person_who_is_not_root_is_told_the_command(monkeypatch):
    monkeypatch.setattr(setup_targets.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(setup_targets.os, "geteuid", lambda: 1000)
    words = setup_targets.install([_program("adb", False), _program("qemu", False), _program("java", True)])
    assert words.startswith("not root; run: sudo apt-get install")
    assert words.endswith("adb-package qemu-package")


def test_a_system_without_apt_is_told_the_names(monkeypatch):
    monkeypatch.setattr(setup_targets.shutil, "which", lambda _name: None)
    assert setup_targets.install([_program("adb", False)]) == "this system has no apt-get; install yourself: adb"


def test_one_part_that_fails_leaves_the_others_theirs(monkeypatch, capsys):
    def fails():
        raise SignportError("no network")

    built = []
    monkeypatch.setattr(setup_targets, "PROGRAMS", (_program("adb", True),))
    monkeypatch.setattr(
        setup_targets,
        "PARTS",
        (setup_targets.Part("page", fails, "browsers"), setup_targets.Part("root", lambda: built.append(1), "arm64")),
    )
    assert setup_targets.main() == 1
    out, err = capsys.readouterr()
    assert "missing  page, for browsers: no network" in out
    assert "ok       root" in out
    assert built == [1]
    assert "missing: page" in err


def test_an_old_node_is_refused_with_the_version_that_is_needed(monkeypatch, tmp_path):
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v18.20.4\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SignportError, match=r"Node\.js is v18\.20\.4; install 20\.19 or newer"):
        setup_targets.build_page()
