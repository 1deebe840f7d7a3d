"""What is installed on this machine, told from metadata and the search path: nothing is imported or run."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from signport.errors import SignportError
from signport.files import sha256_bytes

_PYTHON = ((3, 11), (3, 13))
_SETUP_TARGETS = "make setup-targets"
# In a checkout, `make` sets up everything; whoever has installed a wheel has pip.
_CHECKOUT = (Path(__file__).parents[2] / "Makefile").is_file()

# What is looked for → the distributions that bring it; one is enough.
_REQUIRED_PACKAGES = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "mediapipe": ("mediapipe",),
    "ai-edge-litert": ("ai-edge-litert",),
    "numpy": ("numpy",),
    "opencv": ("opencv-python-headless", "opencv-contrib-python", "opencv-python"),
    "pyarrow": ("pyarrow",),
}
# Distribution → what it is for, and what pip is to install; None for what only the lock file of a checkout brings.
_OPTIONAL_PACKAGES = {
    "tflite-runtime": ("parity on the old runtime (Python 3.11 on Linux)", "tflite-runtime==2.14.0"),
    "fastapi": ("signport serve", "'signport[serve]'"),
    "distributed": ("signport capture --cluster", "'signport[cluster]'"),
    "ai-edge-quantizer": ("signport quantize compare", "'signport[baselines]'"),
    "tensorflow-model-optimization": ("signport export --engine tfmot", "tensorflow-model-optimization==0.8.1"),
    "wandb": ("signport train --wandb", "'signport[wandb]'"),
    "mediapipe-model-maker": ("trainer: model-maker", None),
}
# Program → the names it goes by, what it is for, and the Debian package that brings it.
_PROGRAMS = {
    "java": (("java",), "the Kotlin library, parity on the JVM", "default-jdk-headless"),
    "mvn": (("mvn",), "building the Kotlin library", "maven"),
    "node": (("node", "nodejs"), "building the browser page", "nodejs"),
    "npm": (("npm",), "building the browser page", "npm"),
    "adb": (("adb",), "parity on a phone", "adb"),
    "qemu-aarch64-static": (("qemu-aarch64-static", "qemu-aarch64"), "parity on arm64", "qemu-user-static"),
    "aarch64-linux-gnu-gcc": (
        ("aarch64-linux-gnu-gcc",),
        "building the runner for a phone's CPU",
        "gcc-aarch64-linux-gnu",
    ),
}
# The same, of what only developers of signport call.
_DEVELOPERS_PROGRAMS = {
    "wrk": (("wrk",), "load on the service, in make bench", "wrk"),
    "buildah": (("buildah",), "make docker-check", "buildah"),
    "debootstrap": (("debootstrap",), "make docker-check", "debootstrap"),
    "shellcheck": (("shellcheck",), "tests of the SLURM script", "shellcheck"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: What.
        value: What was found: a version, a path, a size; None if nothing was.
        required: Whether signport needs it.
        hint: What it is for and the command that brings it, or what to do.
        group: What it belongs to: its heading in a report.
    """

    name: str
    value: str | None
    required: bool = False
    hint: str = ""
    group: str = ""

    @property
    def status(self) -> str:
        """`ok`, `missing` (needed and not there), or `absent` (optional and not there)."""
        if self.value is not None:
            return "ok"
        return "missing" if self.required else "absent"


def survey() -> list[Finding]:
    """Looks at the machine, the packages, the hand models, the optional programs and what parity needs."""
    groups = {
        "machine": [*_machine(), _temporary_folder()],
        "packages": [*_required_packages(), _hand_models()],
        "extras, each for one command": [*_optional_packages(), _torch()],
        "programs, for parity and builds": [*_programs(_PROGRAMS, f"or {_SETUP_TARGETS}"), _browser()],
        "parts of parity, built here": _target_parts(),
        "developers' programs": _programs(_DEVELOPERS_PROGRAMS, ""),
    }
    return [replace(finding, group=group) for group, findings in groups.items() for finding in findings]


def _required_packages() -> list[Finding]:
    command = "make setup" if _CHECKOUT else "pip install --force-reinstall signport"
    return [Finding(name, _version(names), True, command) for name, names in _REQUIRED_PACKAGES.items()]


