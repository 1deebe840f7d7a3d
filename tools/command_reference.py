"""MkDocs hook: writes `reference/cli.md`, all commands and their options, out of the command line itself."""

import re
from collections.abc import Iterator
from typing import Any

import typer
import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from typer.core import TyperGroup

from signport.cli.main import app

PAGE = "reference/cli.md"
_HEAD = """# Commands

`signport COMMAND --help` prints the same. Exit status: 0 fine, 1 a gate is broken, 2 bad input (one line says what to
do), 130 interrupted.
"""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the page."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """The page's Markdown."""
    return _HEAD + "".join(_section(path, command) for path, command in commands())


def commands() -> list[tuple[str, Any]]:
    """All commands that do something, with their full names, in the order of the pipeline."""
    return list(_leaves(typer.main.get_command(app), "signport"))


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(command, TyperGroup):
        yield path, command
        return
    context = typer.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None and not child.hidden:
            yield from _leaves(child, f"{path} {name}")


def _section(path: str, command: Any) -> str:
    # Without its default command's name: `signport parity RUN` is what people type.
    title = path.removesuffix(" check")
    context = typer.Context(command, info_name=title)
    usage = " ".join(command.collect_usage_pieces(context))
    rows = [_row(parameter, context) for parameter in command.get_params(context) if parameter.name != "help"]
    table = "\n\n| argument or option | what it does | default |\n|---|---|---|\n" + "\n".join(rows) if rows else ""
    return f"\n## {title}\n\n{_prose(command.help or '')}\n\n```text\n{title} {usage}\n```{table}\n"


def _row(parameter: Any, context: typer.Context) -> str:
    name, help_text = parameter.get_help_record(context)
    text, _, default = " ".join(help_text.split()).partition("[default: ")
    is_required = text.endswith("[required]")
    text = text.removesuffix("[required]").strip()
    cells = (f"`{name}`", _prose(text), "required" if is_required else _prose(default.removesuffix("]")))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _prose(text: str) -> str:
    """Help as Markdown: names of files in angle brackets are no HTML tags, underscores no emphasis."""
    parts = re.split(r"(`[^`]*`)", text.replace("\b", ""))
    return "".join(part if part.startswith("`") else re.sub(r"([<>*_\[\]])", r"\\\1", part) for part in parts)
