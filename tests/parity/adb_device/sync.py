"""adb's file service, after AOSP's file_sync_service: what `adb push` and `adb pull` talk to."""

import contextlib
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from tests.parity.adb_device.wire import Stream

_CHUNK = 1 << 16
_LEAST_MODE = 0o600
Arrived = Callable[[str, int], None]


class SyncService:
    """One connection of the service.

    Args:
        stream: The stream.
        located: Path on the device → path on this machine.
        arrived: Told of every piece of a pushed file: (path on the device, bytes so far).
        garbled: Names of files of which a byte is turned over as they are written.
    """

    def __init__(
        self, stream: Stream, located: Callable[[str], Path], arrived: Arrived, garbled: frozenset[str]
    ) -> None:
        self._stream, self._located, self._arrived, self._garbled = stream, located, arrived, garbled

    def run(self) -> None:
        requests = {
            b"STAT": self._stat,
            b"STA2": self._stat_2,
            b"LST2": self._stat_2,
            b"LIST": self._list,
            b"SEND": self._receive,
            b"RECV": self._send,
        }
        while True:
            request, name = self._request()
            if request == b"QUIT":
                return
            if request not in requests:
                self._fail(f"unknown request {request!r}")
                return
            requests[request](request, name)

    def _request(self) -> tuple[bytes, str]:
        request, length = struct.unpack("<4sI", self._stream.exactly(8))
        return request, self._stream.exactly(length).decode()

    def _fail(self, reason: str) -> None:
        self._stream.write(struct.pack("<4sI", b"FAIL", len(reason.encode())) + reason.encode())

    def _stat(self, _request: bytes, name: str) -> None:
        # The first version of STAT is lstat, but for `/sdcard` and the like, which are folders for a pusher.
        mode = size = changed = 0
        with contextlib.suppress(OSError):
            found = self._located(name).lstat()
            mode, size, changed = found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime)
        self._stream.write(struct.pack("<4s3I", b"STAT", mode, size, changed))

    def _stat_2(self, request: bytes, name: str) -> None:
        try:
            path = self._located(name)
            found = path.lstat() if request == b"LST2" else path.stat()
        except OSError as error:
            self._stream.write(struct.pack("<4sIQQIIIIQqqq", request, error.errno or 1, *(0,) * 10))
            return
        owner = (found.st_nlink, found.st_uid, found.st_gid, found.st_size)
        times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
        content = (request, 0, found.st_dev, found.st_ino, found.st_mode, *owner, *times)
        self._stream.write(struct.pack("<4sIQQIIIIQqqq", *content))

    def _list(self, _request: bytes, name: str) -> None:
        with contextlib.suppress(OSError):
            for entry in sorted(self._located(name).iterdir()):
                found, told = entry.lstat(), entry.name.encode()
                numbers = (found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime), len(told))
                self._stream.write(struct.pack("<4s4I", b"DENT", *numbers) + told)
        self._stream.write(struct.pack("<4s4I", b"DONE", 0, 0, 0, 0))

    def _receive(self, _request: bytes, name: str) -> None:
        name, _, mode = name.rpartition(",")
        path = self._located(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            with path.open("wb") as file:
                changed = self._write_pieces(name, file.write)
        except OSError as error:
            self._write_pieces(name, len)  # they come all the same
            self._fail(f"couldn't create file: {error.strerror}")
            return
        path.chmod(stat.S_IMODE(int(mode)) | _LEAST_MODE)
        os.utime(path, (changed, changed))
        self._stream.write(struct.pack("<4sI", b"OKAY", 0))

    def _write_pieces(self, name: str, write: Callable[[bytes], object]) -> int:
        """Returns the file's time of change."""
        done = 0
        while True:
            kind, count = struct.unpack("<4sI", self._stream.exactly(8))
            if kind == b"DONE":
                return count
            piece = self._stream.exactly(count)
            if not done and Path(name).name in self._garbled:
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            write(piece)
            done += count
            self._arrived(name, done)

    def _send(self, _request: bytes, name: str) -> None:
        try:
            with self._located(name).open("rb") as file:
                while piece := file.read(_CHUNK):
                    self._stream.write(struct.pack("<4sI", b"DATA", len(piece)) + piece)
            self._stream.write(struct.pack("<4sI", b"DONE", 0))
        except OSError as error:
            self._fail(error.strerror or "cannot be read")
