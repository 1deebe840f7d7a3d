"""A Debian root for Arm64 in a folder, and commands run in it by qemu's user mode: no root rights, nothing installed.

`python -m signport.parity.arm64.root` builds it: Python from Debian's arm64 packages, unpacked by `dpkg-deb -x` after a
private apt has worked out which, and the aarch64 wheels of ai-edge-litert, MediaPipe and NumPy.

qemu's `-L ROOT` looks a path up in the root first and on the machine then. So a job's files are found where they are,
and files in the root stand in for the machine's own `/proc/cpuinfo` and `/sys/devices/system/cpu`. XNNPACK chooses its
kernels by those: with an x86 machine's, qemu 7.2 ends in a segmentation fault; with an Arm CPU's that can do more than
qemu's `-cpu`, in SIGILL.
"""

import contextlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.files import atomic_folder, read_json, sha256_bytes, write_json
from signport.parity.arm64.packages import download_packages, install_wheels, packages_recipe, unpack, why_not
from signport.parity.parts import SETUP, cache_folder, run_build
from signport.parity.process import run_command
from signport.progress import progress_bar

# Arm's core of 2018, in phones since: dot products (which int8 kernels use), no SVE and no int8 matrix products, which
# qemu 7.2 gets wrong (`-cpu max`).
CPU = "cortex-a76"
PYTHON = "/usr/bin/python3.11"

# What Linux tells about that core: implementer Arm, part 0xd0b, r3p1; features as in arch/arm64/kernel/cpuinfo.c.
_CORES = 4
_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
_CORE = f"""\
processor\t: {{core}}
BogoMIPS\t: 48.00
Features\t: {_FEATURES}
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x3
CPU part\t: 0xd0b
CPU revision\t: 1

"""
# A core's caches (level, kind, KiB), the largest that Arm offers with it.
_CACHES = ((1, "Data", 64), (1, "Instruction", 64), (2, "Unified", 512))

# Nothing in them is needed to run Python: documents, translations, gconv's tables, tools and tests.
_PRUNED = (
    "bin",
    "sbin",
    "var",
    "usr/sbin",
    "usr/share",
    "usr/bin/dpkg*",
    "usr/bin/update-alternatives",
    "usr/lib/dpkg",
    "usr/lib/aarch64-linux-gnu/gconv",
    "usr/lib/python3.11/pydoc_data",
    "usr/lib/python3.11/test",
    "usr/lib/python3/dist-packages/ai_edge_litert/libLiteRtWebGpuAccelerator.so",
    "usr/lib/python3/dist-packages/numpy/**/tests",
    "usr/lib/python3/dist-packages/numpy/f2py",
    "usr/lib/python3/dist-packages/numpy/distutils",
    "usr/lib/python3/dist-packages/bin",
)
_CONTENTS = "signport.json"
_IMPORTS = "import hashlib, zipfile, numpy, mediapipe, ai_edge_litert.interpreter"


def native() -> bool:
    """Whether this machine is Arm64 itself, so that there is nothing to emulate."""
    return platform.machine().lower() in {"aarch64", "arm64"}


def find() -> Path | None:
    """The root; None where it was not built yet."""
    folder = _folder()
    return folder if (folder / _CONTENTS).is_file() else None


def missing() -> str:
    """Why no command can be run in the root, and what helps; "" where it can."""
    if reason := _no_emulator():
        return reason
    if find() is None:
        return f"there is no Arm64 root in {cache_folder()}; get it with `{SETUP}`"
    return ""


def command(root: Path, argv: Sequence[str], cpu: str = CPU) -> list[str]:
    """The command line that runs an Arm64 program in the root.

    Args:
        root: See `find`.
        argv: The program and its arguments. A program that is in the root is meant there, another on this machine.
        cpu: qemu's `-cpu`.

    Returns:
        What to start here. It may be started anywhere, sees the machine's files and its environment but for
        `LD_PRELOAD`, ends as the program does, by the same signal even, and leaves no core file behind. The programs
        that it starts in turn are emulated only where the machine knows how to (binfmt_misc).

    Raises:
        SignportError: There is no emulator.
    """
    emulator = _emulator()
    if emulator is None:
        raise SignportError(_no_emulator())
    root = root.resolve()
    inside = root / argv[0].lstrip("/")
    program = str(inside) if argv[0].startswith("/") and inside.is_file() else argv[0]
    qemu = [emulator, "-cpu", cpu, "-L", str(root), "-U", "LD_PRELOAD", program, *argv[1:]]
    return ["/bin/sh", "-c", 'ulimit -c 0; exec "$@"', "sh", *qemu]


