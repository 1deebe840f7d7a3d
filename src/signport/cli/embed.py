"""`signport embed`: exported files into an app."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("embed")(embed)


def embed(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="An exported run's folder")],
    app: Annotated[Path, typer.Option("--app", help="The app's folder")],
    *,
    into: Annotated[
        Path | None, typer.Option(help="Folder inside the app to write to [default: models/ in its resources]")
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help=".tflite to copy, repeatable [default: the .task; else int8, or float16 where there is no int8]",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, say what would be done")] = False,
) -> None:
    """Copy a run's .task and .tflite files, with labels and card, into an app's resources."""
    from signport.export.app_resources import embed as embed_run

    for one in embed_run(run, app, into=into, formats=formats or [], dry_run=dry_run):
        print(f"{'would be ' if dry_run and one.action != 'already up to date' else ''}{one.action}: {one.path}")
