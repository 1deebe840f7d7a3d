"""`signport import`: tables of hands, and sequences in every format that is read → landmark cache."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signport.cli.groups import Verbs

if TYPE_CHECKING:
    from signport.datasets.cache import LandmarkCache

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    help="Read landmarks of hands or of signing and write them as a cache; bring over trained models.",
)

_Output = Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The cache to write")]

# What every reader of sequences takes.
_Topology = Annotated[
    str | None,
    typer.Option(
        help="Keep these points only: upper_59, pose_hands_75, isl_136 or holistic_543 [default: all there are]"
    ),
]
_Layout = Annotated[
    str | None, typer.Option(help="What the numbers of a frame are, such as kaggle_543 [default: told by their number]")
]
_Groups = Annotated[
    Path | None,
    typer.Option(
        help="CSV with the columns file (a sample's id) and group (its signer) [default: DIR/groups.csv, if there]"
    ),
]
_GroupRegex = Annotated[
    str | None, typer.Option(help="Take the signer or recording from a sample's id: a pattern with one (group)")
]
_Classes = Annotated[
    str | None, typer.Option(help="The classes to read, comma-separated, in index order [default: all]")
]
_FrameRate = Annotated[float | None, typer.Option(help="Frames a second, if known")]
_Workers = Annotated[int, typer.Option(help="Number of threads that read; the result does not depend on it")]
_ListSkipped = Annotated[bool, typer.Option("--list-skipped", help="Name every input that gave no sample")]


_ImageSize = Annotated[
    str | None,
    typer.Option(
        metavar="WxH",
        help="Size of the images behind the landmarks, such as 1280x720: x is in their widths, y in heights "
        "[default: square]",
    ),
]


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
    image_size: _ImageSize = None,
) -> None:
    """Import an npz table: (rows, 84) features, or (rows, 63) or (rows, 42) landmarks."""
    from signport.cli.cache import print_classes
    from signport.datasets.npz_table import import_npz

    cache = import_npz(
        file,
        output,
        features_key=features_key,
        labels_key=labels_key,
        names_key=names_key,
        group_key=group_key,
        image_size=_size(image_size),
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
    image_size: _ImageSize = None,
) -> None:
    """Import a CSV table of landmarks, with or without a header."""
    from signport.cli.cache import print_classes
    from signport.datasets.csv_table import import_csv

    cache = import_csv(
        file,
        output,
        label_column=label_column,
        group_column=group_column,
        label_position=label_position.value,
        image_size=_size(image_size),
    )
    print_classes(cache)
    print(f"{output}: {len(cache)} samples of {len(cache.classes)} classes")


@app.command()
def frames(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="DIR/<action>/<sequence>/<number>.npy")],
    output: _Output,
    *,
    topology: _Topology = None,
    layout: _Layout = None,
    groups: _Groups = None,
    group_regex: _GroupRegex = None,
    classes: _Classes = None,
    frame_rate: _FrameRate = None,
    workers: _Workers = 1,
    list_skipped: _ListSkipped = False,
) -> None:
    """Import sequences with a file a frame: 225, 226, 258 or 1662 numbers each.

    Frames come in the order of their numbers; a missing number is a missing frame. A sample's id is action/sequence.
    """
    from signport.datasets.frame_files import import_frames

    cache = import_frames(
        folder,
        output,
        topology=topology,
        layout=layout,
        groups=groups,
        group_regex=group_regex,
        classes=_names(classes),
        frame_rate=frame_rate,
        workers=workers,
    )
    _print_sequences(cache, output, everything=list_skipped)


@app.command()
def clips(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="DIR/<label>/<clip>.npy, or .npy files and file_to_label.json")
    ],
    output: _Output,
    *,
    labels: Annotated[
        Path | None, typer.Option(help="JSON object, file to label [default: DIR/file_to_label.json, else the folders]")
    ] = None,
    write_labels: Annotated[
        bool, typer.Option("--write-labels", help="Write labels taken from folders to DIR/file_to_label.json")
    ] = False,
    topology: _Topology = None,
    layout: _Layout = None,
    groups: _Groups = None,
    group_regex: _GroupRegex = None,
    classes: _Classes = None,
    frame_rate: _FrameRate = None,
    workers: _Workers = 1,
    list_skipped: _ListSkipped = False,
) -> None:
    """Import clips with a file a clip: (frames, 408), or 225, 226, 258, 1629 or 1662 numbers a frame.

    A sample's id is its file's path below DIR.
    """
    from signport.datasets.clip_files import import_clips

    cache = import_clips(
        folder,
        output,
        labels=labels,
        write_labels=write_labels,
        topology=topology,
        layout=layout,
        groups=groups,
        group_regex=group_regex,
        classes=_names(classes),
        frame_rate=frame_rate,
        workers=workers,
    )
    _print_sequences(cache, output, everything=list_skipped)


@app.command()
def parquet(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Parquet files, a row a landmark, and their table")],
    output: _Output,
    *,
    table: Annotated[
        Path | None,
        typer.Option(help="CSV with path and sign, perhaps participant_id (the group) [default: DIR/train.csv]"),
    ] = None,
    gloss_map: Annotated[
        Path | None,
        typer.Option(
            help="CSV with gloss and label, or JSON: the classes and their order [default: DIR/gloss_map.csv or "
            "DIR/sign_to_prediction_index_map.json, if there]"
        ),
    ] = None,
    only_mapped: Annotated[
        bool,
        typer.Option("--only-mapped", help="Leave out signs that are not in the gloss map; else they are an error"),
    ] = False,
    topology: _Topology = None,
    groups: _Groups = None,
    group_regex: _GroupRegex = None,
    classes: _Classes = None,
    frame_rate: _FrameRate = None,
    workers: _Workers = 1,
    list_skipped: _ListSkipped = False,
) -> None:
    """Import clips with a Parquet file each, as WLASL's and Kaggle ISLR's landmarks come.

    A sample's id is its path in the table.
    """
    from signport.datasets.parquet_clips import import_parquet

    cache = import_parquet(
        folder,
        output,
        table=table,
        gloss_map=gloss_map,
        only_mapped=only_mapped,
        topology=topology,
        groups=groups,
        group_regex=group_regex,
        classes=_names(classes),
        frame_rate=frame_rate,
        workers=workers,
    )
    _print_sequences(cache, output, everything=list_skipped)


def _size(text: str | None) -> tuple[int, int] | None:
    """`1280x720` → (1280, 720)."""
    from signport.errors import SignportError

    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise SignportError(f"--image-size is {text!r}; give width and height in pixels, such as 1280x720")
    return int(parts[0]), int(parts[1])


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


def _print_sequences(cache: "LandmarkCache", output: Path, *, everything: bool) -> None:
    from signport.cli.cache import print_classes, print_skipped
    from signport.datasets.sequence_import import MIN_SAMPLES, removed_classes

    print_classes(cache)
    print_skipped(cache, everything=everything)
    if removed := removed_classes(cache):
        print(f"removed, with fewer than {MIN_SAMPLES} samples: {', '.join(removed)}")
    signers = len({group for group in cache.groups if group is not None})
    known = f"{signers} signers or recordings" if signers else "signers unknown"
    print(
        f"{output}: {len(cache)} samples of {len(cache.classes)} classes, topology {cache.header.topology}, "
        f"{cache.num_frames.min()} to {cache.num_frames.max()} frames, {known}"
    )
