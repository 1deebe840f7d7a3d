"""Files that are either whole or not there: atomic writes, digests, JSON."""

import contextlib
import hashlib
import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signport.errors import SignportError

if TYPE_CHECKING:
    import numpy as np

# The earliest time that a ZIP archive can carry: an archive's bytes must not depend on when it was written.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


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


@contextlib.contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it becomes `path`, on failure it goes.

    Raises:
        SignportError: The folder cannot be written to, or the disk is full. What stood at `path` is untouched.
    """
    path = Path(path)
    _prepare_parent(path)
    temporary: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(descriptor)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yields a temporary folder; on success it replaces `path` whole, on failure it goes.

    Raises:
        SignportError: As `atomic_file`, or `path` is a file.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise SignportError(f"{path}: is a file, not a folder; choose another output")
    _prepare_parent(path)
    temporary: Path | None = None
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
            path.rename(old / path.name)
            try:
                temporary.rename(path)
            except OSError:
                (old / path.name).rename(path)
                raise
            finally:
                shutil.rmtree(old, ignore_errors=True)
        else:
            temporary.rename(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


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
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise SignportError(f"{path}: not readable as JSON ({error})") from error
