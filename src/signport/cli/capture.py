"""`signport capture`: images → landmark cache."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Find landmarks with MediaPipe and write them as a cache.")


@app.callback()
def _group() -> None:
    """Keeps `images` a sub-command while it is the only one."""


@app.command()
def images(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Class folders: DIR/<class>/**/image.jpg")],
    output: Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The cache to write")],
    *,
    min_detection_confidence: Annotated[float, typer.Option(help="Least score of the palm detector, 0 to 1")] = 0.5,
    workers: Annotated[int, typer.Option(help="Number of processes; the result does not depend on it")] = 1,
    border: Annotated[
        str,
        typer.Option(
            help="Widen images by repeating their edge before detection: a fraction (crops that end at the fingertips "
            "need 0.25), or auto: 0.25 where nothing is found without"
        ),
    ] = "0",
    groups: Annotated[
        Path | None,
        typer.Option(help="CSV with the columns file and group (signer) [default: DIR/groups.csv, if there]"),
    ] = None,
    group_regex: Annotated[
        str | None, typer.Option(help="Take the group from an image's path below DIR: a pattern with one (group)")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="hand_landmarker.task or gesture_recognizer.task [default: the installed models]"),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Class folders to read, comma-separated, in index order [default: all]")
    ] = None,
    list_skipped: Annotated[bool, typer.Option("--list-skipped", help="Name every image that gave no sample")] = False,
) -> None:
    """Find the hand in every image of class folders.

    Started again after a kill, it goes on where it was.
    """
    from signport.cli.cache import print_classes, print_skipped
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
        border=fraction,
        groups=groups,
        group_regex=group_regex,
        model=model,
        classes=None if classes is None else [name.strip() for name in classes.split(",")],
    )
    print_classes(cache)
    print_skipped(cache, everything=list_skipped)
    print(f"{output}: {len(cache)} samples of {len(cache.classes)} classes")
