"""`make setup-targets`: finds or installs what the parity targets need: packages, page, roots and environments.

Debian's packages are installed where this is root; elsewhere the command that does it is printed. Everything else goes
into this checkout (the browser page) or signport's cache, without root. Parts that are there already cost nothing.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from signport.errors import SignportError
from signport.parity import mediapipe_env
from signport.parity.android import bundle as android_bundle
from signport.parity.arm64 import packages as arm64_packages
from signport.parity.arm64 import root as arm64_root
from signport.parity.browser.process import find_browser
from signport.parity.jvm import jar
from signport.parity.parts import cache_folder

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "export" / "browser"
_NODE = (20, 19)  # the least that Vite 8 starts with
_ARM64_HEADER = Path("/usr/aarch64-linux-gnu/include/stdio.h")


@dataclass(frozen=True)
class Program:
    """A program that comes from the system's packages.

    Attributes:
        name: What it is called here.
        found: Whether it is here.
        package: The Debian package that brings it.
        purpose: What it is for.
    """

    name: str
    found: Callable[[], bool]
    package: str
    purpose: str


@dataclass(frozen=True)
class Part:
    """Something that is built here.

    Attributes:
        name: What it is.
        build: Makes it unless it is there; returns where it is.
        purpose: What it is for.
    """

    name: str
    build: Callable[[], object]
    purpose: str


def _on_path(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def _torch() -> bool:
    """Whether Debian's Python has torch: found without importing it, which takes seconds."""
    command = ["/usr/bin/python3", "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)"]
    return Path(command[0]).is_file() and subprocess.run(command, check=False).returncode == 0


PROGRAMS = (
    Program("Chrome, Chromium or Edge", lambda: find_browser() is not None, "chromium", "parity in the browser"),
    Program("adb", _on_path("adb"), "adb", "parity on a phone"),
    Program("qemu-aarch64-static", _on_path("qemu-aarch64-static"), "qemu-user-static", "parity on arm64"),
    Program("Debian's archive keyring", arm64_packages.KEYRING.is_file, "debian-archive-keyring", "the Arm64 root"),
    Program("aarch64-linux-gnu-gcc", _on_path("aarch64-linux-gnu-gcc"), "gcc-aarch64-linux-gnu", "the Android runner"),
    # Debian's cross compiler only recommends the headers, and recommended packages are left out below.
    Program("arm64 headers of libc", _ARM64_HEADER.is_file, "libc6-dev-arm64-cross", "the Android runner"),
    Program("java", _on_path("java"), "default-jdk-headless", "the Kotlin module"),
    Program("mvn", _on_path("mvn"), "maven", "the Kotlin module"),
    Program("npm", _on_path("npm"), "npm", "the browser page"),
    Program("a Python with torch", _torch, "python3-torch", "tests of the import of PyTorch models"),
    Program("shellcheck", _on_path("shellcheck"), "shellcheck", "tests of the SLURM script"),
)


def build_page() -> Path:
    """Builds the browser page into the package, from the lock file.

    Raises:
        SignportError: Node.js is missing or too old, or the build fails.
    """
    node = shutil.which("node") or shutil.which("nodejs")
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout if node else ""
    version = tuple(int(part) for part in told.strip().lstrip("v").split(".")[:2]) if told else ()
    if version < _NODE:
        wanted = ".".join(map(str, _NODE))
        raise SignportError(f"Node.js is {told.strip() or 'not here'}; install {wanted} or newer (nodejs.org)")
    for command in (["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        _run(command, PAGE)
    return ROOT / "src" / "signport" / "parity" / "browser" / "page"


def build_root() -> object:
    """Unpacks the Arm64 root, where this machine is none itself."""
    return "this machine" if arm64_root.native() else arm64_root.build()


def build_runner() -> str:
    """Builds the Android runner."""
    _run([sys.executable, str(ROOT / "tools" / "build_android_runner.py")], ROOT)
    return str(android_bundle.find_bundle().folder)


def build_kotlin() -> Path:
    """Builds the Kotlin library into the package."""
    _run([sys.executable, str(ROOT / "tools" / "build_kotlin.py")], ROOT)
    return jar.find_jar()


PARTS = (
    Part("browser page", build_page, "parity in the browser and in a phone's Chrome"),
    Part(f"MediaPipe {mediapipe_env.VERSION}", mediapipe_env.build, "parity of .task files with the newest release"),
    Part("Arm64 root", build_root, "parity on arm64"),
    Part("Android runner", build_runner, "parity on a phone's CPU"),
    Part("Kotlin library", build_kotlin, "parity on the JVM"),
)


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(list(command), cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = next((line for line in lines if "rror" in line), lines[-1] if lines else "no reason given")
        raise SignportError(f"{' '.join(command)}: {reason}")


def install(programs: Sequence[Program]) -> str:
    """Installs the packages of missing programs; returns what a person has to do instead, "" if nothing."""
    missing = [program for program in programs if not program.found()]
    if not missing:
        return ""
    packages = sorted({program.package for program in missing})
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if not shutil.which("apt-get"):
        names = ", ".join(program.name for program in missing)
        return f"this system has no apt-get; install yourself: {names}"
    if os.geteuid() != 0:
        return f"not root; run: sudo {' '.join(command)}"
    print(f"installing {' '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update"], command):
        done = subprocess.run(step, capture_output=True, text=True, env=environment, check=False)
    return "" if done.returncode == 0 else f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1]}"


def main() -> int:
    """Brings every part; exit status 1 if one is missing in the end."""
    lacking = []
    if to_do := install(PROGRAMS):
        print(to_do, flush=True)
    for program in PROGRAMS:
        if program.found():
            print(f"ok       {program.name}", flush=True)
        else:
            lacking.append(program.name)
            print(f"missing  {program.name}, for {program.purpose} (package {program.package})", flush=True)
    for part in PARTS:
        start = time.perf_counter()
        try:
            place = part.build()
        except SignportError as error:
            lacking.append(part.name)
            print(f"missing  {part.name}, for {part.purpose}: {error}", flush=True)
        else:
            print(f"ok       {part.name}: {place} ({time.perf_counter() - start:.1f} s)", flush=True)
    print(f"cache: {cache_folder()}")
    if lacking:
        print(f"signport: missing: {', '.join(lacking)}; their tests and targets are skipped", file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
