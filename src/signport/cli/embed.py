"""`signport embed`: exported files into an app."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from signport.export.app.embedding import Placed

_DIFFERS = 2
_CHANGES = ("added", "replaced")


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
            help="What to embed, repeatable: task, or a format of the .tflite such as int8 [default: the .task; else "
            "int8, or float16 where there is no int8]",
        ),
    ] = None,
    package: Annotated[
        str | None,
        typer.Option(metavar="com.example.signs", help="Write the model's constants as Kotlin, into this package"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, say what would be done")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Change nothing; exit status 2 if the app does not hold what the run has"),
    ] = False,
) -> None:
    """Put a run's .task or .tflite, with labels and card, into an app's resources, and its constants into its code."""
    from signport.errors import SignportError
    from signport.export.app_resources import embed as embed_run

    if check and dry_run:
        raise SignportError("--check and --dry-run: both change nothing; choose one")
    placed = embed_run(run, app, into=into, formats=formats or [], package=package, dry_run=dry_run or check)
    if check:
        options = _options(app, into, formats or [], package)
        _report_check(placed, app, f"signport embed {shlex.quote(str(run))} {options}")
        return
    names = [f"{'would be ' if dry_run and one.action in _CHANGES else ''}{one.action}:" for one in placed]
    width = max(map(len, names))
    for one, name in zip(placed, names, strict=True):
        print(f"{name:<{width}} {_shown(one, app)}{_about(one)}")


def _about(one: "Placed") -> str:
    if one.action == "left alone":
        return f": {one.why}"
    now = f"{one.size:,} bytes" + (f"; {one.model}" if one.model else "")
    return f"  {now} (was: {one.before})" if one.before else f"  {now}"


def _report_check(placed: Sequence["Placed"], app: Path, command: str) -> None:
    """Prints a line a file: what is right to stdout, what differs to stderr."""
    for one in placed:
        path = _shown(one, app)
        if one.action == "added":
            print(f"missing: {path}; run `{command}`", file=sys.stderr)
        elif one.action == "replaced":
            has = f" the run has {one.model}," if one.model else ""
            print(f"differs: {path}:{has} the app has {one.before}; run `{command}` again", file=sys.stderr)
        elif one.differs:
            print(f"differs: {path}: {one.why}", file=sys.stderr)
        else:
            print(f"{one.action}: {path}{_about(one)}")
    if any(one.differs for one in placed):
        raise typer.Exit(_DIFFERS)


def _shown(one: "Placed", app: Path) -> Path:
    """As the app's folder was spelled, so that it can be opened from where the user stands."""
    return app / one.path.relative_to(app.resolve())


def _options(app: Path, into: Path | None, formats: Sequence[str], package: str | None) -> str:
    options = ["--app", str(app)]
    options += ["--into", str(into)] if into is not None else []
    options += [word for form in formats for word in ("--format", form)]
    options += ["--package", package] if package is not None else []
    return shlex.join(options)
