"""`signport quantize`: what quantization costs and gains, before anything is exported."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Look into the quantization of a run.")


@app.callback()
def _group() -> None:
    """Keeps this a group of verbs, also while it has one only."""


@app.command()
def compare(
    run: Annotated[Path, typer.Argument(help="A trained run, such as runs/mlp-001.")],
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
