"""`signport capture`: images or videos → landmark cache."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signport.cli.groups import Verbs

if TYPE_CHECKING:
    from signport.datasets.cache import LandmarkCache

app = typer.Typer(cls=Verbs, no_args_is_help=True, help="Find landmarks with MediaPipe and write them as a cache.")

# What both commands are given.
_Output = Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The cache to write")]
_Workers = Annotated[int, typer.Option(help="Number of processes; the result does not depend on it")]
_Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Let a Dask cluster's workers do it: its scheduler, tcp://HOST:8786 or tls://HOST:8786. Workers need "
        "signport, and see input and output at the same paths. Join only clusters that you trust",
    ),
]
_Partitioned = Annotated[
    bool, typer.Option("--partitioned", help="Write a folder of Parquet files, for more samples than one should hold")
]
_GroupRegex = Annotated[
    str | None, typer.Option(help="Take the group from a file's path below DIR: a pattern with one (group)")
]
_Classes = Annotated[str | None, typer.Option(help="Classes to read, comma-separated, in index order [default: all]")]
_ListSkipped = Annotated[bool, typer.Option("--list-skipped", help="Name every file that gave no sample")]


@app.command()
def images(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Class folders: DIR/<class>/**/image.jpg")],
    output: _Output,
    *,
    min_detection_confidence: Annotated[float, typer.Option(help="Least score of the palm detector, 0 to 1")] = 0.5,
    workers: _Workers = 1,
    cluster: _Cluster = None,
    partitioned: _Partitioned = False,
    border: Annotated[
        str,
        typer.Option(
            help="Widen images by repeating their edge before detection: a fraction, 0 for none, or auto: 0.25, which "
            "crops that end at the fingertips need, where nothing is found without"
        ),
    ] = "auto",
    groups: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns file and group (signer) [default: DIR/groups.csv, if there]"),
    ] = None,
    group_regex: _GroupRegex = None,
    model: Annotated[
        Path | None,
        typer.Option(help="hand_landmarker.task or gesture_recognizer.task [default: the installed models]"),
    ] = None,
    classes: _Classes = None,
    list_skipped: _ListSkipped = False,
) -> None:
    """Find the hand in every image of class folders.

    Started again after a kill, it goes on where it was. Files that kill the detector are listed, not fatal.
    """
    from signport.datasets.image_folder import capture_images
    from signport.errors import SignportError

    try:
        fraction = border if border == "auto" else float(border)
    except ValueError:
        raise SignportError(f"--border is {border!r}; give a fraction such as 0.25, or auto") from None
    cache = capture_images(
        folder,
        output,
        min_detection_confidence=min_detection_confidence,
        workers=workers,
        cluster=cluster,
        partitioned=partitioned,
        border=fraction,
        groups=groups,
        group_regex=group_regex,
        model=model,
        classes=_names(classes),
    )
    _print_captured(cache, output, list_skipped=list_skipped)


@app.command()
def video(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR|LIST.csv",
            help="Class folders: DIR/<class>/**/clip.mp4; or a CSV of path (relative to the CSV), label and, if known, "
            "signer",
        ),
    ],
    output: _Output,
    *,
    topology: Annotated[
        str, typer.Option(help="Body layout: isl_136, holistic_543, pose_hands_75 or upper_59")
    ] = "isl_136",
    min_detection_confidence: Annotated[
        float, typer.Option(help="Least score of the person and palm detectors, 0 to 1")
    ] = 0.5,
    workers: _Workers = 1,
    cluster: _Cluster = None,
    partitioned: _Partitioned = False,
    groups: Annotated[
        Path | None,
        typer.Option(
            help="CSV with the columns file and group (signer or recording) [default: DIR/groups.csv, if there, or the "
            "list's column signer]"
        ),
    ] = None,
    group_regex: _GroupRegex = None,
    classes: _Classes = None,
    list_skipped: _ListSkipped = False,
) -> None:
    """Find pose, both hands and face of the person in every video.

    Started again after a kill, it goes on where it was. Files that kill the detector are listed, not fatal.
    """
    from signport.datasets.video_folder import capture_videos

    cache = capture_videos(
        source,
        output,
        topology=topology,
        min_detection_confidence=min_detection_confidence,
        workers=workers,
        cluster=cluster,
        partitioned=partitioned,
        groups=groups,
        group_regex=group_regex,
        classes=_names(classes),
    )
    _print_captured(cache, output, list_skipped=list_skipped)


def _names(listed: str | None) -> list[str] | None:
    return None if listed is None else [name.strip() for name in listed.split(",")]


def _print_captured(cache: "LandmarkCache", output: Path, *, list_skipped: bool) -> None:
    from signport.cli.cache import print_classes, print_skipped

    print_classes(cache)
    print_skipped(cache, everything=list_skipped)
    print(f"{output}: {len(cache)} samples of {len(cache.classes)} classes")
