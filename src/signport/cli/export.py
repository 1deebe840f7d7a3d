"""`signport export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("export")(export)


def export(
    run: Annotated[Path, typer.Argument(help="A trained run, such as runs/mlp-001.")],
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
) -> None:
    """Write checked .tflite files: float32, float16, dynamic range and quantization-aware int8."""
    from signport import export_tflite
    from signport.export.summary import print_card

    exported = export_tflite(run, lstm=lstm, engine=engine, int4=int4)
    print_card(exported.card, exported.folder)
