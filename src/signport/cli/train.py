"""`signport train`."""

import os
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
        typer.Argument(
            metavar="RECIPE",
            help="mlp, mlp_v2, gesture_embedder, gesture_head, lstm, transformer, stgcn, conv_transformer, or a .yaml",
        ),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", "-c", metavar="RECIPE", help="The recipe, for who prefers options")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="CACHE", help="The landmark cache to train on [default: the recipe's]"),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace a value: training.epochs=20")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The folder of all runs [default: the recipe's, runs]")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", "--run-id", metavar="ID", help="The run's name [default: the recipe's and a number]"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with an interrupted run, exactly where it stopped")
    ] = None,
    restarted: Annotated[
        bool, typer.Option("--restarted", help="With --run-id: go on with that run if it has begun (requeued jobs)")
    ] = False,
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
        Literal["auto", "cpu", "gpu"] | None, typer.Option(help="Where to train [default: the recipe's, auto]")
    ] = None,
    strategy: Annotated[
        Literal["single", "mirrored", "multi_worker"] | None,
        typer.Option(help="On one device, all GPUs, or all workers [default: the recipe's, single]"),
    ] = None,
    wandb: Annotated[bool, typer.Option("--wandb", help="Log to Weights & Biases too")] = False,
) -> None:
    """Train a model by a recipe; everything about it goes into one folder, runs/NAME."""
    from signport import resume as resume_run
    from signport import train as train_run
    from signport.errors import SignportError
    from signport.training.recipe import load_recipe

    if recipe is not None and config is not None:
        raise SignportError(f"--config {config}: the recipe is given twice; leave out one of them")
    recipe = recipe or config
    changes = [*(overrides or [])]
    changes += [f"device={device}"] if device else []
    changes += ["logging.wandb=true"] if wandb else []
    if resume is not None:
        for option, value in (("--init-from", init_from), ("--base-bundle", base_bundle), ("--embedder", embedder)):
            if value is not None:
                raise SignportError(f"{option} {value}: an interrupted run has its own already; leave it out")
        if changes and recipe is None:
            raise SignportError(f"--set {changes[0]}: a resumed run keeps its recipe; start another with --init-from")
        wanted = load_recipe(recipe, changes) if recipe else None
        _report(resume_run(resume, recipe=wanted, data=data, strategy=strategy), strategy)
        return
    if recipe is None:
        raise SignportError("RECIPE is missing; for example: signport train mlp --data hands.parquet")
    wanted = load_recipe(recipe, [*changes, *([f"training.strategy={strategy}"] if strategy else [])])
    if restarted and (begun := _begun(Path(runs or wanted.runs), name)) is not None:
        finished = begun.record["finished"]
        _report(begun if finished else resume_run(begun.path, recipe=wanted, data=data), strategy)
        return
    run = train_run(
        wanted,
        data,
        runs=runs,
        name=name,
        init_from=init_from,
        base_bundle=base_bundle,
        embedder=embedder,
        restarted=restarted,
    )
    _report(run, strategy)


def _begun(runs: Path, name: str | None) -> "Run | None":
    """The run that an earlier start of the same job has begun."""
    from signport.errors import SignportError
    from signport.training.run import Run

    if name is None:
        raise SignportError("--restarted: which run? name it with --run-id ID, the same at every start")
    return Run.open(runs / name, unfinished=True) if (runs / name / "run.json").is_file() else None


def _report(run: "Run", strategy: str | None) -> None:
    """Prints what a run has reached; of several workers, the first one does."""
    if (strategy or run.recipe.training.strategy) == "multi_worker":
        from signport.training.cluster import Cluster

        if not Cluster.from_environment(os.environ).is_chief:
            return
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
