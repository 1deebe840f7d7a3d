"""`signport train`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from signport.training.run import Run


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("train")(train)


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(help="mlp, mlp_v2, gesture_embedder, gesture_head, lstm, transformer, stgcn, or a YAML file"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="CACHE", help="The landmark cache to train on (the recipe's)")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace a value: training.epochs=20")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of all runs (the recipe's: runs)")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", "--run-id", metavar="ID", help="The run's name (the recipe's and a number)"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with an interrupted run, exactly where it stopped")
    ] = None,
    init_from: Annotated[
        Path | None, typer.Option("--init-from", metavar="RUN", help="Start from the weights of another run")
    ] = None,
    base_bundle: Annotated[
        Path | None,
        typer.Option("--base-bundle", metavar="FILE.task", help="gesture_recognizer.task whose embedder a head uses"),
    ] = None,
    embedder: Annotated[
        Path | None, typer.Option(metavar="RUN|FILE.tflite", help="Exported embedder that a gesture head uses")
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "gpu"] | None, typer.Option(help="Where to train (the recipe's: auto)")
    ] = None,
    wandb: Annotated[bool, typer.Option("--wandb", help="Log to Weights & Biases too")] = False,
) -> None:
    """Train a model by a recipe; everything about it goes into one folder, runs/NAME."""
    from signport import resume as resume_run
    from signport import train as train_run
    from signport.errors import SignportError
    from signport.training.recipe import load_recipe

    changes = [*(overrides or [])]
    changes += [f"device={device}"] if device else []
    changes += ["logging.wandb=true"] if wandb else []
    if resume is not None:
        for option, value in (("--init-from", init_from), ("--base-bundle", base_bundle), ("--embedder", embedder)):
            if value is not None:
                raise SignportError(f"{option} {value}: an interrupted run has its own already; leave it out")
        if changes and recipe is None:
            raise SignportError(f"--set {changes[0]}: a resumed run keeps its recipe; start another with --init-from")
        _report(resume_run(resume, recipe=load_recipe(recipe, changes) if recipe else None, data=data))
        return
    if recipe is None:
        raise SignportError("RECIPE is missing; for example: signport train mlp --data hands.parquet")
    _report(
        train_run(
            recipe,
            data,
            runs=runs,
            name=name,
            overrides=changes,
            init_from=init_from,
            base_bundle=base_bundle,
            embedder=embedder,
        )
    )


def _report(run: "Run") -> None:
    if start := run.record.get("init_from"):
        new = ", ".join(start["new"]) or "none"
        print(f"start: {start['copied']} tensors copied from {start['run']}; new: {new}", file=sys.stderr)
    metrics = run.metrics
    print(f"best epoch  {metrics['best_epoch']} of {metrics['epochs']}")
    for part in ("validation", "test"):
        if part in metrics:
            low, high = metrics[part]["interval"]
            accuracy, samples = metrics[part]["accuracy"], metrics[part]["samples"]
            top5 = f"; top-5 {metrics[part]['top5_accuracy']:.2%}" if "top5_accuracy" in metrics[part] else ""
            print(f"{part:<11} {accuracy:.2%} (95 % interval {low:.2%} to {high:.2%}; {samples} samples{top5})")
    print(f"{run.path}: model.keras, history.csv, results.png, run.json")
