"""`make docker-check`: builds the container images and runs what is in them, on a machine without an engine.

buildah builds docker/Dockerfile and docker/serve.Dockerfile on a base image that debootstrap makes (once); layers are
kept, so that a second call builds only what has changed. What is in the images then runs as docker/compose.yaml has it:
see `container_sandbox`. Exit status 1 if anything is not as it should be.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from container_images import ROOT, Config, Container, Images, missing
from container_sandbox import Mount, Sandbox

from signport.errors import SignportError
from signport.parity.parts import cache_folder

DOCKERFILES = {"train": "Dockerfile", "serve": "serve.Dockerfile"}
PROGRAMS = (
    ("buildah", "buildah"),
    ("debootstrap", "debootstrap"),
    ("setpriv", "util-linux"),
    ("ip", "iproute2"),
)
# What builds things, and has no business in an image that is run.
BUILD_TOOLS = ("gcc", "cc", "g++", "clang", "make", "cmake", "git", "uv", "cargo")
# What the service does without.
NOT_SERVED = ("tensorflow", "keras", "tf_keras", "jax", "matplotlib", "PIL", "scipy", "sklearn", "pyarrow", "pandas")
IN_MEMORY = ("/tmp", "/dev/shm")  # noqa: S108 (the containers' own)
_UNWANTED = """
import importlib.util, json, shutil, sys
programs, modules = json.loads(sys.argv[1])
print(json.dumps([p for p in programs if shutil.which(p)]
                 + [m for m in [*modules, "pip", "uv"] if importlib.util.find_spec(m)]))
"""
_HARDENED = """
import os, pathlib, sys
status = dict(line.split(":", 1) for line in pathlib.Path("/proc/1/status").read_text().splitlines())
print("uid", status["Uid"].split()[0], "capabilities", int(status["CapEff"], 16) | int(status["CapBnd"], 16),
      "no new privileges", status["NoNewPrivs"].strip())
for place in ("/", "/opt/signport", "/opt/venv"):
    try:
        open(os.path.join(place, "written"), "w")
    except OSError as error:
        print(place, error.strerror)
    else:
        print(place, "WRITTEN")
"""
_ASK = """
import json, sys, urllib.request
picture = open("/hand", "rb").read()
edge = "edge-of-the-parts"
body = f'--{edge}\\r\\nContent-Disposition: form-data; name="file"; filename="hand"\\r\\n\\r\\n'.encode()
body += picture + f"\\r\\n--{edge}--\\r\\n".encode()
request = urllib.request.Request("http://127.0.0.1:8000/api/v1/asl/recognitions", body,
                                 {"Content-Type": f"multipart/form-data; boundary={edge}"})
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""


