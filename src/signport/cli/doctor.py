"""`signport doctor`: what is installed here, and what is not."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from signport.environment import Finding


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
        print_survey(findings)
    missing = [finding for finding in findings if finding.status == "missing"]
    for finding in missing:
        typer.echo(f"signport: {finding.name} is missing: {finding.hint}", err=True)
    if missing:
        raise typer.Exit(1)


def print_survey(findings: list["Finding"]) -> None:
    """Prints a part a group, and which of the optional things are absent."""
    from itertools import groupby

    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column()
    table.add_column(overflow="fold")  # a path that is cut is no use
    for group, members in groupby(findings, key=lambda finding: finding.group):
        table.add_row(group)
        for finding in members:
            table.add_row(f"  {finding.name}", finding.status, finding.value or finding.hint)
    console = Console(markup=False, highlight=False)
    console.print(table)
    if absent := [finding.name for finding in findings if finding.status == "absent"]:
        console.print(f"\nabsent, and needed only for what stands beside it: {', '.join(absent)}")