def _optional_packages() -> list[Finding]:
    found = []
    for name, (purpose, wanted) in _OPTIONAL_PACKAGES.items():
        pip = f"pip install {wanted}" if wanted else "make setup, in a checkout of signport"
        found.append(Finding(name, _version((name,)), False, f"{purpose}; {'make setup' if _CHECKOUT else pip}"))
    return found


def _torch() -> Finding:
    hint = "signport import torch-mlp; pip install torch, or name a Python that has it with --torch-python"
    return Finding("torch", _version(("torch",)), False, hint)


def _programs(programs: Mapping[str, tuple[tuple[str, ...], str, str]], otherwise: str) -> list[Finding]:
    found = []
    for name, (names, purpose, package) in programs.items():
        hint = f"{purpose}; apt-get install {package} {otherwise}".strip()
        found.append(Finding(name, next(filter(None, map(shutil.which, names)), None), False, hint))
    return found


def _browser() -> Finding:
    from signport.parity.browser.process import find_browser

    place = find_browser()
    hint = f"parity in the browser: Chrome, Chromium or Edge; apt-get install chromium or {_SETUP_TARGETS}"
    return Finding("browser", str(place) if place else None, False, hint)


def _target_parts() -> list[Finding]:
    """What `make setup-targets` makes for parity on devices."""
    from signport.parity import mediapipe_env
    from signport.parity.android import bundle as android_bundle
    from signport.parity.arm64 import root as arm64_root
    from signport.parity.browser.page_http import PAGE_FOLDER, page_is_built
    from signport.parity.jvm.jar import find_jar

    def found(part: Callable[[], Path]) -> Path | None:
        try:
            return part()
        except SignportError:
            return None

    parts = {
        "browser page": (PAGE_FOLDER if page_is_built() else None, "parity in browsers; make browser-page"),
        "Arm64 root": (Path("/") if arm64_root.native() else arm64_root.find(), f"parity on arm64; {_SETUP_TARGETS}"),
        f"mediapipe {mediapipe_env.VERSION}": (
            mediapipe_env.python(),
            f"parity of .task files in the newest release; {_SETUP_TARGETS}",
        ),
        "Android runner": (
            found(lambda: android_bundle.find_bundle().folder),
            "parity on a phone's CPU; make android-runner",
        ),
        "Kotlin library": (found(find_jar), "parity on the JVM; make kotlin"),
    }
    where = "" if _CHECKOUT else ", in a checkout of signport"
    return [
        Finding(name, str(place) if place else None, False, f"{hint}{where}") for name, (place, hint) in parts.items()
    ]


def _machine() -> list[Finding]:
    import psutil

    least, beyond = _PYTHON
    fits = least <= sys.version_info[:2] < beyond
    wanted = f"Python {least[0]}.{least[1]} or {beyond[0]}.{beyond[1] - 1}, this is {platform.python_version()}"
    memory = psutil.virtual_memory()
    disk = shutil.disk_usage(Path.cwd())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [
        Finding("python", f"{platform.python_version()} ({sys.executable})" if fits else None, True, wanted),
        Finding("platform", platform.platform()),
        Finding("cores", str(cores)),
        Finding("memory", f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"),
        Finding("disk", f"{disk.free / 2**30:.1f} of {disk.total / 2**30:.1f} GiB free in {Path.cwd()}"),
    ]


def _version(distributions: tuple[str, ...]) -> str | None:
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _hand_models() -> Finding:
    from signport.landmarks.hand_detector import wheel_hand_models

    try:
        models = wheel_hand_models()
    except SignportError as error:
        return Finding("hand models", None, True, str(error))
    digests = ", ".join(f"{name} {sha256_bytes(content)[:12]}" for name, content in models.items())
    return Finding("hand models", f"in the mediapipe wheel: {digests}", True)


def _temporary_folder() -> Finding:
    try:
        with tempfile.TemporaryFile() as file:
            file.write(b"\0")
            file.flush()
    except OSError as error:
        return Finding("temporary folder", None, True, f"cannot write ({error.strerror}); set TMPDIR to another folder")
    return Finding("temporary folder", tempfile.gettempdir(), True)
