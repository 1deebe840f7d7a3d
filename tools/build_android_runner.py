"""Builds the native runner of parity on Android: `make android-runner`.

Compiles `export/android/runner` for 64-bit Arm with Debian's cross compiler and puts beside it LiteRT's shared library,
out of the wheel that `uv.lock` names, and what both need of glibc, its loader included: nothing of Android's own
libraries is used, so the folder runs on every phone's kernel. It goes to signport's cache folder, under a name that
tells its content; the same inputs give the same bytes.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.files import atomic_folder, sha256_file, write_json
from signport.parity.android.bundle import (
    LIBRARY,
    LOADER,
    MANIFEST,
    RUNNER,
    bundle_folder,
    bundle_folders,
    sources_digest,
)
from signport.parity.parts import uv_program
from signport.parity.runner_job import JOB_MAGIC

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "export/android/runner"
_TRIPLET = "aarch64-linux-gnu"
_APT_PACKAGE = "gcc-aarch64-linux-gnu"
_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-s")
# Phones with Android 15 may have pages of 16 KB; Arm Linux allows up to 64 KB.
_LINK = ("-Wl,-z,max-page-size=65536", "-Wl,--build-id=none", "-ldl")
_WHEEL = "ai-edge-litert"
_PYTHON = "3.11"  # whose wheel it is does not matter: the library in it is the same
_PLATFORM = "aarch64-manylinux_2_31"


def build() -> Path:
    """Makes the bundle and removes older ones.

    Raises:
        SignportError: The compiler, uv or a library is missing, or something does not compile.
    """
    compiler = _program(f"{_TRIPLET}-gcc", f"apt install {_APT_PACKAGE}")
    with tempfile.TemporaryDirectory(prefix="signport-runner-") as temporary:
        folder = Path(temporary) / "bundle"
        folder.mkdir()
        version, wheel_digest = _locked_wheel()
        _copy(_library_of_wheel(Path(temporary) / "wheel", version, wheel_digest), folder / LIBRARY)
        _compile(compiler, folder / RUNNER)
        packages = _add_needed(compiler, folder)
        files = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
        manifest = {
            "job": JOB_MAGIC.decode(),
            "litert": version,
            "wheel_sha256": wheel_digest,
            "compiler": _output([compiler, "--version"]).splitlines()[0],
            "packages": packages,
            "sources": sources_digest(SOURCES),
            "files": files,
        }
        destination = bundle_folder(files)
        with atomic_folder(destination) as made:
            for name in files:
                _copy(folder / name, made / name)
            write_json(made / MANIFEST, manifest)
    for older in bundle_folders():
        if older != destination:
            shutil.rmtree(older)
    return destination


def _program(name: str, remedy: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SignportError(f"{name}: not installed; get it with `{remedy}`")
    return found


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise SignportError(f"{' '.join(command)}: exit status {done.returncode}: {lines[-1] if lines else ''}")
    return done.stdout


def _copy(source: Path, destination: Path) -> None:
    shutil.copyfile(source, destination)
    destination.chmod(0o755)


def _locked_wheel() -> tuple[str, str]:
    """Version and SHA-256 of LiteRT's Arm wheel in the lock file."""
    with (ROOT / "uv.lock").open("rb") as file:
        lock: dict[str, Any] = tomllib.load(file)
    package = next(entry for entry in lock["package"] if entry["name"] == _WHEEL)
    tag = f"cp{_PYTHON.replace('.', '')}-manylinux_"
    for wheel in package["wheels"]:
        if tag in wheel["url"] and wheel["url"].endswith("_aarch64.whl"):
            return package["version"], wheel["hash"].removeprefix("sha256:")
    raise SignportError(f"{ROOT / 'uv.lock'}: {_WHEEL} {package['version']} has no aarch64 wheel for Python {_PYTHON}")


def _library_of_wheel(target: Path, version: str, digest: str) -> Path:
    if (uv := uv_program()) is None:
        raise SignportError("uv: not installed; get it with `make setup`")
    requirements = target.with_suffix(".txt")
    requirements.write_text(f"{_WHEEL}=={version} --hash=sha256:{digest}\n", encoding="utf-8")
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    command += ["--python", sys.executable, "--python-version", _PYTHON, "--python-platform", _PLATFORM]
    _output([*command, "--target", str(target), "--requirement", str(requirements)])
    return target / "ai_edge_litert" / LIBRARY


def _compile(compiler: str, destination: Path) -> None:
    sources = [path.name for path in sorted(SOURCES.glob("*.c"))]
    command = [compiler, *_FLAGS, "-o", str(destination), *sources, *_LINK]
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SignportError(f"{SOURCES}: does not compile:\n{done.stderr.strip()}")


def _add_needed(compiler: str, folder: Path) -> dict[str, str]:
    """Adds the libraries that what is there needs, and those that these need; returns their packages' versions."""
    origins = {}
    waiting = [LOADER, *_needed(folder / RUNNER), *_needed(folder / LIBRARY)]
    while waiting:
        name = waiting.pop()
        if (folder / name).exists():
            continue
        path = Path(_output([compiler, f"-print-file-name={name}"]).strip())
        if not path.is_absolute() or not path.is_file():
            raise SignportError(f"{name}: the cross compiler has no such library; run `apt install {_APT_PACKAGE}`")
        _copy(path, folder / name)
        _output([f"{_TRIPLET}-strip", "--strip-unneeded", str(folder / name)])
        origins[name] = path.resolve()
        waiting += _needed(folder / name)
    return dict(sorted(_package(path) for path in origins.values()))


def _needed(path: Path) -> list[str]:
    return re.findall(r"\(NEEDED\).*\[(.+)\]", _output([f"{_TRIPLET}-readelf", "--dynamic", str(path)]))


def _package(path: Path) -> tuple[str, str]:
    """(name, version) of the Debian package that a file belongs to."""
    owned = subprocess.run(["dpkg-query", "--search", str(path)], capture_output=True, text=True, check=False)
    if owned.returncode:
        return str(path), "no Debian package"
    name = owned.stdout.split(":")[0]
    return name, _output(["dpkg-query", "--show", "--showformat=${Version}", name])


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds, and says what came out."""
    argparse.ArgumentParser(description="Build the native runner of parity on Android.").parse_args(arguments)
    try:
        folder = build()
    except SignportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {len(list(folder.iterdir()))} files, {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
