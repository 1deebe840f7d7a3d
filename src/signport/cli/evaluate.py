"""`signport evaluate`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("evaluate")(evaluate)


def evaluate(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN…", help="A trained run; several are an ensemble")],
    data: Annotated[Path, typer.Option("--data", metavar="CACHE", help="A landmark cache with labelled samples")],
    part: Annotated[
        Literal["auto", "all", "test"],
        typer.Option(help="Which samples; auto: of the cache that a run was trained on, only what was held back"),
    ] = "auto",
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where reports go [default: RUN/evaluation]")
    ] = None,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Leave out samples of classes the model does not know")
    ] = False,
) -> None:
    """Measure accuracy (with its interval), top-5, and precision, recall and F1 of each class."""
    from signport import evaluate as evaluate_runs
    from signport.training.reports import results_text

    evaluation = evaluate_runs(runs, data, output=output, part=part, ignore_unknown=ignore_unknown)
    for note in evaluation.notes:
        print(f"signport: note: {note}", file=sys.stderr)
    print(results_text(evaluation), end="")
    print(f"\n{evaluation.output}: results.txt, results.json, confusion_matrix.png, per_class_f1.png")