class Check:
    """One call's work: images, what ran, and what is wrong.

    Args:
        folder: Where images, and what the training image made for the service, are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = Images(folder)
        self.failed: list[str] = []
        self.model = folder / "model"
        self.picture = folder / "hand.png"
        self.hosts = Mount(folder / "hosts", "/etc/hosts")
        self.hosts.source.write_text("127.0.0.1 localhost scheduler\n")

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Prints what is tried, what it said and how long it took; an error is noted, and the next step goes on."""
        start = time.perf_counter()
        said: list[str] = []
        try:
            yield said
            mark = "ok"
        except SignportError as error:
            mark = "FAILED"
            said.append(str(error))
            self.failed.append(what)
        print(f"{mark:>6}  {time.perf_counter() - start:6.1f} s  {what}: {'; '.join(said)}", flush=True)

    def build(self, name: str) -> bool:
        """Builds an image and prints how large it is; whether that worked."""
        image, dockerfile = _image(name), ROOT / "docker" / DOCKERFILES[name]
        failed = len(self.failed)
        with self.step(f"build {dockerfile.relative_to(ROOT)}") as said:
            self.images.build(dockerfile, image)
            with Container(self.images, image) as container:
                total, largest = container.largest_folders()
            said.append(f"{total:,.0f} MB")
        if len(self.failed) > failed:
            return False
        for path, size in largest:
            print(f"{size:20,.0f} MB  {path}")
        return True

    def train(self) -> None:
        """Runs the training image: doctor, data to parity of one family, Dask, TensorBoard."""
        image = _image("train")
        config = self.images.config(image)
        with Container(self.images, image) as container, _writable() as data, _writable() as runs:
            mounts = [self.hosts, Mount(data, "/data", True), Mount(runs, "/runs", True)]
            sandbox = Sandbox(container.root, config, mounts)
            with self.step("no build tools in the image") as said:
                said.append(_unwanted(sandbox, ()))
            with self.step("signport doctor") as said:
                found = json.loads(_output(sandbox, [*config.entrypoint, "doctor", "--json"], 60))
                said.extend(f"{one['name']} {one['value']}" for one in found[5:12])
            with self.step("export_tflite.py --families mlp, one minute's data, to parity") as said:
                command = ["python", "/opt/signport/tools/export_tflite.py", "--work", "/runs/check"]
                lines = _output(sandbox, [*command, "--families", "mlp", "--per-class", "20"], 600).splitlines()
                said += [line.split(", /")[0] for line in lines if line.startswith("parity mlp")]
                self._keep(runs / "check")
            with self.step("compose.yaml: Dask scheduler and two workers") as said:
                said.append(self._cluster(container.root, config, mounts))
            with self.step("compose.yaml: TensorBoard") as said:
                board, test = _service(sandbox, "tensorboard")
                with self._started(board, _argv(board.config), "tensorboard"):
                    said.append(f"healthy after {board.wait_healthy(test, 90):.1f} s")

    def serve(self) -> None:
        """Runs the service's image: healthy, not root, nothing written, one picture answered, ended by SIGTERM."""
        if not (self.model / "card.json").is_file():
            with self.step("a model to serve"):
                raise SignportError(f"{self.model} is not there; leave --image away once: the training image makes it")
            return
        image = _image("serve")
        config = self.images.config(image)
        with Container(self.images, image) as container:
            mounts = [self.hosts, Mount(self.model, "/model"), Mount(self.picture, "/hand")]
            sandbox = Sandbox(container.root, config, mounts)
            with self.step("no build tools, TensorFlow or Keras in the image") as said:
                said.append(_unwanted(sandbox, NOT_SERVED))
            with self.step("signport serve") as said, self._started(sandbox, _argv(config), "serve"):
                said.append(f"HEALTHCHECK succeeds after {sandbox.wait_healthy(config.health, 90):.1f} s")
                said.append(_done(sandbox.execute(["python", "-c", _ASK])).strip())
                hardened = _done(sandbox.execute(["python", "-c", _HARDENED])).splitlines()
                said.extend(hardened)
                if hardened[0] != "uid 1000 capabilities 0 no new privileges 1" or "WRITTEN" in "".join(hardened):
                    raise SignportError("not as compose.yaml says")
                if written := _done(sandbox.execute(["find", *IN_MEMORY, "-type", "f"])).split():
                    raise SignportError(f"files were written: {' '.join(written)}")
                said.append(f"no file in {' and '.join(IN_MEMORY)}")
                said.append(f"{_resident(sandbox):,.0f} MB resident")
                if status := sandbox.stop():
                    raise SignportError(f"SIGTERM ended it with {status}")
                said.append("SIGTERM ends it with 0")

    def _cluster(self, root: Path, config: Config, mounts: Sequence[Mount]) -> str:
        scheduler, test = _service(Sandbox(root, config, mounts), "scheduler")
        with ExitStack() as stack:
            stack.enter_context(self._started(scheduler, _argv(scheduler.config), "scheduler"))
            scheduler.wait_healthy(test, 60)
            for port in ("8788", "8789"):  # one network here, where an engine gives each worker its own address
                worker, test = _service(Sandbox(root, config, mounts, beside=scheduler), "worker")
                command = [word.replace("8788", port) for word in _argv(worker.config)]
                stack.enter_context(self._started(worker, command, f"worker-{port}"))
                worker.wait_healthy([word.replace("8788", port) for word in test], 60)
            client = Sandbox(root, config, mounts, beside=scheduler)
            capture = ["capture", "images", "/runs/check/hands-asl22-20-0", "/data/hands.parquet"]
            told = _output(client, [*config.entrypoint, *capture, "--cluster", "tcp://scheduler:8786"], 300)
        return f"healthy; {told.splitlines()[-1]}"

    @contextmanager
    def _started(self, sandbox: Sandbox, command: Sequence[str], name: str) -> Iterator[None]:
        log = self.folder / f"{name}.out"
        sandbox.start(command, log)
        try:
            yield
        except SignportError as error:
            last = " | ".join(log.read_text(errors="replace").strip().splitlines()[-5:])
            raise SignportError(f"{error} ({log}: {last})") from None
        finally:
            sandbox.stop()

    def _keep(self, work: Path) -> None:
        """Keeps an exported model, and a picture of a hand, for the service."""
        shutil.rmtree(self.model, ignore_errors=True)
        shutil.copytree(work / "runs" / "mlp" / "export", self.model)
        first = min(path for path in work.glob("hands-*/**/A/*") if path.suffix in {".png", ".jpg"})
        shutil.copyfile(first, self.picture)


