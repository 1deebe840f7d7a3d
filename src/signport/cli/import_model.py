"""`signport import torch-mlp` and `keras-lstm`: models of other projects → runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from signport.training.run import Run

_Data = Annotated[
    Path,
    typer.Option("--data", metavar="CACHE", help="Landmarks of every class: an export calibrates and checks on them"),
]
_Labels = Annotated[
    str | None,
    typer.Option(
        help="The classes in the order of the outputs: A,B,C or a text or JSON file [default: the file's own]"
    ),
]
_Name = Annotated[str | None, typer.Option("--name", metavar="ID", help="The run's name [default: a number]")]
_Runs = Annotated[Path, typer.Option(metavar="DIR", help="The folder of all runs")]


def register(app: typer.Typer) -> None:
    """Adds both to the group of `signport import`."""
    app.command("torch-mlp")(torch_mlp)
    app.command("keras-lstm")(keras_lstm)


def torch_mlp(
    file: Annotated[Path, typer.Argument(metavar="MODEL.pt", help="State dict, or a checkpoint that holds one")],
    *,
    data: _Data,
    labels: _Labels = None,
    features: Annotated[
        Literal["hand84", "hand63"] | None,
        typer.Option(help="What the model takes: signport's 84 features, or their 63 coordinates [default: 84]"),
    ] = None,
    norm: Annotated[
        Literal["before", "after"] | None,
        typer.Option(help="Where BatchNorm1d stands, before or after the ReLU [default: told by the layers' numbers]"),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.npz", help="inputs (N, 21, 3) and outputs (N, classes) of the original, to prove it"
        ),
    ] = None,
    name: _Name = None,
    runs: _Runs = Path("runs"),
    torch_python: Annotated[
        Path | None,
        typer.Option(metavar="PYTHON", help="A Python that has torch, such as the old project's [this one]"),
    ] = None,
) -> None:
    """Bring over a PyTorch MLP of hand landmarks; nothing in the file is run."""
    from signport import import_torch_mlp

    run = import_torch_mlp(
        file,
        data,
        labels=labels,
        features=features,
        norm=norm,
        answers=answers,
        name=name,
        runs=runs,
        torch_python=torch_python,
    )
    _report(run)


def keras_lstm(
    file: Annotated[Path, typer.Argument(metavar="MODEL.h5", help="Keras 2 model in HDF5, such as action.h5")],
    *,
    data: _Data,
    params: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npz", help="mean and std of its vectors, such as preprocess_params.npz [none]"),
    ] = None,
    labels: _Labels = None,
    activation: Annotated[
        Literal["tanh", "relu"] | None, typer.Option(help="Of the LSTMs, if the file holds weights only")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Length of a clip, if the file does not say it [default: 30]")
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npz", help="inputs (N, frames, numbers) and outputs (N, classes) of the original"),
    ] = None,
    name: _Name = None,
    runs: _Runs = Path("runs"),
) -> None:
    """Bring over a Keras LSTM of pose and hands; nothing in the file is run."""
    from signport import import_keras_lstm

    run = import_keras_lstm(
        file,
        data,
        params=params,
        labels=labels,
        activation=activation,
        frames=frames,
        answers=answers,
        name=name,
        runs=runs,
    )
    _report(run)


def _report(run: "Run") -> None:
    """Prints what came over, and how far that is proven."""
    proof = run.record["imported"]["answers"]
    if proof is None:
        print(f"{run.family.name}: taken from shapes and names; --answers FILE.npz proves that it answers the same")
    else:
        print(
            f"{run.family.name}: answers {proof['samples']} samples as the original does, to "
            f"{proof['largest_difference']:.1e}"
        )
    part, figures = list(run.metrics.items())[-1]
    low, high = figures["interval"]
    print(f"{part} part: {figures['accuracy']:.3f} [{low:.3f}, {high:.3f}] of {figures['samples']} samples right")
    print(f"{run.path}: {len(run.classes)} classes; next: signport export {run.path}")
