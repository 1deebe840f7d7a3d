"""`signport export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from signport.errors import SignportError

Precision = Literal["float", "int16"]


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("export")(export)


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A trained run's folder, such as runs/mlp-001")],
    *,
    lstm: Annotated[
        Literal["unrolled", "fused"],
        typer.Option(help="Form of LSTMs: unrolled runs everywhere; fused is smaller, but keeps state between calls"),
    ] = "unrolled",
    engine: Annotated[
        Literal["signport", "tfmot"] | None,
        typer.Option(
            help="What quantizes; tfmot for dense graphs only", show_default="the recipe's quantization.engine"
        ),
    ] = None,
    int4: Annotated[
        bool,
        typer.Option("--int4", help="Add an int4 file, as quantization.weight_bits: 4 does; not for tflite-runtime"),
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYER=float|int16", help="Don't quantize a layer to int8; `signport quantize debug` names them"
        ),
    ] = None,
) -> None:
    """Write checked .tflite files: float32, float16, dynamic range and quantization-aware int8."""
    from signport import export_tflite
    from signport.export.summary import print_card

    exported = export_tflite(run, lstm=lstm, engine=engine, int4=int4, keep=_kept(keep or []))
    print_card(exported.card, exported.folder)


def _kept(assignments: list[str]) -> dict[str, Precision]:
    precisions: dict[str, Precision] = {"float": "float", "int16": "int16"}
    found = {}
    for assignment in assignments:
        layer, _, precision = assignment.partition("=")
        if precision not in precisions:
            raise SignportError(f"--keep {assignment}: expected LAYER=float or LAYER=int16")
        found[layer] = precisions[precision]
    return found
