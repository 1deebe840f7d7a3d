"""The example workflow for users is valid, and its commands exist."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml
from typer.core import TyperGroup

from signport.cli.main import app
from signport.parity.targets import target_names

_ROOT = Path(__file__).parent.parent
_PATH = _ROOT / ".github/workflows/parity.yml"


@pytest.fixture
def steps():
    return yaml.safe_load(_PATH.read_text(encoding="utf-8"))["jobs"]["parity"]["steps"]


def _commands(steps, program):
    """Arguments of every call of a program in the steps' scripts."""
    lines = [line for step in steps for line in step.get("run", "").replace("\\\n", " ").splitlines()]
    words = [shlex.split(line) for line in lines if line.strip()]
    return [found[1:] for found in words if found[0] == program]


def test_it_is_a_workflow(steps):
    # YAML 1.1 reads the key `on` as true.
    content = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
    assert {"name", True, "permissions", "env", "jobs"} == set(content)
    assert content["permissions"] == {"contents": "read"}
    assert all(("run" in step) != ("uses" in step) for step in steps)
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"]) for step in steps if "uses" in step)


def test_every_make_target_exists(steps):
    makefile = (_ROOT / "Makefile").read_text(encoding="utf-8")
    named = [words[-1] for words in _commands(steps, "make")]
    assert named == ["setup", "setup-targets"]
    assert all(re.search(rf"^{name}:", makefile, re.MULTILINE) for name in named)


def _parsed(words):
    """The command that a call comes to, and its parameters; an option that it has not is refused."""
    command, context = typer.main.get_command(app), None
    while True:
        context = command.make_context(command.name, list(words), parent=context)
        if not isinstance(command, TyperGroup):
            return context.command_path, context.params
        _, command, words = command.resolve_command(context, context._protected_args + context.args)


def test_every_signport_command_exists_with_its_options(steps):
    (name, found), (other, compared) = (_parsed(words) for words in _commands(steps, "signport"))
    assert name == "signport parity check"
    assert set(found["targets"].split(",")) <= set(target_names())
    assert other == "signport parity compare"
    assert compared["strict"]
    with pytest.raises(Exception, match="--no-such-option"):
        _parsed(["parity", "run", "--no-such-option"])


def test_the_report_reaches_the_summary_and_the_artifacts(steps):
    scripts = "\n".join(step.get("run", "") for step in steps)
    assert '/parity/parity.md" >> "$GITHUB_STEP_SUMMARY"' in scripts
    (upload,) = [step for step in steps if step.get("uses", "").startswith("actions/upload-artifact")]
    kept = upload["with"]["path"]
    assert all(name in kept for name in ("parity.html", "parity.md", "parity.json", "parity.xml"))
    assert upload["if"] == "${{ !cancelled() }}"