def _service(sandbox: Sandbox, name: str) -> tuple[Sandbox, tuple[str, ...]]:
    """The sandbox with what compose.yaml says of a service, and the service's health check."""
    said: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"][name]
    image = sandbox.config
    config = Config(
        entrypoint=tuple(said.get("entrypoint", image.entrypoint)),
        command=tuple(said.get("command", image.command)),
        environment={**image.environment, **said.get("environment", {})},
        user=image.user,
        folder=image.folder,
        health=tuple(said["healthcheck"]["test"][1:]),
    )
    return Sandbox(sandbox.root, config, sandbox.mounts, beside=sandbox.beside), config.health


def _argv(config: Config) -> list[str]:
    return [*config.entrypoint, *config.command]


def _output(sandbox: Sandbox, command: Sequence[str], seconds: float) -> str:
    return _done(sandbox.run(command, seconds))


def _done(finished: Any) -> str:
    if finished.returncode:
        last = " | ".join((finished.stderr or finished.stdout).strip().splitlines()[-5:])
        raise SignportError(f"exit status {finished.returncode}: {last}")
    return str(finished.stdout)


def _unwanted(sandbox: Sandbox, modules: Sequence[str]) -> str:
    asked = json.dumps([BUILD_TOOLS, list(modules)])
    if found := json.loads(_output(sandbox, ["python", "-c", _UNWANTED, asked], 60)):
        raise SignportError(f"found {', '.join(found)}")
    return f"none of {', '.join([*BUILD_TOOLS, *modules])}"


def _resident(sandbox: Sandbox) -> float:
    """Megabytes of memory that all processes of a sandbox hold that no other has."""
    script = "import glob,re; print(sum(int(n) for p in glob.glob('/proc/[0-9]*/smaps_rollup')"
    script += " for n in re.findall(r'Pss: +([0-9]+)', open(p).read())))"
    return int(_done(sandbox.execute(["python", "-c", script]))) / 1000


@contextmanager
def _writable() -> Iterator[Path]:
    """A folder that the containers' user may write."""
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, 1000, 1000)
        yield Path(folder)


def _image(name: str) -> str:
    return f"localhost/signport-{name}:check"


def _require() -> None:
    if os.geteuid():
        raise SignportError("building and running containers without an engine needs root; run: sudo make docker-check")
    if command := missing(PROGRAMS):
        raise SignportError(f"something is missing; run: {command}")


def main() -> int:
    """Builds and runs; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", choices=list(DOCKERFILES), help="only this one (default: both)")
    chosen = parser.parse_args().image
    _require()
    check = Check(cache_folder() / "containers")
    with check.step("base image") as said:
        seconds = check.images.make_base()
        said.append("was there" if seconds is None else "made by debootstrap")
    runs: dict[str, Callable[[], None]] = {"train": check.train, "serve": check.serve}
    for name, run in runs.items():
        if chosen in (None, name) and check.build(name):
            run()
    print(f"{len(check.failed)} failed: {', '.join(check.failed)}" if check.failed else "all as it should be")
    return 1 if check.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SignportError as error:
        print(f"signport: error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
