"""Runs what is in an image as `docker/compose.yaml` has an engine do it, with nothing but the kernel and util-linux.

The root file system is read-only, /tmp and /dev/shm are in memory, the network is the sandbox's own; the process is no
root, has no capabilities, and cannot get any.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from container_images import Config

from signport.errors import SignportError

# Arguments: root, mounts as "source:target:ro|rw" joined by newlines, then what is to be run in the root.
_ENTER = """
set -e
root=$1 mounts=$2
shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o size=64m,nosuid,nodev,noexec tmpfs "$root/dev/shm"
mount -t tmpfs -o mode=1777,nosuid,nodev,noexec tmpfs "$root/tmp"
printf '%s' "$mounts" | while IFS=: read -r source target mode; do
  mount --bind "$source" "$root$target"
  mount -o "remount,bind,$mode" "$root$target"
done
mount -o remount,bind,ro "$root"
ip link set lo up
exec "$@"
"""


@dataclass(frozen=True)
class Mount:
    """A folder or file of this machine in a container.

    Attributes:
        source: Where it is here.
        target: Where it is there.
        writable: Whether it can be written.
    """

    source: Path
    target: str
    writable: bool = False


@dataclass
class Sandbox:
    """Something that runs from an image's files.

    Attributes:
        root: The image's files; mount points are made in them.
        config: What the image says of how it is to be run.
        mounts: What is mounted.
        environment: Variables beyond the image's.
        beside: The sandbox whose network this one shares.
    """

    root: Path
    config: Config
    mounts: Sequence[Mount] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    beside: "Sandbox | None" = None

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
        """Runs a command until it ends.

        Args:
            command: The whole command line.
            seconds: How long it may take.

        Raises:
            SignportError: It takes longer.
        """
        return _finished([*self._entering(), *self._inside(command)], command, seconds)

    def start(self, command: Sequence[str], log: Path) -> None:
        """Starts a command.

        Args:
            command: The whole command line.
            log: Where its output goes.
        """
        with log.open("w") as file:
            self._process = subprocess.Popen(
                [*self._entering(), *self._inside(command)], stdout=file, stderr=subprocess.STDOUT, text=True
            )

    def execute(self, command: Sequence[str], seconds: float = 30) -> subprocess.CompletedProcess[str]:
        """Runs a command beside the one that was started, as `docker exec` does."""
        enter = ["nsenter", "--target", str(self.process_id), "--mount", "--net", "--pid"]
        return _finished([*enter, *self._inside(command)], command, seconds)

    def wait_healthy(self, test: Sequence[str], seconds: float) -> float:
        """Waits until a health check succeeds; how long that took.

        Args:
            test: The check's command line.
            seconds: How long to wait.

        Raises:
            SignportError: It does not succeed in time, or what was started has ended.
        """
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            if self._process is None or self._process.poll() is not None:
                raise SignportError("what was started has ended")
            if self.execute(test).returncode == 0:
                return time.perf_counter() - start
            time.sleep(0.5)
        raise SignportError(f"not healthy after {seconds:.0f} s")

    def stop(self, seconds: float = 20) -> int:
        """Sends SIGTERM to what was started; its exit status.

        Raises:
            SignportError: It has not ended in time; it is killed.
        """
        assert self._process is not None
        if self._process.poll() is None:
            os.kill(self.process_id, signal.SIGTERM)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()  # and with it, --kill-child, what runs inside
            self._process.wait()
            raise SignportError(f"did not end within {seconds:.0f} s of SIGTERM") from None

    @property
    def process_id(self) -> int:
        """The started process's number on this machine."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for _ in range(100):
            if self._process.poll() is not None:
                raise SignportError("what was started has ended")
            if found := children.read_text().split():
                return int(found[0])
            time.sleep(0.05)
        raise SignportError("unshare started nothing")

    def _entering(self) -> list[str]:
        for mount in self.mounts:
            place = self.root / mount.target.lstrip("/")
            if mount.source.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.touch()
        mounts = "".join(f"{one.source}:{one.target}:{'rw' if one.writable else 'ro'}\n" for one in self.mounts)
        network = ["--net"]
        enter: list[str] = []
        if self.beside is not None:
            network, enter = [], ["nsenter", "--target", str(self.beside.process_id), "--net"]
        enter += ["unshare", "--mount", *network, "--pid", "--fork", "--kill-child"]
        return [*enter, "sh", "-c", _ENTER, "sandbox", str(self.root), mounts]

    def _inside(self, command: Sequence[str]) -> list[str]:
        user, _, group = self.config.user.partition(":")
        drop = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--clear-groups"]
        variables = [f"{name}={value}" for name, value in {**self.config.environment, **self.environment}.items()]
        return [
            *["chroot", str(self.root), "/usr/bin/setpriv", f"--reuid={user}", f"--regid={group or user}", *drop],
            *["/usr/bin/env", "--ignore-environment", f"--chdir={self.config.folder}", *variables, *command],
        ]


def _finished(argv: Sequence[str], command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise SignportError(f"{' '.join(command[:4])}: not done after {seconds:.0f} s") from None
