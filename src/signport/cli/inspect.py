"""`signport inspect`: what is inside a file."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("inspect")(inspect)


def inspect(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A .tflite, .task, .parquet or a run's folder")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False,
) -> None:
    """Show what is inside a .tflite, a .task, a landmark cache or a run."""
    from signport.parity.inspection import inspect as inspect_path
    from signport.parity.inspection_text import print_inspection

    found = inspect_path(path)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print_inspection(found)
