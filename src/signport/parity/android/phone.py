"""What an Android phone tells of itself, and a folder on it that is gone afterwards."""

import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from signport.errors import SignportError
from signport.parity.android.device import Device, Ended
from signport.parity.answers import RuntimeAnswers

ABI = "arm64-v8a"
CHROME = "com.android.chrome"
# The one place where the shell's user may write programs and run them.
_STORAGE = "/data/local/tmp"
_PID = "pid"
# Field of reports → properties that are joined in it.
_FIELDS = {
    "phone": ("ro.product.manufacturer", "ro.product.model"),
    "device": ("ro.product.device",),
    "android": ("ro.build.version.release",),
    "sdk": ("ro.build.version.sdk",),
    "android build": ("ro.build.fingerprint",),
    "soc": ("ro.soc.manufacturer", "ro.soc.model"),
    "abis": ("ro.product.cpu.abilist",),
}
# Set to 1 by Android's emulator: the first since Android 9, the second before.
_EMULATOR = ("ro.boot.qemu", "ro.kernel.qemu")


@dataclass(frozen=True)
class Facts:
    """What a phone tells of itself.

    Attributes:
        fields: Its fingerprint, in words by field; nothing that tells one phone from another of its kind.
        abis: Kinds of programs that it runs.
        chrome: Version of Chrome; "" where there is none.
        emulated: In words, what of it is not real; "" if it is.
    """

    fields: dict[str, str]
    abis: tuple[str, ...]
    chrome: str
    emulated: str

    def in_answers(self, answers: RuntimeAnswers) -> RuntimeAnswers:
        """Answers with this phone in them, and without times and memory where it is not real."""
        found = replace(answers, device={**self.fields, **answers.device})
        if not self.emulated:
            return found
        task = found.task
        return replace(
            found,
            emulated="; ".join(filter(None, (self.emulated, found.emulated))),
            files={form: answer.without_times() for form, answer in found.files.items()},
            task=None if task is None else replace(task, latency=None, stream=None),
            peak_memory_bytes=None,
        )


def facts_of(device: Device) -> Facts:
    """Asks a phone about itself.

    Raises:
        DeviceGoneError: It went away.
    """
    properties = device.properties()
    fields = {name: " ".join(filter(None, map(properties.get, parts))) for name, parts in _FIELDS.items()}
    chrome = _chrome_version(device.shell(f"dumpsys package {CHROME}").out)
    return Facts(
        fields={name: value for name, value in {**fields, "chrome": chrome}.items() if value},
        abis=tuple(filter(None, fields["abis"].split(","))),
        chrome=chrome,
        emulated=_emulated(properties),
    )


def _chrome_version(dump: str) -> str:
    for line in dump.splitlines():
        name, _, value = line.strip().partition("=")
        if name == "versionName":
            return value
    return ""


def _emulated(properties: Mapping[str, str]) -> str:
    name = next((name for name in _EMULATOR if properties.get(name) == "1"), None)
    return f"no phone: {name} is 1 on {properties.get('ro.product.model', 'it')}" if name else ""


class DeviceFolder:
    """A folder on a phone for files and programs; use it as a context manager.

    Args:
        device: The phone.

    Attributes:
        path: Its name there.
        left_behind: How to remove it by hand, where the phone went away before it could be; else "".
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self.path = f"{_STORAGE}/signport-{secrets.token_hex(6)}"
        self.left_behind = ""

    def __enter__(self) -> Self:
        try:
            ended = self._device.shell(f"mkdir -p {self.path}")
        except BaseException:
            self._remove()
            raise
        if ended.status:
            raise SignportError(f"{self._device.serial}: {self.path}: cannot be made: {ended.last_line}")
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def push(self, files: Sequence[Path]) -> dict[str, str]:
        """Copies files into it; returns the SHA-256 of each by name, as the phone reckons it.

        Raises:
            DeviceGoneError: The phone went away.
            SignportError: It does not take them.
        """
        self._device.push(files, self.path)
        return self._device.digests(self.path, [file.name for file in files])

    def run(self, command: Sequence[str], timeout_s: float) -> Ended:
        """Runs a program in it.

        Raises:
            DeviceGoneError: The phone went away.
            SignportError: It took longer than `timeout_s`; it is ended when the folder is removed, or before that by
                `end_program`.
        """
        started = shlex.quote(f"echo $$ > {_PID}; exec {shlex.join(command)}")
        return self._device.shell(
            f"cd {self.path} && sh -c {started}; status=$?; rm -f {_PID}; exit $status", timeout_s=timeout_s
        )

    def pull(self, name: str, destination: Path) -> None:
        """Copies a file of it here.

        Raises:
            DeviceGoneError: The phone went away.
            SignportError: There is no such file.
        """
        self._device.pull(f"{self.path}/{name}", destination)

    def end_program(self) -> None:
        """Ends the program that `run` waited for in vain.

        Raises:
            DeviceGoneError: The phone went away.
        """
        self._device.shell(self._kill())

    def _kill(self) -> str:
        pid = f"{self.path}/{_PID}"
        return f"if [ -s {pid} ]; then kill -9 $(cat {pid}); rm -f {pid}; fi"

    def _remove(self) -> None:
        command = f"{self._kill()}; rm -rf {self.path}"
        for _ in range(2):
            try:
                self._device.shell(command)
            except SignportError:
                # A cable that was moved is back in a moment; a phone that is gone for good is asked in vain.
                if not self._device.back():
                    break
            else:
                return
        self.left_behind = f"`adb -s {self._device.serial} shell rm -rf {self.path}` removes what was left there"
