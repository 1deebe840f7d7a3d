"""MediaPipe's newest release in an environment of its own: apps get that one, and it does not fit into ours.

`python -m signport.parity.mediapipe_env` makes it, from a list of exact versions and digests.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from signport.errors import SignportError
from signport.files import sha256_file
from signport.parity.parts import cache_folder, run_build, uv_program

VERSION = "1.2.2"
_REQUIREMENTS = Path(__file__).parent / "requirements" / f"mediapipe-{VERSION}.txt"


def python() -> Path | None:
    """The environment's interpreter; None where it was not made yet."""
    found = _interpreter(_folder())
    return found if found.is_file() else None


def build() -> Path:
    """Makes the environment, unless it is there, and returns its interpreter.

    Raises:
        SignportError: The packages cannot be installed.
    """
    if (found := python()) is not None:
        return found
    folder = _folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Only scripts in an environment know its path; the interpreter, which is all that is used, can be moved.
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    commands = _commands(making)
    try:
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
                raise SignportError(f"{folder}: MediaPipe {VERSION} cannot be installed: {lines[-1].strip()}")
        try:
            making.rename(folder)
        except OSError:
            if python() is None:
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return _interpreter(folder)


def _folder() -> Path:
    tag = f"{sys.implementation.cache_tag}-{sha256_file(_REQUIREMENTS)[:12]}"
    return cache_folder() / f"mediapipe-{VERSION}-{tag}"


def _interpreter(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _commands(folder: Path) -> list[list[str]]:
    """With uv where it is, which shares files with its cache; else with venv and pip."""
    listed = ["--no-deps", "--require-hashes", "-r", str(_REQUIREMENTS)]
    if uv := uv_program():
        # Without the settings of a project that this may be called in: they change what is installed.
        quiet = ["-q", "--no-config", "--compile-bytecode"]
        install = [uv, "pip", "install", *quiet, "--python", str(_interpreter(folder)), *listed]
        return [[uv, "venv", "-q", "--no-config", "--python", sys.executable, str(folder)], install]
    pip = [str(_interpreter(folder)), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    return [[sys.executable, "-m", "venv", str(folder)], [*pip, *listed]]


if __name__ == "__main__":
    sys.exit(run_build(build))
