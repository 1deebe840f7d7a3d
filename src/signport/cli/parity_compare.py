"""`signport parity compare`: what changed between two reports."""

import json
from pathlib import Path
from typing import Annotated

import typer

_REPORT = "parity.json, or a run's folder"


def compare(
    before: Annotated[Path, typer.Argument(metavar="A", help=f"The older report: {_REPORT}")],
    after: Annotated[Path, typer.Argument(metavar="B", help=f"The newer report: {_REPORT}")],
    max_accuracy_drop: Annotated[float, typer.Option(help="Accuracy that a file may lose, 0 to 1")] = 0.01,
    max_agreement_drop: Annotated[float, typer.Option(help="Agreement with float that it may lose, 0 to 1")] = 0.01,
    max_sqnr_drop_db: Annotated[float, typer.Option(help="Decibels of SQNR that it may lose")] = 3.0,
    max_latency_ratio: Annotated[float, typer.Option(help="Median latency, B over A; on the same machine only")] = 1.25,
    max_size_ratio: Annotated[float, typer.Option(help="Bytes of a file, B over A")] = 1.1,
    strict: Annotated[bool, typer.Option("--strict", help="What ran in A must run in B, not be skipped")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the changes as JSON")] = False,
) -> None:
    """Say what changed between two parity reports; exit status 1 if something got worse by more than is allowed."""
    from signport.parity.report.changes import Thresholds
    from signport.parity.report.compare import compare as compared
    from signport.parity.report.compare import print_comparison

    thresholds = Thresholds(
        accuracy_drop=max_accuracy_drop,
        agreement_drop=max_agreement_drop,
        sqnr_drop_db=max_sqnr_drop_db,
        latency_ratio=max_latency_ratio,
        size_ratio=max_size_ratio,
        strict=strict,
    )
    found = compared(before, after, thresholds)
    if as_json:
        print(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
    else:
        print_comparison(found)
    found.require()
