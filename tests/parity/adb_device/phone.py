"""The phone behind the daemon: its properties, its files, and the commands that run on it.

Its shell is this machine's `/bin/sh` with a few of Android's programs first on the path; `/data/local/tmp` is a folder
of its own, put into commands in place of that name. A program there that is built for Arm64 runs in the Arm64 root, as
the kernel of a phone would run it; every other program is this machine's. A page that `am start` opens appears in this
machine's browser, for which the phone's loopback address stands in for its own.
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from signport.parity.arm64 import root as arm64_root
from signport.parity.browser.process import browser_flags

STORAGE = "/data/local/tmp"
LOOPBACK = "127.0.0.2"
PROPERTIES = {
    "ro.product.manufacturer": "signport",
    "ro.product.model": f"adb_device (qemu-aarch64 {arm64_root.CPU})",
    "ro.product.device": "adb_device",
    "ro.product.name": "adb_device",
    "ro.build.fingerprint": "signport/adb_device/adb_device:14/TESTS/1:userdebug/test-keys",
    "ro.build.version.release": "14",
    "ro.build.version.sdk": "34",
    "ro.product.cpu.abilist": "arm64-v8a",
    "ro.soc.model": arm64_root.CPU,
    # What the emulator of Android's SDK sets: times on it mean nothing.
    "ro.kernel.qemu": "1",
    "ro.boot.qemu": "1",
}
_PROGRAMS = {
    "getprop": """\
if [ $# -eq 0 ]; then sed 's/^\\([^=]*\\)=\\(.*\\)$/[\\1]: [\\2]/' "$PHONE/properties"
else sed -n "s/^$1=//p" "$PHONE/properties"; fi
""",
    "dumpsys": """\
[ "$1 $2" = "package com.android.chrome" ] && [ -s "$PHONE/browser" ] && echo "    versionName=1.2.3.4"
exit 0
""",
    "input": 'echo "$@" >> "$PHONE/keys"\n',
    "am": """\
while [ $# -gt 0 ]; do [ "$1" = -d ] && url=$2; shift; done
[ -s "$PHONE/browser" ] || { echo "Error: Activity not started, unable to resolve Intent { dat=$url }" >&2; exit 1; }
echo "Starting: Intent { act=android.intent.action.VIEW dat=$url }"
echo "$url" >> "$PHONE/opened"
setsid sh -c 'echo $$ >> "$PHONE/browsers"; eval "exec $(cat "$PHONE/browser") \\"\\$1\\""' sh "$url" \\
  </dev/null >"$PHONE/browser.log" 2>&1 &
""",
    # The kernel looks at a program's header; 00b7 is the machine AArch64.
    "start-program": """\
[ -s "$PHONE/emulator" ] && case $(od -An -tx2 -j18 -N2 "$1") in
*00b7*) eval "exec $(cat "$PHONE/emulator") \\"\\$@\\"" ;;
esac
exec "$@"
""",
}
# A program that is called by its path, where a command begins.
_CALL = re.compile(r"(^|[;&|(]\s*|\bexec\s+)((?:\./|/data/local/tmp/)[\w./-]+)")


@dataclass
class Phone:
    """A phone.

    Attributes:
        folder: Where its files lie; made here.
        properties: What `getprop` tells.
        browser: The browser that `am start` opens; None: the phone has none.
        garbled: Names of pushed files that arrive with an error.
        ran: Every command that was run.
        on_piece: Called with each piece of a pushed file (path, bytes so far).
        on_command: Called with each command before it is run.
    """

    folder: Path
    properties: dict[str, str] = field(default_factory=lambda: dict(PROPERTIES))
    browser: Path | None = None
    garbled: frozenset[str] = frozenset()
    ran: list[str] = field(default_factory=list)
    on_piece: Callable[[str, int], None] = lambda _path, _count: None
    on_command: Callable[[str], None] = lambda _command: None

    def __post_init__(self) -> None:
        self.storage.mkdir(parents=True)
        programs = self.folder / "system/bin"
        programs.mkdir(parents=True)
        for name, script in _PROGRAMS.items():
            (programs / name).write_text(f"#!/bin/sh\n{script}")
            (programs / name).chmod(0o755)
        self.write_properties()
        root = arm64_root.find()
        runs_arm64 = root is not None and not arm64_root.missing()
        emulator = shlex.join(arm64_root.command(root, ["program"])[:-1]) if runs_arm64 else ""
        (self.folder / "emulator").write_text(emulator)
        (self.folder / "browser").write_text(shlex.join(self._browser_command()))

    @property
    def storage(self) -> Path:
        """What is `/data/local/tmp` on the phone."""
        return self.folder / "data/local/tmp"

    def write_properties(self) -> None:
        lines = "".join(f"{name}={value}\n" for name, value in self.properties.items())
        (self.folder / "properties").write_text(lines)

    def located(self, path: str) -> Path:
        """A path of the phone on this machine."""
        return self.folder / os.path.normpath(f"/{path}").lstrip("/")

    def start(self, command: str, stderr: int) -> subprocess.Popen[bytes]:
        """Starts a shell command on the phone, in a session of its own."""
        self.ran.append(command)
        self.on_command(command)
        called = _CALL.sub(r"\1start-program \2", command)
        return subprocess.Popen(
            ["/bin/sh", "-c", called.replace(STORAGE, str(self.storage))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=self.folder,
            env={"PATH": f"{self.folder}/system/bin:/usr/bin:/bin", "HOME": "/", "PHONE": str(self.folder)},
            start_new_session=True,
        )

    def opened_urls(self) -> list[str]:
        """What `am start` has opened."""
        path = self.folder / "opened"
        return path.read_text().split() if path.is_file() else []

    def close_browsers(self) -> None:
        """Ends what `am start` opened."""
        path = self.folder / "browsers"
        for number in path.read_text().split() if path.is_file() else []:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(number), signal.SIGTERM)
            _wait_until_gone(int(number))
        path.unlink(missing_ok=True)

    def _browser_command(self) -> list[str]:
        if self.browser is None:
            return []
        flags = browser_flags(self.folder / "browser-profile", software_gpu=False)
        return [str(self.browser), *flags, f"--host-resolver-rules=MAP 127.0.0.1 {LOOPBACK}"]


def _wait_until_gone(group: int, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
