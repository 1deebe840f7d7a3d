"""The README's commands, run as they stand, in its order, in an empty folder."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.free_port import free_port

from signport.datasets.rendered import render_hands

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TASK = ROOT.parent / "shared" / "data" / "models" / "gesture_recognizer.task"


def blocks(section: str, language: str) -> list[list[str]]:
    """The commands of each code block of a section."""
    body = re.split(r"^## ", README, flags=re.MULTILINE)
    text = next(part for part in body if part.startswith(section))
    return [block.strip().splitlines() for block in re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where a reader would stand: photographs in class folders, nothing else."""
    folder = tmp_path_factory.mktemp("reader")
    render_hands(folder / "drawn", "asl22", per_class=14, seed=5, detect=False)
    for name in ("A", "B", "L", "V", "Y", "None"):
        shutil.copytree(folder / "drawn" / name, folder / "photos" / name)
    return folder


def run(command: list[str] | str, folder: Path) -> str:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        shell=isinstance(command, str),
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done.stdout


@contextlib.contextmanager
def started(command: str, folder: Path) -> Iterator[subprocess.Popen]:
    """A command that goes on until it is told to end."""
    program, *arguments = command.split()
    path = [str(Path(sys.executable).with_name(program)), *arguments]
    with subprocess.Popen(path, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.mark.slow
def test_own_images(folder):
    (commands,) = blocks("With your own images", "sh")
    assert commands[0] == ". .venv/bin/activate"
    for command in commands[1:]:
        run(command, folder)
    for name in re.findall(r"`(\S+\.(?:tflite|npz|txt|json))`", README.split("## With clips of signing")[0]):
        assert (folder / "runs" / "mlp-001" / "export" / name).is_file(), name


@pytest.mark.slow
def test_clips_of_signing(folder):
    (commands,) = blocks("With clips of signing", "sh")
    for command in commands:
        run(command, folder)
    assert (folder / "runs" / "lstm-001" / "export" / "model_dynamic.tflite").is_file()


@pytest.mark.slow
def test_quantization(folder):
    for command in blocks("Quantization", "sh")[0]:
        run(command, folder)
    assert (folder / "runs" / "mlp-001" / "quantization" / "compare.png").is_file()
    assert (folder / "runs" / "mlp-001" / "quantization" / "debug.png").is_file()
    assert (folder / "runs" / "mlp-001" / "export" / "model_int4.tflite").is_file()


@pytest.mark.slow
def test_parity_on_the_devices(folder):
    for command in blocks("Parity on the devices", "sh")[0]:
        run(command, folder)
    assert (folder / "parity.xml").is_file()
    report = folder / "runs" / "mlp-001" / "parity"
    assert {path.name for path in report.iterdir()} == {"parity.json", "parity.html", "parity.md"}
    targets = json.loads((report / "parity.json").read_text(encoding="utf-8"))["targets"]
    assert list(targets) == ["desktop", "browser", "arm64"]


@pytest.mark.slow
def test_own_bundle(folder):
    if not TASK.is_file():
        pytest.skip(f"{TASK} is not here; it is Google's gesture_recognizer.task, which a clone does not bring")
    shutil.copy(TASK, folder / "gesture_recognizer.task")
    for command in blocks("With your own `gesture_recognizer.task`", "sh")[0]:
        run(command, folder)
    assert (folder / "runs" / "gesture_head-001" / "export" / "gesture_recognizer.task").is_file()


@pytest.mark.slow
def test_own_embedder(folder):
    for command in blocks("With your own `gesture_recognizer.task`", "sh")[1]:
        run(command, folder)
    assert (folder / "runs" / "head" / "export" / "gesture_recognizer.task").is_file()


@pytest.mark.slow
def test_into_the_app(folder):
    module = folder / "my-app" / "core" / "mediapipe"
    (module / "src" / "jvmMain" / "kotlin").mkdir(parents=True)
    for path in (folder / "my-app" / "settings.gradle.kts", module / "build.gradle.kts"):
        path.touch()
    for command in blocks("Into the app", "sh")[0]:
        run(command, folder)
    models = module / "src" / "jvmMain" / "resources" / "models"
    exported = folder / "runs" / "head" / "export" / "gesture_recognizer.task"
    assert (models / "gesture_recognizer.task").read_bytes() == exported.read_bytes()
    constants = module / "src" / "jvmMain" / "kotlin" / "com" / "example" / "signs" / "MlpModel.kt"
    assert 'RESOURCE: String = "models/mlp/model_int8.tflite"' in constants.read_text(encoding="utf-8")


@pytest.mark.slow
def test_as_a_service(folder):
    serve, ask = blocks("As a service", "sh")
    port = free_port()
    with started(f"{serve[0]} --port {port}", folder) as server:
        assert f"http://127.0.0.1:{port}/" in server.stdout.readline() + server.stdout.readline()
        picture = min((folder / "photos" / "A").iterdir()).relative_to(folder).as_posix()
        curl = "curl --silent --retry 20 --retry-connrefused " + ask[0].removeprefix("curl ")
        answer = json.loads(run(curl.replace(":8000", f":{port}").replace("photos/A/one.jpg", picture), folder))
    assert list(answer) == list(json.loads(ask[1].removeprefix("# ")))
    assert answer["letter"] == "A"
    assert server.returncode == 0


@pytest.mark.slow
def test_more_than_one_machine(folder):
    ((command,),) = blocks("More than one machine", "sh")
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    workers = f"dask worker {address} --nworkers 1 --nthreads 1 --no-dashboard"
    with started(f"dask scheduler --port {port} --no-dashboard", folder), started(workers, folder):
        command = command.replace("tcp://HOST:8786", address).replace("hands.parquet", "again.parquet")
        run(command, folder)
    assert (folder / "again.parquet").read_bytes() == (folder / "hands.parquet").read_bytes()


@pytest.mark.slow
def test_python(folder):
    (lines,) = blocks("From Python", "python")
    accuracy, export = run([sys.executable, "-c", "\n".join(lines)], folder).splitlines()[-2:]
    assert 0.5 < float(accuracy) <= 1
    assert (Path(export) / "card.json").is_file()


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_make_target_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name in re.findall(r"(?:`|^)make ([a-z-]+)(?:`|$)", README, flags=re.MULTILINE):
        assert re.search(rf"^{name}:", makefile, flags=re.MULTILINE), name
