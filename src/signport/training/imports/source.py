"""The file that a model was brought over from."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.files import sha256_file


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names the file in errors that are about what is in it."""
    try:
        yield
    except SignportError as error:
        raise SignportError(f"{path}: {error}") from error


def source_record(path: Path, kind: str, *, read_by: str, answers: dict[str, Any] | None) -> dict[str, Any]:
    """What `run.json` says of where a model came from, under `imported`.

    Args:
        path: The original's file.
        kind: What kind of file it is.
        read_by: What read it.
        answers: How it was held to the original's answers; None if it was not.
    """
    return {
        "from": str(path.resolve()),
        "sha256": sha256_file(path),
        "kind": kind,
        "read_by": read_by,
        "answers": answers,
    }
