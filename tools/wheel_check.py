"""`make wheel-check`: the wheel that `uv build` makes, installed into an empty environment and tried out there.

What a person gets with pip: the command line, the recipes, the service's page and, where they are built, the browser
page and the JVM's jar; no tests. Takes some minutes and 3 GB, most of it TensorFlow.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from signport.errors import SignportError

ROOT = Path(__file__).parents[1]
UV = ROOT / ".uv" / "bin" / "uv"
# Built, not committed: absent from a wheel that was made before them.
BUILT = (
    "signport/parity/browser/page/index.html",
    "signport/parity/browser/page/assets/index.js",
    "signport/parity/jvm/jar/signport-parity.jar",
)
# A model from nothing: what the README promises in two commands, as small as it can be.
TRIAL = (
    ("--version",),
    ("--help",),
    ("doctor",),
    ("render", "hands", "drawn", "--classes", "canned", "--per-class", "12", "--size", "192"),
    ("train", "mlp", "--data", "drawn/landmarks.parquet", "--name", "trial", "--set", "training.epochs=5"),
    ("evaluate", "runs/trial", "--data", "drawn/landmarks.parquet"),
    ("inspect", "runs/trial"),
    ("export", "runs/trial"),
)


def build(folder: Path) -> Path:
    """Builds the wheel of this checkout into a folder.

    Raises:
        SignportError: uv is missing, or the build fails.
    """
    if not UV.is_file():
        raise SignportError(f"{UV}: not there; run `make setup`")
    _run([str(UV), "build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT)], folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def committed() -> set[str]:
    """The files of the package as a wheel names them: all of `src` but what Python and the builds leave there."""
    source = ROOT / "src"
    names = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    made = tuple(f"{Path(name).parts[0]}/parity/{part}/" for name in BUILT for part in ("browser/page", "jvm/jar"))
    return {name for name in names if "__pycache__" not in name and not name.startswith(made)}


def contents(wheel: Path) -> set[str]:
    """Names of a wheel's files, without its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")}


def install(wheel: Path, folder: Path) -> Path:
    """Installs a wheel, with what `signport serve` needs, into a new environment; returns its `signport`.

    Raises:
        SignportError: It cannot be installed.
    """
    environment = folder / "venv"
    _run([str(UV), "venv", "--quiet", "--python", sys.executable, str(environment)], folder)
    python = environment / "bin" / "python"
    _run([str(UV), "pip", "install", "--quiet", "--python", str(python), f"{wheel}[serve]"], folder)
    return environment / "bin" / "signport"


def _run(command: list[str], folder: Path) -> str:
    # Nothing of this checkout is to be found in there.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        raise SignportError(f"{' '.join(command)}: status {done.returncode}: {lines[-1]}")
    return done.stdout


def check(folder: Path) -> None:
    """Builds, compares, installs and tries out, all in a folder, and prints what came of it.

    Raises:
        SignportError: The wheel lacks a file, or something fails in its environment.
    """
    wheel = build(folder)
    held = contents(wheel)
    if lacking := sorted(committed() - held):
        raise SignportError(f"{wheel.name}: lacks {lacking[0]} and {len(lacking) - 1} more")
    print(f"{wheel.name}: {len(held)} files, {wheel.stat().st_size / 2**20:.1f} MiB")
    for part in BUILT:
        print(f"{'holds' if part in held else 'lacks'} {part}")
    signport = install(wheel, folder)
    for words in TRIAL:
        _run([str(signport), *words], folder)
        print(f"signport {' '.join(words)}: fine")
    served = "import signport.service.app, signport.service.page_files as p; assert p.page_file('index.html')"
    _run([str(signport.with_name("python")), "-c", served], folder)
    print("the service's page: fine")


def main() -> int:
    """Checks in a temporary folder; returns the exit status."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="signport-wheel-") as name:
            check(Path(name))
    except SignportError as error:
        print(f"wheel_check: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
