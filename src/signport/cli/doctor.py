"""`signport doctor`: what is installed here, and what is not."""

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command()(doctor)


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON")] = False) -> None:
    """Show what is installed here, and how to get what is not; exit status 1 if something required is missing."""
    from dataclasses import asdict

    from signport.environment import survey

    findings = survey()
    if as_json:
        print(json.dumps([{**asdict(finding), "status": finding.status} for finding in findings], indent=2))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table("", "status", "found, or what it is for and how to get it")
        for finding in findings:
            table.add_row(finding.name, finding.status, finding.value or finding.hint)
        Console(markup=False, highlight=False).print(table)
    missing = [finding for finding in findings if finding.status == "missing"]
    for finding in missing:
        typer.echo(f"signport: {finding.name} is missing: {finding.hint}", err=True)
    if missing:
        raise typer.Exit(1)
