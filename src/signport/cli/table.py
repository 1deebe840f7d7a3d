"""`signport import`: tables of landmarks or features → landmark cache."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Read tables of hand landmarks or features and write them as a cache.")

_Output = Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The cache to write")]


class LabelPosition(StrEnum):
    """Where a table that tells its label neither by name nor by text has it."""

    auto = "auto"
    first = "first"
    last = "last"


@app.command()
def npz(
    file: Annotated[Path, typer.Argument(metavar="FILE.npz", help="Table with features and labels")],
    output: _Output,
    *,
    features_key: Annotated[
        str | None, typer.Option(help="Array of 84 features, or 63 or 42 coordinates, a row [default: features or X]")
    ] = None,
    labels_key: Annotated[str | None, typer.Option(help="Array of labels [default: labels or y]")] = None,
    names_key: Annotated[
        str | None, typer.Option(help="Array of class names [default: label_names or classes, if there]")
    ] = None,
    group_key: Annotated[
        str | None, typer.Option(help="Array of signers or recordings [default: groups or group, if there]")
    ] = None,
) -> None:
    """Import an npz table: (rows, 84) features, or (rows, 63) or (rows, 42) landmarks."""
    from signport.cli.cache import print_classes
    from signport.datasets.tables import import_npz

    cache = import_npz(
        file, output, features_key=features_key, labels_key=labels_key, names_key=names_key, group_key=group_key
    )
    print_classes(cache)
    print(f"{output}: {len(cache)} samples of {len(cache.classes)} classes")


@app.command("csv")
def csv_table(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Table with 63 or 42 coordinates and a label a row")],
    output: _Output,
    *,
    label_column: Annotated[
        str | None, typer.Option(help="Name of the label column [default: label, class, …, or the one with text]")
    ] = None,
    group_column: Annotated[str | None, typer.Option(help="Name of the column with signers or recordings")] = None,
    label_position: Annotated[
        LabelPosition, typer.Option(help="Where the label is, if neither header nor text tells")
    ] = LabelPosition.auto,
) -> None:
    """Import a CSV table of landmarks, with or without a header."""
    from signport.cli.cache import print_classes
    from signport.datasets.csv_table import import_csv

    cache = import_csv(
        file, output, label_column=label_column, group_column=group_column, label_position=label_position.value
    )
    print_classes(cache)
    print(f"{output}: {len(cache)} samples of {len(cache.classes)} classes")