def build() -> Path:
    """Builds the root, unless it is there, and returns it.

    Raises:
        SignportError: A tool is missing, packages cannot be had, or the result does not work.
    """
    if (found := find()) is not None:
        return found
    if reason := _no_emulator() or why_not():
        raise SignportError(f"Arm64 root: {reason}")
    folder = _folder()
    with _alone(folder.with_name("arm64.lock")):
        if (found := find()) is not None:
            return found
        with atomic_folder(folder) as root:
            _fill(root)
    return folder


def device(root: Path) -> dict[str, str]:
    """What a program in the root runs on, in words."""
    contents = read_json(root / _CONTENTS)
    return {
        "cpu": f"{CPU} ({_CORES} cores)",
        "emulator": emulator_version(),
        "system": f"Debian {contents['release']}, libc {contents['packages']['libc6']}",
        "python": contents["packages"]["python3.11-minimal"],
    }


@cache
def emulator_version() -> str:
    """`qemu-aarch64 7.2.22 (Debian …)`, or "" without one."""
    emulator = _emulator()
    if emulator is None:
        return ""
    told = subprocess.run([emulator, "--version"], capture_output=True, text=True, check=False).stdout
    return told.partition("\n")[0].replace(" version ", " ").strip()


def _emulator() -> str | None:
    return shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")


def _no_emulator() -> str:
    if native():
        return "this machine is Arm64 itself: there is nothing to emulate"
    if sys.platform != "linux":
        return f"qemu emulates Arm64 programs on Linux only, not on {platform.system()}; a Linux container can"
    if _emulator() is None:
        return "qemu-aarch64-static is missing; get it with `apt-get install qemu-user-static`"
    return ""


def _folder() -> Path:
    parts = [packages_recipe(), PYTHON, _IMPORTS, *_PRUNED, *(f"{name}={text}" for name, text in _cpu_files().items())]
    digest = sha256_bytes("\n".join(parts).encode())
    return cache_folder() / f"arm64-{digest[:12]}"


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Waits until no other process builds a root."""
    import fcntl

    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fill(root: Path) -> None:
    with progress_bar("build the Arm64 root", 4, unit="steps") as bar:
        bar.advance(0, "Debian packages")
        with download_packages() as (release, archives):
            bar.advance(1, "unpacking")
            versions = unpack(archives, root)
        bar.advance(1, "wheels")
        install_wheels(root / "usr/lib/python3/dist-packages")
        bar.advance(1, "trying it")
        for name, text in _cpu_files().items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="ascii")
        _prune(root)
        ended = run_command(command(root, [PYTHON, "-I", "-c", _IMPORTS]), timeout_s=300)
        if ended.status != 0:
            raise SignportError(f"Arm64 root: {emulator_version()} cannot run Python in it ({ended.reason})")
        contents: dict[str, Any] = {"release": release, "packages": versions}
        write_json(root / _CONTENTS, contents)
        bar.advance(1, f"{sum(path.stat().st_size for path in root.rglob('*') if path.is_file()) / 1e6:.0f} MB")


def _prune(root: Path) -> None:
    for pattern in _PRUNED:
        for path in list(root.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _cpu_files() -> dict[str, str]:
    """Path in the root → content: what the kernel of a machine with such a CPU shows."""
    cores = f"0-{_CORES - 1}\n"
    files = {"proc/cpuinfo": "".join(_CORE.format(core=core) for core in range(_CORES))}
    files |= {f"sys/devices/system/cpu/{name}": cores for name in ("possible", "present", "online")}
    files["sys/devices/system/cpu/kernel_max"] = f"{_CORES - 1}\n"
    for core in range(_CORES):
        folder = f"sys/devices/system/cpu/cpu{core}"
        files |= {f"{folder}/topology/{name}": cores for name in ("cluster_cpus_list", "core_siblings_list")}
        files |= {f"{folder}/topology/{name}": "0\n" for name in ("physical_package_id", "cluster_id")}
        files |= {f"{folder}/cpufreq/cpuinfo_{name}_freq": "2000000\n" for name in ("min", "max")}
        for index, (level, kind, size) in enumerate(_CACHES):
            cache_files = {"level": level, "type": kind, "size": f"{size}K", "shared_cpu_list": core}
            files |= {f"{folder}/cache/index{index}/{name}": f"{value}\n" for name, value in cache_files.items()}
    return files


if __name__ == "__main__":
    sys.exit(run_build(build))
