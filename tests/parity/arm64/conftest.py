"""The root of this machine, and machines that lack something."""

from pathlib import Path

import pytest

from signport.parity.arm64 import root as arm64_root


@pytest.fixture
def root() -> Path:
    """The Arm64 root; skips, with the command that brings it, where it is missing."""
    if reason := arm64_root.missing():
        pytest.skip(reason)
    return arm64_root.find()


@pytest.fixture
def tools():
    """Makes a folder of shell scripts, to stand for a machine's programs: (folder, name=script, …) → its path."""

    def make(folder: Path, **scripts: str) -> str:
        folder.mkdir()
        for name, script in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
        return str(folder)

    return make
