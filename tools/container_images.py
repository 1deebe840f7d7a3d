"""Images without an engine: buildah with storage of its own, on a base image that debootstrap makes."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from signport.errors import SignportError

ROOT = Path(__file__).resolve().parents[1]
# Stands in for docker.io/library/python:3.11-slim-bookworm: Debian's Python of the same version, at /usr/bin.
BASE = "localhost/signport-base:bookworm"
_MIRROR = "http://deb.debian.org/debian"
_PACKAGES = "ca-certificates,python3.11,python3.11-venv,python3-distutils"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# Where pip and uv look, and what they are told where this machine says nothing of its own: to trust whom it trusts.
_SETTINGS = {"/etc/pip.conf": f"[global]\ncert = {_BUNDLE}\n", "/etc/uv/uv.toml": "system-certs = true\n"}


@dataclass(frozen=True)
class Config:
    """What an image says of how it is to be run.

    Attributes:
        entrypoint: The start of the command line.
        command: The rest of it, where none is given.
        environment: Variables.
        user: `user:group`, as numbers.
        folder: The working folder.
        health: The command of its HEALTHCHECK; empty without one.
    """

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: dict[str, str]
    user: str
    folder: str
    health: tuple[str, ...]


class Images:
    """Images and containers in a folder of their own; nothing of it is seen by other tools of this machine.

    Args:
        folder: Where everything goes; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in ("storage", "run", "temporary", "handed"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    def buildah(self, *arguments: str, log: Path | None = None) -> str:
        """Runs buildah.

        Args:
            *arguments: Its command line, without the storage.
            log: Where its output goes instead of being returned.

        Raises:
            SignportError: It failed; the message ends with its last lines.
        """
        place = ["--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")]
        command = ["buildah", *place, "--storage-driver", "overlay", *arguments]
        # Cache mounts lie in the temporary folder too.
        environment = {**os.environ, "TMPDIR": str(self.folder / "temporary")}
        with ExitStack() as stack:
            output = stack.enter_context(log.open("w")) if log else subprocess.PIPE
            error = subprocess.STDOUT if log else subprocess.PIPE
            done = subprocess.run(command, stdout=output, stderr=error, text=True, check=False, env=environment)
        if done.returncode:
            said = log.read_text(errors="replace") if log else done.stderr
            last = "\n".join(said.strip().splitlines()[-15:])
            raise SignportError(f"buildah {arguments[0]} ended with {done.returncode}:\n{last}")
        return "" if log else done.stdout.strip()

    def make_base(self) -> float | None:
        """Makes the base image unless it is there; the seconds that took, or None.

        Raises:
            SignportError: debootstrap or buildah failed.
        """
        if self.buildah("images", "--quiet", "--filter", f"reference={BASE}"):
            return None
        start = time.perf_counter()
        root, log = self.folder / "base", self.folder / "debootstrap.log"
        shutil.rmtree(root, ignore_errors=True)
        with log.open("w") as file:
            command = ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root), _MIRROR]
            done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise SignportError(f"debootstrap ended with {done.returncode}; see {log}")
        for left in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"):
            shutil.rmtree(root / left, ignore_errors=True)
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(root), "/")
        self.buildah("config", "--env", f"PATH={_PATH}", "--env", "LANG=C.UTF-8", "--cmd", "python3.11", container)
        self.buildah("commit", "--quiet", "--rm", container, BASE)
        shutil.rmtree(root)
        return time.perf_counter() - start

    def build(self, dockerfile: Path, image: str) -> float:
        """Builds an image from this checkout; the seconds that took.

        Args:
            dockerfile: Its Dockerfile.
            image: What it is called.

        Raises:
            SignportError: The build failed.
        """
        start = time.perf_counter()
        options = ["--isolation", "chroot", "--layers", "--pull-never", "--format", "docker"]
        options += ["--build-arg", f"PYTHON_IMAGE={BASE}", *self._handed(), "--file", str(dockerfile)]
        # The first stage has a name too, so that its layers outlive what is of no more use.
        for stage in (["--target", "build", "--tag", f"{image}-build"], ["--tag", image]):
            self.buildah("build", *options, *stage, str(ROOT), log=self.folder / f"{dockerfile.stem}.log")
        self.buildah("rmi", "--prune")
        return time.perf_counter() - start

    def _handed(self) -> list[str]:
        """How this machine reaches PyPI, as mounts that leave nothing in the image."""
        bundle = Path(os.environ.get("SSL_CERT_FILE", _BUNDLE))
        mounts = [f"{bundle}:{_BUNDLE}:ro"] if bundle.is_file() else []
        for place, text in _SETTINGS.items():
            own = Path(place)
            if not own.is_file():
                own = self.folder / "handed" / own.name
                own.write_text(text)
            mounts.append(f"{own}:{place}:ro")
        return [word for mount in mounts for word in ("--volume", mount)]

    def config(self, image: str) -> Config:
        """What an image says of how it is to be run."""
        said: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", image))["Docker"]["config"]
        health = (said.get("Healthcheck") or {}).get("Test") or []
        return Config(
            entrypoint=tuple(said.get("Entrypoint") or ()),
            command=tuple(said.get("Cmd") or ()),
            environment=dict(line.split("=", 1) for line in said.get("Env") or ()),
            user=said.get("User") or "0:0",
            folder=said.get("WorkingDir") or "/",
            health=tuple(health[1:]),
        )


class Container:
    """A container's files, mounted while the context lasts, and then removed.

    Args:
        images: Where the image is.
        image: Its name.
    """

    def __init__(self, images: Images, image: str) -> None:
        self._images = images
        self._image = image

    def __enter__(self) -> Self:
        self._name = self._images.buildah("from", "--pull-never", self._image)
        return self

    def __exit__(self, *_: object) -> None:
        self._images.buildah("rm", self._name)

    @cached_property
    def root(self) -> Path:
        """Where its files lie."""
        return Path(self._images.buildah("mount", self._name))

    def largest_folders(self, count: int = 10, depth: int = 6) -> tuple[float, list[tuple[str, float]]]:
        """The megabytes of everything, and of the folders that hold the most, each without those below it.

        Args:
            count: How many folders.
            depth: How far down folders are told apart.
        """
        command = ["du", "--one-file-system", "--block-size=1000", f"--max-depth={depth}", str(self.root)]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        whole = {Path(path): int(size) / 1000 for size, path in (line.split("\t", 1) for line in lines)}
        own = dict(whole)
        for path, size in whole.items():
            if path != self.root:
                own[path.parent] -= size
        largest = sorted(own.items(), key=lambda entry: -entry[1])[:count]
        return whole[self.root], [(f"/{path.relative_to(self.root)}", size) for path, size in largest]


def missing(programs: Sequence[tuple[str, str]]) -> str:
    """The command that brings the programs that are not here; empty if all are.

    Args:
        programs: Each program and its Debian package.
    """
    packages = [package for program, package in programs if shutil.which(program) is None]
    return f"apt-get install --yes --no-install-recommends {' '.join(packages)}" if packages else ""
