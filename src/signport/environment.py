"""What is installed on this machine, told from metadata and the search path: nothing is imported or run."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from signport.errors import SignportError
from signport.files import sha256_bytes

_SETUP = "make setup"
_SETUP_TARGETS = "make setup-targets"
_PYTHON = ((3, 11), (3, 13))

# What is looked for → the distributions that bring it (one is enough), and whether signport can work without.
_REQUIRED_PACKAGES = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "mediapipe": ("mediapipe",),
    "ai-edge-litert": ("ai-edge-litert",),
    "numpy": ("numpy",),
    "opencv": ("opencv-python-headless", "opencv-contrib-python", "opencv-python"),
    "pyarrow": ("pyarrow",),
}
_OPTIONAL_PACKAGES = {
    "tflite-runtime": (("tflite-runtime",), f"parity on the old runtime; {_SETUP}, Python 3.11 on Linux"),
    "tf-keras": (("tf-keras",), f"the genuine Model Maker; {_SETUP}"),
    "mediapipe-model-maker": (("mediapipe-model-maker",), f"the genuine Model Maker; {_SETUP}"),
    "wandb": (("wandb",), "Weights & Biases; pip install wandb"),
}
# Program → the names it goes by, and what it is for.
_PROGRAMS = {
    "node": (("node", "nodejs"), "the browser page's packages"),
    "npm": (("npm",), "the browser page's packages"),
    "java": (("java",), "the Kotlin library and parity on the JVM"),
    "mvn": (("mvn",), "building the Kotlin library"),
    "adb": (("adb",), "parity on a phone"),
    "qemu-aarch64-static": (("qemu-aarch64-static", "qemu-aarch64"), "parity on arm64"),
    "aarch64-linux-gnu-gcc": (("aarch64-linux-gnu-gcc",), "building the runner for a phone's CPU"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: What.
        value: What was found: a version, a path, a size; None if nothing was.
        required: Whether signport needs it.
        hint: What it is for and the command that brings it, or what to do.
    """

    name: str
    value: str | None
    required: bool = False
    hint: str = ""

    @property
    def status(self) -> str:
        """`ok`, `missing` (needed and not there), or `absent` (optional and not there)."""
        if self.value is not None:
            return "ok"
        return "missing" if self.required else "absent"


def survey() -> list[Finding]:
    """Looks at the machine, the packages, the hand models and the optional programs."""
    packages = [Finding(name, _version(names), True, _SETUP) for name, names in _REQUIRED_PACKAGES.items()]
    optional = [Finding(name, _version(names), False, hint) for name, (names, hint) in _OPTIONAL_PACKAGES.items()]
    programs = [
        Finding(name, next(filter(None, map(shutil.which, names)), None), False, f"{purpose}; {_SETUP_TARGETS}")
        for name, (names, purpose) in _PROGRAMS.items()
    ]
    return [*_machine(), *packages, _hand_models(), _temporary_folder(), *optional, *programs, *_target_parts()]


def _target_parts() -> list[Finding]:
    """What `make setup-targets` makes for parity on devices."""
    from signport.parity import mediapipe_env
    from signport.parity.android import bundle as android_bundle
    from signport.parity.arm64 import root as arm64_root
    from signport.parity.browser.page_http import PAGE_FOLDER, page_is_built
    from signport.parity.browser.process import find_browser
    from signport.parity.jvm.jar import find_jar

    def found(part: Callable[[], Path]) -> Path | None:
        try:
            return part()
        except SignportError:
            return None

    parts = {
        "browser": (find_browser(), "Chrome, Chromium or Edge: parity in the browser"),
        "browser page": (PAGE_FOLDER if page_is_built() else None, "parity in browsers"),
        "Arm64 root": (Path("/") if arm64_root.native() else arm64_root.find(), "parity on arm64"),
        f"mediapipe {mediapipe_env.VERSION}": (mediapipe_env.python(), "parity of .task files in the newest release"),
        "Android runner": (found(lambda: android_bundle.find_bundle().folder), "parity on a phone's CPU"),
        "Kotlin library": (found(find_jar), "parity on the JVM"),
    }
    return [
        Finding(name, str(place) if place else None, False, f"{purpose}; {_SETUP_TARGETS}")
        for name, (place, purpose) in parts.items()
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
