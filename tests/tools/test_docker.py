"""The containers' files, as far as they can be read without building; `make docker-check` builds and runs them."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main
import yaml

from signport.cli.main import app
from signport.errors import SignportError

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "docker").glob("*ockerfile"))
COMPOSE = (ROOT / "docker" / "compose.yaml").read_text()
SERVICES = yaml.safe_load(COMPOSE)["services"]
LONG_RUNNING = sorted(SERVICES.keys() - {"train"})

each_dockerfile = pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=list(SERVICES))


def _instructions(dockerfile):
    """Each stage's instructions as (name, rest)."""
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    stages = [[]]
    for name, rest in lines:
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, " ".join(rest.split())))
    return stages


def _values(stage, name):
    return [rest for kind, rest in stage if kind == name]


def _dependencies(group):
    """Names of all packages that the lock file installs for a dependency group."""
    packages = {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    waiting = [entry["name"] for entry in packages["signport"]["dev-dependencies"][group]]
    found = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [entry["name"] for entry in packages[name].get("dependencies", [])]
    return found


def _parse(argv):
    """Parses a `signport` command line without carrying it out; raises click's error where it is wrong."""
    name, *rest = argv
    typer.main.get_command(app).commands[name].make_context(name, rest)


@each_dockerfile
def test_uv_is_the_makefiles(dockerfile):
    version = re.search(r"^UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert f"UV_VERSION={version}" in _values(_instructions(dockerfile)[1], "ARG")


def test_all_images_stand_on_one_pinned_base():
    bases = {_values(_instructions(dockerfile)[0], "ARG")[0] for dockerfile in DOCKERFILES}
    assert len(bases) == 1
    assert re.fullmatch(r"PYTHON_IMAGE=docker\.io/library/python:3\.11\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases.pop())
    for dockerfile in DOCKERFILES:
        assert {rest.split()[0] for stage in _instructions(dockerfile) for rest in _values(stage, "FROM")} == {
            "${PYTHON_IMAGE}",
            "dependencies",
        }


@each_dockerfile
def test_packages_come_from_the_lock_file_by_groups_that_exist(dockerfile):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runs = " ".join(rest for stage in _instructions(dockerfile)[1:-1] for rest in _values(stage, "RUN"))
    assert runs.count("uv sync") == runs.count("uv sync --locked") == 2
    assert set(re.findall(r"--(?:only-)?group (\S+?)\}?(?= |$)", runs)) <= project["dependency-groups"].keys()
    assert set(re.findall(r"--extra (\S+)", runs)) <= project["project"]["optional-dependencies"].keys()


@each_dockerfile
def test_the_last_stage_installs_nothing_and_is_not_root(dockerfile):
    last = _instructions(dockerfile)[-1]
    assert not re.search(r"\b(apt|apt-get|pip|uv|curl|wget)\b", " ".join(_values(last, "RUN")))
    assert _values(last, "USER") == ["1000:1000"]
    assert all(word.startswith("[") for name in ("ENTRYPOINT", "CMD") for word in _values(last, name))  # no shell


def test_the_context_holds_what_is_copied_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = {
        source
        for dockerfile in DOCKERFILES
        for stage in _instructions(dockerfile)
        for rest in _values(stage, "COPY")
        if not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_the_service_has_its_extra_and_no_tensorflow():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = {re.match(r"[\w-]+", wish)[0] for wish in project["project"]["optional-dependencies"]["serve"]}
    installed = _dependencies("service")
    assert names <= installed
    assert not installed & {"tensorflow", "keras", "tf-keras", "jax", "matplotlib", "scipy", "scikit-learn", "pyarrow"}


def test_the_gpu_group_is_the_same_tensorflow():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    version = next(wish for wish in project["project"]["dependencies"] if wish.startswith("tensorflow=="))
    assert project["dependency-groups"]["gpu"][0].startswith(version.replace("==", "[and-cuda]=="))


@each_service
def test_every_container_is_hardened_and_bounded(service):
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() >= {"memory", "pids"}


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_what_runs_on_is_restarted_and_its_health_is_known(name):
    service = SERVICES[name]
    dockerfile = ROOT / "docker" / Path(service["build"]["dockerfile"]).name
    assert service["restart"] == "unless-stopped"
    assert "healthcheck" in service or _values(_instructions(dockerfile)[-1], "HEALTHCHECK")


def test_only_this_machine_is_listened_to_by_default():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith(("127.0.0.1:", "${SIGNPORT_ADDRESS:-127.0.0.1}:")) for port in ports)


def test_every_volume_is_declared_and_every_variable_is_explained():
    volumes = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    named = {re.match(r"\$\{\w+:-(\w+)\}:", volume)[1] for volume in volumes if isinstance(volume, str)}
    assert named == yaml.safe_load(COMPOSE)["volumes"].keys()
    header = COMPOSE.partition("\nname:")[0]
    assert all(variable in header for variable in re.findall(r"\$\{(\w+)", COMPOSE))


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_what_an_image_runs_by_default_is_a_command_of_signport(dockerfile):
    last = _instructions(dockerfile)[-1]
    assert _values(last, "ENTRYPOINT") == ['["signport"]']
    command = json.loads(_values(last, "CMD")[0])
    if command != ["--help"]:
        _parse(command)


def test_what_compose_runs_is_a_command_that_exists():
    for service in SERVICES.values():
        if "command" in service and "entrypoint" not in service:
            _parse(service["command"])
    distributed = pytest.importorskip("distributed.cli", reason="no distributed; make setup")
    for name in ("scheduler", "worker"):
        module = importlib.import_module(f"{distributed.__name__}.dask_{name}")
        assert SERVICES[name]["entrypoint"] == ["dask", name]
        module.main.make_context(name, list(SERVICES[name]["command"]))


@each_dockerfile
def test_hadolint_finds_nothing(dockerfile):
    done = subprocess.run([_program("hadolint"), dockerfile], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["compose.yaml", "compose.gpu.yaml"])
def test_compose_files_follow_the_specification(name):
    command = [_program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", ROOT / "docker" / name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _program(name):
    program = Path(sys.executable).parent / name
    if not program.is_file():
        pytest.skip(f"{name} is not installed; make setup")
    return program


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("docker_check")


def test_who_is_not_root_is_told_to_be(tool, monkeypatch):
    monkeypatch.setattr(tool.os, "geteuid", lambda: 1000)
    with pytest.raises(SignportError, match="sudo make docker-check"):
        tool._require()


def test_missing_programs_are_named_with_the_command_that_brings_them(tool, monkeypatch):
    monkeypatch.setattr(tool.os, "geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: None if name == "debootstrap" else f"/usr/bin/{name}")
    with pytest.raises(SignportError, match=r"apt-get install .* debootstrap$"):
        tool._require()


def test_a_failed_step_is_told_and_counted(tool, tmp_path, capsys):
    check = tool.Check(tmp_path)
    with check.step("answer"):
        raise SignportError("no answer")
    assert check.failed == ["answer"]
    assert "answer: no answer" in capsys.readouterr().out


def test_compose_overrides_what_the_image_says(tool, tmp_path):
    image = tool.Config(("signport",), ("--help",), {"HOME": "/tmp"}, "1000:1000", "/", ())
    scheduler, test = tool._service(tool.Sandbox(tmp_path, image), "scheduler")
    assert tool._argv(scheduler.config)[:2] == ["dask", "scheduler"]
    assert scheduler.config.environment == {"HOME": "/tmp"}
    assert test[0] == "python"
