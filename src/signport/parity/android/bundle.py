"""The native runner's bundle: what `make android-runner` makes and the Android target pushes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.files import read_json, sha256_bytes, sha256_file
from signport.parity.parts import cache_folder

MAKE = "make android-runner"
MANIFEST = "manifest.json"
LOADER = "ld-linux-aarch64.so.1"
LIBRARY = "libLiteRt.so"
RUNNER = "runner"
_PREFIX = "android-runner-"
_SOURCES = Path(__file__).parents[4] / "export/android/runner"


@dataclass(frozen=True)
class RunnerBundle:
    """A folder that runs on any 64-bit Arm Linux kernel, Android's included, without anything of that system.

    Attributes:
        folder: Where it lies on this machine.
        litert: Version of LiteRT in it.
        files: File name → SHA-256.
    """

    folder: Path
    litert: str
    files: dict[str, str]


def bundle_folder(files: dict[str, str]) -> Path:
    """Where a bundle of these files (name → SHA-256) lies: its name tells what is in it."""
    content = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return cache_folder() / f"{_PREFIX}{sha256_bytes(content.encode())[:16]}"


def bundle_folders() -> list[Path]:
    """Every bundle in the cache, whole or not."""
    return sorted(path for path in cache_folder().glob(f"{_PREFIX}*") if path.is_dir())


def sources_digest(folder: Path = _SOURCES) -> str:
    """SHA-256 over the runner's C sources; "" where they are not here (an installed wheel has none)."""
    files = sorted(path for path in folder.glob("*") if path.suffix in {".c", ".h"})
    return sha256_bytes(b"".join(f"{sha256_file(path)}  {path.name}\n".encode() for path in files)) if files else ""


def find_bundle() -> RunnerBundle:
    """The bundle of this version of the sources.

    Raises:
        SignportError: There is none, it is damaged, or it was made from other sources.
    """
    reason = f"the native runner is not built; build it with `{MAKE}`"
    for folder in bundle_folders():
        try:
            manifest = read_json(folder / MANIFEST)
            found = _checked(folder, manifest)
        except (SignportError, KeyError, TypeError, AttributeError):
            reason = f"{folder}: damaged; build it again with `{MAKE}`"
            continue
        if sources_digest() in {"", manifest["sources"]}:
            return found
        reason = f"{folder}: made from other sources than export/android/runner holds; build it with `{MAKE}`"
    raise SignportError(reason)


def _checked(folder: Path, manifest: dict[str, Any]) -> RunnerBundle:
    files = {str(name): str(digest) for name, digest in manifest["files"].items()}
    if not {LOADER, LIBRARY, RUNNER} <= set(files):
        raise SignportError(f"{folder / MANIFEST}: files: incomplete")
    for name, digest in files.items():
        if not (folder / name).is_file() or sha256_file(folder / name) != digest:
            raise SignportError(f"{folder / name}: not the file that {MANIFEST} describes")
    return RunnerBundle(folder, str(manifest["litert"]), files)
