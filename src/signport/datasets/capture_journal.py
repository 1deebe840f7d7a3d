"""What a capture has finished so far, kept on disk so that a killed one goes on where it was."""

import errno
import fcntl
import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from signport.errors import SignportError


class CaptureJournal:
    """A folder with one growing file of JSON lines: a line a file, after a first line with what decides the answers.

    A kill can at worst tear the last line, which is then cut off. A journal of other options or another detector is
    thrown away.

    Args:
        folder: Where the journal is kept, made if need be.
        fingerprint: Everything that decides an answer apart from the file: detector, version, options.
    """

    def __init__(self, folder: Path, fingerprint: dict[str, Any]) -> None:
        self.folder = folder
        self._path = folder / "finished.jsonl"
        self._known: dict[str, dict[str, Any]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Unbuffered: after a full disk nothing is left over that closing would try to write again.
            self._file = self._path.open("a+b", buffering=0)
        except OSError as error:
            raise self._cannot_write(error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise SignportError(
                f"{folder}: another capture is writing here; wait for it, or use another output"
            ) from None
        self._load(fingerprint)

    def _load(self, fingerprint: dict[str, Any]) -> None:
        whole = 0
        for number, line in enumerate(self._path.read_bytes().splitlines(keepends=True)):
            try:
                entry = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                entry = None
            if entry is None or (number == 0 and entry != {"fingerprint": fingerprint}):
                break
            if number:
                self._known[entry["name"]] = entry
            whole += len(line)
        self._file.truncate(whole)
        if not whole:
            self._append({"fingerprint": fingerprint})

    def known(self, name: str, stamp: tuple[int, int]) -> dict[str, Any] | None:
        """The answer for a file, if it was finished and the file has not changed since."""
        entry = self._known.get(name)
        return entry["answer"] if entry is not None and tuple(entry["stamp"]) == stamp else None

    def add(self, name: str, stamp: tuple[int, int], answer: dict[str, Any]) -> None:
        """Notes a finished file.

        Raises:
            SignportError: The disk is full.
        """
        self._append({"name": name, "stamp": stamp, "answer": answer})

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry).encode() + b"\n"
        try:
            written = self._file.write(line)
        except OSError as error:
            raise self._cannot_write(error) from error
        if written != len(line):
            raise self._cannot_write(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def _cannot_write(self, error: OSError) -> SignportError:
        return SignportError(
            f"{self.folder}: cannot write ({error.strerror}); free space or choose an output you can write to"
        )

    def remove(self) -> None:
        """Deletes the journal: the capture is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
