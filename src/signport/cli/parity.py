"""`signport parity`: is what ships what was trained?"""

import json
from pathlib import Path
from typing import Annotated

import typer

from signport.errors import SignportError


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("parity")(parity)


def parity(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="An exported run's folder, or a copy of its export folder")
    ],
    targets: Annotated[str, typer.Option(help="Where to run, separated by commas: desktop")] = "desktop",
    tighten: Annotated[
        list[str] | None, typer.Option(metavar="GATE=VALUE", help="A stricter gate, such as int8_agreement=0.995")
    ] = None,
    threads: Annotated[str, typer.Option(help="Thread counts to measure at, separated by commas")] = "1,2",
    repeats: Annotated[int, typer.Option(help="Timed calls a file and thread count")] = 300,
    stream_frames: Annotated[int, typer.Option(help="Frames of a LIVE_STREAM endurance run of the .task")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON")] = False,
) -> None:
    """Compare the exported files in every runtime with the Keras float model; exit status 1 if a gate is broken."""
    options = {"repeats": repeats, "stream_frames": stream_frames}
    counts, tighter = _thread_counts(threads), _bounds(tighten or [])
    from signport import check_parity
    from signport.parity.answers import Options
    from signport.parity.table import print_report

    names = [name.strip() for name in targets.split(",") if name.strip()]
    report = check_parity(run, names, tighten=tighter, options=Options(threads=counts, **options))
    if as_json:
        print(json.dumps(report.content, indent=2, ensure_ascii=False))
    else:
        print_report(report)
    report.require()


def _thread_counts(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SignportError(f"--threads {text}: give positive numbers separated by commas, such as 1,2") from None


def _bounds(pairs: list[str]) -> dict[str, float]:
    bounds = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            bounds[name.strip()] = float(value)
        except ValueError:
            raise SignportError(f"--tighten {pair}: give GATE=NUMBER, such as int8_agreement=0.995") from None
    return bounds
