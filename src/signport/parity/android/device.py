"""One Android device, through the genuine `adb`, which is started anew for each command."""

import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from signport.errors import SignportError

VARIABLE = "SIGNPORT_ADB"
READY = "device"
QUICK_S = 30.0
_TRANSFER_S = 300.0
# Long enough for a cable that is plugged in again, short enough to wait for one that is not.
_BACK_S = 5.0
_END = "signport-status="


class DeviceGoneError(SignportError):
    """The device was there, and is not any more."""


@dataclass(frozen=True)
class Ended:
    """How a command on a device ended.

    Attributes:
        status: Its exit status.
        out: What it printed.
        err: What it printed on stderr.
    """

    status: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line of what it said, of stderr rather than stdout."""
        lines = [line.strip() for line in f"{self.out}\n{self.err}".splitlines() if line.strip()]
        return lines[-1] if lines else f"exit status {self.status}"


def run_adb(command: Sequence[str], timeout_s: float, *, keep: bool = True) -> Ended:
    """Runs adb to its end.

    Args:
        command: adb and its arguments.
        timeout_s: Longest time that it may take, in seconds.
        keep: Whether to wait for what it prints, and return it.

    Raises:
        SignportError: It took longer, or cannot be started.
    """
    pipe = subprocess.PIPE if keep else subprocess.DEVNULL
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SignportError(f"{' '.join(command[:4])} …: no end after {timeout_s:g} s") from None
    except OSError as error:
        raise SignportError(
            f"{command[0]}: cannot be started ({error.strerror}); set {VARIABLE} to adb's path"
        ) from None
    return Ended(done.returncode, done.stdout or "", done.stderr or "")


class Device:
    """A device that was ready when it was chosen.

    Args:
        adb: adb.
        serial: What adb calls the device.
    """

    def __init__(self, adb: Path, serial: str) -> None:
        self._command = [str(adb), "-s", serial]
        self.serial = serial

    def shell(self, command: str, timeout_s: float = QUICK_S) -> Ended:
        """Runs a command in the device's shell.

        Raises:
            DeviceGoneError: The device went away.
            SignportError: The command took longer than `timeout_s`; it may still run.
        """
        # adb's own exit status tells little: it is 0 for every command on a phone before Android 7, and whenever the
        # connection breaks in the middle.
        ended = run_adb([*self._command, "shell", "-n", f"({command}); echo {_END}$?"], timeout_s)
        out, marker, status = ended.out.rpartition(_END)
        if not marker or not status.strip().isdecimal():
            self._require_itself(ended)
            raise SignportError(f"{self.serial}: {command}: its shell broke off: {ended.last_line}")
        return Ended(int(status), out, ended.err)

    def push(self, files: Sequence[Path], folder: str) -> None:
        """Copies files into a folder of the device.

        Raises:
            DeviceGoneError: The device went away.
            SignportError: It does not take them.
        """
        self._transfer(["push", *map(str, files), f"{folder}/"], f"push to {folder}")

    def pull(self, path: str, destination: Path) -> None:
        """Copies a file of the device here.

        Raises:
            DeviceGoneError: The device went away.
            SignportError: It has no such file.
        """
        self._transfer(["pull", path, str(destination)], f"pull {path}")

    def digests(self, folder: str, names: Sequence[str]) -> dict[str, str]:
        """File name → SHA-256, as the device reckons it of what it has.

        Raises:
            DeviceGoneError: The device went away.
            SignportError: A file is missing, or the device has no `sha256sum`.
        """
        listed = shlex.join(["sha256sum", *names])
        ended = self.shell(f"cd {shlex.quote(folder)} && {listed}", _TRANSFER_S)
        if ended.status:
            raise SignportError(f"{self.serial}: sha256sum: {ended.last_line} (Android 8 and later have it)")
        lines = (line.split(None, 1) for line in ended.out.splitlines() if line.strip())
        return {name.strip().lstrip("*"): digest.lower() for digest, name in lines}

    def properties(self) -> dict[str, str]:
        """What `getprop` tells.

        Raises:
            DeviceGoneError: The device went away.
        """
        found = {}
        for line in self.shell("getprop").out.splitlines():
            name, separator, value = line.partition("]: [")
            if separator:
                found[name.lstrip("[")] = value.rstrip().removesuffix("]")
        return found

    @contextmanager
    def reversed_port(self, port: int) -> Iterator[None]:
        """Has a port of the device's loopback lead to the same port of this machine's.

        Raises:
            DeviceGoneError: The device went away.
            SignportError: The port is taken there.
        """
        name = f"tcp:{port}"
        ended = run_adb([*self._command, "reverse", "--no-rebind", name, name], QUICK_S)
        if ended.status:
            self._require_itself(ended)
            raise SignportError(f"{self.serial}: adb reverse {name}: {ended.last_line}")
        try:
            yield
        finally:
            # A device that is gone has forgotten it by itself.
            with suppress(SignportError):
                run_adb([*self._command, "reverse", "--remove", name], QUICK_S)

    def gone(self) -> str | None:
        """Why the device cannot be used any more, or None while it can."""
        try:
            ended = run_adb([*self._command, "get-state"], QUICK_S)
        except SignportError as error:
            return str(error)
        return None if ended.out.strip() == READY else ended.last_line.removeprefix("error: ")

    def back(self, timeout_s: float = _BACK_S) -> bool:
        """Waits for a device that went away; whether it is there."""
        end = time.monotonic() + timeout_s
        while self.gone() is not None:
            if time.monotonic() > end:
                return False
            time.sleep(_BACK_S / 20)
        return True

    def _transfer(self, arguments: Sequence[str], what: str) -> None:
        ended = run_adb([*self._command, *arguments], _TRANSFER_S)
        if ended.status:
            self._require_itself(ended)
            raise SignportError(f"{self.serial}: cannot {what}: {ended.last_line}")

    def _require_itself(self, ended: Ended) -> None:
        """Tells a command's own failure from that of the device."""
        if (reason := self.gone()) is not None:
            said = ended.last_line.removeprefix("error: ")
            cause = reason if said in reason or not (ended.out or ended.err) else f"{said}; {reason}"
            raise DeviceGoneError(f"the device {self.serial} went away ({cause})")
