"""What `--help` says, of every verb: whole, in one style, and true."""

from importlib import metadata

import pytest
import typer
from tests.run_cli import run_cli

from signport.cli.main import app
from signport.parity.targets import target_names
from signport.training.recipe import recipe_names


def _verbs(command, name):
    if not hasattr(command, "commands"):
        return {name: command}
    found = {name: command}
    for verb, member in command.commands.items():
        found |= _verbs(member, f"{name} {verb}")
    return found


VERBS = _verbs(typer.main.get_command(app), "signport")


def _help(monkeypatch, capsys, *words):
    assert run_cli(monkeypatch, *words, "--help") == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_and_every_option_says_what_it_is_for(name):
    command = VERBS[name]
    assert command.help, name
    assert command.help.split("\n\n", maxsplit=1)[0].endswith("."), "a sentence"
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name}"
        assert not parameter.help.endswith("."), f"{name}: {parameter.name}"


def test_the_list_of_verbs_shows_whole_sentences(monkeypatch, capsys):
    for words in ((), ("import",), ("capture",), ("quantize",)):
        printed = _help(monkeypatch, capsys, *words)
        assert "..." not in printed.partition("Commands:")[2]
    assert "and which layer to keep in float" in " ".join(printed.split())


def test_every_recipe_and_every_target_is_named(monkeypatch, capsys):
    printed = _help(monkeypatch, capsys, "train")
    assert [name for name in recipe_names() if name not in printed] == []
    printed = _help(monkeypatch, capsys, "parity")
    assert [name for name in target_names() if name not in printed] == []


def test_the_version_is_that_of_the_distribution(monkeypatch, capsys):
    assert run_cli(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"signport {metadata.version('signport')}\n"
