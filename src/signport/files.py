"""Files that are either whole or not there: atomic writes, digests, JSON."""

import contextlib
import fcntl
import hashlib
import io
import json
import math
import os
import shutil
import struct
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signport.errors import SignportError

if TYPE_CHECKING:
    import numpy as np

# The earliest time that a ZIP archive can carry: an archive's bytes must not depend on when it was written.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
# What `zipfile` raises or passes on for a damaged or strange archive: also one that is encrypted (RuntimeError), packed
# in a way that it does not know (NotImplementedError), or whose offsets lead out of it.
DAMAGED_ZIP = (
    OSError, ValueError, KeyError, IndexError, EOFError, NotImplementedError, RuntimeError, OverflowError, MemoryError,
    struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
# And what NumPy does for an array in one or alone: their headers are Python literals.
DAMAGED_ARRAY = (*DAMAGED_ZIP, TypeError, SyntaxError, tokenize.TokenError)
# In the name of what is not whole yet, and in nothing else's: such files are removed.
_UNFINISHED = ".signport-"
_NEW, _EARLIER = "new", "earlier"


def _prepare_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SignportError(
            f"{path.parent}: cannot create this folder ({error.strerror}); choose an output you can write to"
        ) from error


def _cannot_write(path: Path, error: OSError) -> SignportError:
    return SignportError(
        f"{path}: cannot write ({error.strerror or error}); free space or choose a folder you can write to"
    )


def check_writable(path: str | Path) -> None:
    """Checks, before long work whose result is to stand there, that a file or folder can be written to.

    Raises:
        SignportError: Its folder, or the one that would hold that, takes no file.
    """
    path = Path(path)
    folder = next((parent for parent in path.absolute().parents if parent.exists()), path.parent)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _cannot_write(path, error) from error


@contextlib.contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it becomes `path`, on failure it goes.

    What a killed process left beside it goes too; see `remove_unfinished`.

    Raises:
        SignportError: The folder cannot be written to, or the disk is full. What stood at `path` is untouched.
    """
    path = Path(path)
    _prepare_parent(path)
    try:
        with _unfinished_file(path) as temporary:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yields a temporary folder; on success it replaces `path` whole, on failure it goes.

    A process that is killed between taking the earlier folder away and putting the new one into its place leaves
    neither there; whoever writes beside `path` next brings the earlier one back.

    Raises:
        SignportError: As `atomic_file`, or `path` is a file.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise SignportError(f"{path}: is a file, not a folder; choose another output")
    _prepare_parent(path)
    try:
        with _unfinished_folder(path) as staging:
            new, earlier = staging / _NEW, staging / _EARLIER / path.name
            new.mkdir()
            earlier.parent.mkdir()
            yield new
            if path.exists():
                path.rename(earlier)
            try:
                new.rename(path)
            except OSError:
                if earlier.exists():
                    earlier.rename(path)
                raise
    except OSError as error:
        raise _cannot_write(path, error) from error


@contextlib.contextmanager
def _unfinished_file(path: Path) -> Iterator[Path]:
    _remove_unfinished_once(path.parent)
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}{_UNFINISHED}", suffix=path.suffix, dir=path.parent)
        temporary = Path(name)
        try:
            if _locked(descriptor, temporary):
                yield temporary
                return
        finally:
            temporary.unlink(missing_ok=True)
            os.close(descriptor)


@contextlib.contextmanager
def _unfinished_folder(path: Path) -> Iterator[Path]:
    _remove_unfinished_once(path.parent)
    while True:
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}{_UNFINISHED}", dir=path.parent))
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            if _locked(descriptor, temporary):
                yield temporary
                return
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            os.close(descriptor)


def _locked(descriptor: int, path: Path) -> bool:
    """Marks what is being written as alive; false where another process took it for left behind in that very moment."""
    with contextlib.suppress(OSError):  # a file system without locks: nobody can lock it, and so nobody removes it
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return path.exists()


def unfinished(folder: Path) -> list[Path]:
    """What is being written in a folder, or was when a process was killed; by name."""
    return sorted(folder.glob(f".*{_UNFINISHED}*"))


def remove_unfinished(folder: Path) -> None:
    """Removes what killed processes left half written in a folder; what others are writing now is locked, and stays."""
    for path in unfinished(folder):
        with contextlib.suppress(OSError):  # gone meanwhile, in use, or not ours
            descriptor = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.is_dir():
                    _bring_back(path / _EARLIER, folder)
                    shutil.rmtree(path)
                else:
                    path.unlink()
            finally:
                os.close(descriptor)


def _bring_back(earlier: Path, folder: Path) -> None:
    for path in earlier.glob("*"):
        if not (folder / path.name).exists():
            path.rename(folder / path.name)


@cache
def _remove_unfinished_once(folder: Path) -> None:
    """Once a process: to list a folder of a hundred thousand parts before each of them would take hours."""
    remove_unfinished(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256_bytes(content: bytes) -> str:
    """SHA-256 of `content`, lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file, lower-case hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes bytes atomically."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def finite(value: float) -> float | None:
    """The number, or None for infinities and NaN, which JSON lacks."""
    return float(value) if math.isfinite(value) else None


def write_json(path: str | Path, value: Any) -> None:
    """Writes JSON atomically: two-space indent, keys in the order given; NaN is refused, not written."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_npz(path: str | Path, arrays: "dict[str, np.ndarray]") -> None:
    """As `numpy.savez_compressed`; NumPy gives the archive's entries a fixed time, so equal arrays give equal bytes."""
    import numpy as np

    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    write_bytes(path, stream.getvalue())


def read_json(path: str | Path) -> Any:
    """Reads JSON.

    Raises:
        SignportError: The file is missing or is no JSON.
    """
    path = Path(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SignportError(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError) as error:  # numbers of 5,000 digits, a thousand brackets in each other
        raise SignportError(f"{path}: not readable as JSON ({' '.join(str(error).split())[:200]})") from error


def read_object(path: str | Path) -> dict[str, Any]:
    """Reads JSON that is an object; raises as `read_json`, and where it is something else."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise SignportError(f"{path}: holds {type(content).__name__}, expected a JSON object; write it again")
    return content
