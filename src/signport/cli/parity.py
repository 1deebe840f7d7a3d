"""`signport parity`: is what ships what was trained?"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from signport.cli.parity_compare import compare
from signport.errors import SignportError

_CHECK = "check"


class _ChecksByDefault(TyperGroup):
    """`signport parity RUN` is `signport parity check RUN`."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, "--help"}:
            args = [_CHECK, *args]
        elif args[0] == "--help":
            args = [_CHECK, "--help"]
        return super().parse_args(context, args)


app = typer.Typer(
    cls=_ChecksByDefault,
    help="Compare the exported files on every target with the Keras float model; or two reports (compare).",
    rich_markup_mode=None,
)


@app.command(_CHECK, epilog="`signport parity compare A B` says what changed between two reports.")
def check(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="An exported run's folder, or a copy of its export folder")
    ] = None,
    targets: Annotated[
        str,
        typer.Option(metavar="LIST", help="Where to run, separated by commas: desktop, browser, arm64, android, jvm"),
    ] = "desktop",
    tighten: Annotated[
        list[str] | None, typer.Option(metavar="GATE=VALUE", help="A stricter gate, such as int8_agreement=0.995")
    ] = None,
    threads: Annotated[str, typer.Option(help="Thread counts to measure at, separated by commas")] = "1,2",
    repeats: Annotated[int, typer.Option(help="Timed calls a file and thread count")] = 300,
    stream_frames: Annotated[int, typer.Option(help="Frames of a LIVE_STREAM endurance run of the .task")] = 0,
    serial: Annotated[str | None, typer.Option(help="adb's serial number of the Android device")] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Compare every file operator by operator")] = False,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a JUnit report, for CI")] = None,
    open_page: Annotated[
        bool, typer.Option("--open", help="Open the parity page in your browser instead: try RUN, or drop one on it")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON")] = False,
) -> None:
    """Compare the exported files on every target with the Keras float model; exit status 1 if a gate is broken."""
    if open_page:
        from signport.parity.browser.page_server import open_page as serve

        serve(run)
        return
    if run is None:
        raise SignportError("RUN is missing: give an exported run's folder, or --open")
    counts, tighter = _thread_counts(threads), _bounds(tighten or [])
    from signport import check_parity
    from signport.files import check_writable
    from signport.parity.answers import Options
    from signport.parity.report.junit import write_junit
    from signport.parity.table import print_report

    if junit is not None:
        check_writable(junit)
    names = [name.strip() for name in targets.split(",") if name.strip()]
    options = Options(threads=counts, repeats=repeats, stream_frames=stream_frames, serial=serial)
    report = check_parity(run, names, tighten=tighter, options=options, layers=layers)
    if junit is not None:
        write_junit(report, junit)
    if as_json:
        print(json.dumps(report.content, indent=2, ensure_ascii=False))
    else:
        print_report(report)
    report.require()


app.command("compare")(compare)


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
