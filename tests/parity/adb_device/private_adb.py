"""The genuine adb with a server of its own: the user's server, keys and devices are not touched."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from tests.parity.adb_device.daemon import FEATURES, AdbDaemon
from tests.parity.adb_device.phone import Phone

_TIMEOUT_S = 30


class PrivateAdb:
    """An adb server on a free port, and what a client needs to find it; use it as a context manager.

    Args:
        home: Where adb keeps its keys.
    """

    def __init__(self, home: Path) -> None:
        self.program = shutil.which("adb")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.environment = {"ANDROID_ADB_SERVER_PORT": str(self.port)}
        home.mkdir(exist_ok=True)
        self._all = {**os.environ, **self.environment, "HOME": str(home), "ANDROID_SDK_HOME": str(home)}
        self._all["ADB_LOCAL_TRANSPORT_MAX_PORT"] = "5554"  # it looks for emulators there, whosever they are

    def __enter__(self) -> Self:
        self.run("start-server")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run("kill-server")

    def run(self, *arguments: str, content: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Runs a command of adb."""
        assert self.program is not None
        return subprocess.run(
            [self.program, *arguments],
            input=content,
            stdin=subprocess.DEVNULL if content is None else None,
            capture_output=True,
            env=self._all,
            timeout=_TIMEOUT_S,
            check=False,
        )

    @contextmanager
    def plugged(
        self, phone: Phone, features: tuple[str, ...] = FEATURES, *, trusts: bool = True
    ) -> Iterator[AdbDaemon]:
        """A phone that adb is connected to."""
        with AdbDaemon(phone, features, trusts=trusts) as daemon:
            self.run("connect", daemon.serial)
            try:
                yield daemon
            finally:
                self.run("disconnect", daemon.serial)


@contextmanager
def own_adb(folder: Path) -> Iterator[PrivateAdb]:
    """An adb server that is this process's own, also for what it starts; skips the test where there is no adb."""
    adb = PrivateAdb(folder / "adb-home")
    if adb.program is None:
        pytest.skip("adb is not installed; `make setup-targets`")
    with pytest.MonkeyPatch.context() as patch, adb:
        for name, value in adb.environment.items():
            patch.setenv(name, value)
        if there := adb.run("devices").stdout.decode().splitlines()[1:-1]:
            pytest.skip(f"adb finds {there[0].split()[0]}; unplug what does not belong to the tests")
        yield adb
