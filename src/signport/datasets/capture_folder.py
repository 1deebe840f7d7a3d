"""The folder in which a capture keeps what is finished until its cache is written: `OUT.parquet.partial/`."""

import fcntl
import shutil
import uuid
from pathlib import Path
from typing import Any, Self

from signport.datasets.capture_part import JOB_FILE
from signport.errors import SignportError
from signport.files import write_json


class CaptureFolder:
    """The folder, locked while a capture works in it.

    It stays where a capture ends early, for the next one to go on from, and goes where not even a part was finished.

    Args:
        path: The folder, made if need be.

    Raises:
        SignportError: It cannot be written to, or another capture works in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = (path / "lock").open("wb")
        except OSError as error:
            raise SignportError(
                f"{path}: cannot write ({error.strerror}); free space or choose an output you can write to"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SignportError(
                f"{path}: another capture is writing here; wait for it, or use another output"
            ) from None

    def begin(self, **job: Any) -> dict[str, Any]:
        """Writes down what is to be done.

        Returns:
            The job, with the folder and a token by which whoever sees this folder can tell that it is this one.
        """
        job |= {"folder": str(self.path), "token": uuid.uuid4().hex}
        write_json(self.path / JOB_FILE, job)
        return job

    def remove(self) -> None:
        """Deletes the folder: the cache is written, or nothing was finished."""
        shutil.rmtree(self.path, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or next(self.path.glob("part-*.parquet"), None) is None:
            self.remove()
        self._lock.close()
