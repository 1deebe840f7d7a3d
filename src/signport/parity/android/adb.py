"""The genuine `adb`: finding it, and choosing one of the Android devices that it lists.

adb finds its server as it always does: `ANDROID_ADB_SERVER_PORT` is honoured.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from signport.errors import SignportError
from signport.parity.android.device import QUICK_S, READY, VARIABLE, Device, run_adb
from signport.parity.parts import SETUP

_SDK_VARIABLES = ("ANDROID_HOME", "ANDROID_SDK_ROOT")

MISSING = (
    f"adb is not installed; `{SETUP}` says how to get it (Debian: `apt install adb`), or set {VARIABLE} to its path"
)
NO_DEVICE = (
    "no Android device is connected; on the phone enable developer options (tap the build number seven times) and USB "
    "debugging, plug it in, allow this computer on its screen, and check with `adb devices`"
)
# State of a device in `adb devices` → what it takes to use it.
_REMEDIES = {
    "unauthorized": "unlock it and allow USB debugging from this computer; if it does not ask, `adb kill-server`",
    "authorizing": "wait a moment and try again",
    "connecting": "wait a moment and try again",
    "offline": "unplug it and plug it in again, or `adb reconnect`",
    "no permissions": "let your user open USB devices (Debian: `apt install android-sdk-platform-tools-common`)",
    "recovery": "restart it into Android",
    "sideload": "restart it into Android",
    "bootloader": "restart it into Android",
}


class NoDeviceError(SignportError):
    """There is no device that could be used: a reason to skip, not a fault."""


@dataclass(frozen=True)
class Listed:
    """A line of `adb devices -l`.

    Attributes:
        serial: What adb calls it.
        state: `device` if it can be used.
        model: Its model, "" where adb does not know.
    """

    serial: str
    state: str
    model: str = ""

    def __str__(self) -> str:
        return f"{self.serial} ({', '.join(filter(None, (self.model, self.state)))})"


def find_adb() -> Path | None:
    """adb: `SIGNPORT_ADB`, else from PATH, else from an Android SDK.

    Raises:
        SignportError: `SIGNPORT_ADB` is set and names no program.
    """
    if chosen := os.environ.get(VARIABLE):
        if (named := shutil.which(chosen)) is None:
            raise SignportError(f"{VARIABLE} is {chosen!r}: no such program; give adb's path, or unset it")
        return Path(named)
    folders = [str(Path(os.environ[name]) / "platform-tools") for name in _SDK_VARIABLES if os.environ.get(name)]
    found = shutil.which("adb") or shutil.which("adb", path=os.pathsep.join(folders))
    return Path(found) if found else None


def listed_devices(adb: Path) -> list[Listed]:
    """What `adb devices -l` lists; starts adb's server if none runs.

    Raises:
        SignportError: adb does not work.
    """
    # A client that starts the server itself hands it its stdout, and we would wait for that to be closed.
    run_adb([str(adb), "start-server"], QUICK_S, keep=False)
    ended = run_adb([str(adb), "devices", "-l"], QUICK_S)
    if ended.status:
        raise SignportError(f"{adb} devices: {ended.last_line}")
    lines = ended.out.partition("List of devices attached")[2].splitlines()
    return [_listed(line) for line in lines if line.strip()]


def _listed(line: str) -> Listed:
    serial, rest = line.split(None, 1)
    model = next((word.partition(":")[2] for word in rest.split() if word.startswith("model:")), "")
    state = "no permissions" if rest.startswith("no permissions") else rest.split()[0]
    return Listed(serial, state, model.replace("_", " ").strip())


def choose_device(serial: str | None) -> Device:
    """The device of that serial number; None: the one that is connected.

    Raises:
        NoDeviceError: There is no adb that works or no device, or it cannot be used as it is.
        SignportError: Several are connected and none was chosen, or the chosen one is not among them.
    """
    adb = find_adb()
    if adb is None:
        raise NoDeviceError(MISSING)
    try:
        devices = listed_devices(adb)
    except SignportError as error:
        raise NoDeviceError(str(error)) from error
    if serial is not None:
        chosen = next((one for one in devices if one.serial == serial), None)
        if chosen is None:
            there = ", ".join(map(str, devices)) or "none"
            raise SignportError(f"--serial {serial}: no such device; connected: {there}")
    elif not devices:
        raise NoDeviceError(NO_DEVICE)
    else:
        ready = [one for one in devices if one.state == READY]
        if len(ready) > 1:
            raise SignportError(
                f"several Android devices are connected; choose with --serial: {', '.join(map(str, ready))}"
            )
        chosen = (ready or devices)[0]
    if chosen.state != READY:
        remedy = _REMEDIES.get(chosen.state, "see `adb devices`")
        raise NoDeviceError(f"{chosen.serial} is {chosen.state}: {remedy}")
    return Device(adb, chosen.serial)
