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
) -> None:
    """Write checked .tflite files: float32, float16, dynamic range and quantization-aware int8."""
    from signport import export_tflite
    from signport.export.summary import print_card

    exported = export_tflite(run, lstm=lstm)
    print_card(exported.card, exported.folder)
