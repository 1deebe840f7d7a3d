"""`signport quantize`: what quantization costs and gains, before anything is exported."""

from pathlib import Path
from typing import Annotated

import typer

from signport.cli.groups import Verbs

app = typer.Typer(cls=Verbs, no_args_is_help=True, help="Look into the quantization of a run.")


@app.command()
def compare(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A trained run's folder, such as runs/mlp-001")],
    *,
    rounds: Annotated[int, typer.Option(min=1, help="How often each file has its turn when latencies are taken")] = 15,
) -> None:
    """Set every way to a small file side by side: post-training, ai-edge-quantizer, tfmot and signport.

    All start from the same float graph and are judged on the run's held-back test part. Writes
    RUN/quantization/compare.json and compare.png.
    """
    from signport import compare_quantizers
    from signport.export.baseline_report import print_comparison, write_report

    comparison = compare_quantizers(run, rounds=rounds)
    print_comparison(comparison)
    for path in write_report(comparison):
        print(path)


@app.command()
def debug(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A trained run's folder, such as runs/mlp-001")],
    *,
    samples: Annotated[int, typer.Option(min=1, help="Held-back samples that are looked at, at most")] = 256,
    top: Annotated[int, typer.Option(min=1, help="Rows a table; all are in debug.json")] = 12,
) -> None:
    """Find what int8 costs: scale, zero point, clipping and error of every tensor, and which layer to keep in float.

    Makes the int8 model again as an export does, fine-tuning included, which takes most of the time; then tries each
    of its layers in int8 alone and in float alone on the run's held-back test part. Writes RUN/quantization/debug.json
    and debug.png.
    """
    from signport import debug_quantization
    from signport.export.debug_report import print_report, write_report

    debugged = debug_quantization(run, samples=samples)
    print_report(debugged, top=top)
    for path in write_report(debugged):
        print(path)
