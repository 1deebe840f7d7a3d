"""`signport render`: data for a machine that has none."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signport.cli.groups import Verbs

if TYPE_CHECKING:
    from signport.datasets.rendered import RenderedHands

app = typer.Typer(
    cls=Verbs, no_args_is_help=True, help="Make labelled hands and signs, so that training needs no download."
)


@app.command()
def hands(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the images, landmarks and contact sheet")],
    *,
    classes: Annotated[str, typer.Option(help="Vocabulary: asl22, letters, digits or canned")] = "asl22",
    per_class: Annotated[int, typer.Option(help="Images a class")] = 60,
    seed: Annotated[int, typer.Option(help="Of everything random; the same seed gives the same bytes")] = 0,
    size: Annotated[int, typer.Option(help="Side of the images in pixels")] = 256,
    workers: Annotated[int, typer.Option(help="Number of processes; the result does not depend on it")] = 1,
    detect: Annotated[
        bool, typer.Option("--detect/--no-detect", help="Find the landmarks and draw a contact sheet")
    ] = True,
) -> None:
    """Draw hands that show every class, and find their landmarks with MediaPipe.

    Started again after a kill, it goes on where it was.
    """
    from signport.datasets.rendered import render_hands

    rendered = render_hands(output, classes, per_class=per_class, seed=seed, size=size, workers=workers, detect=detect)
    if detect:
        _print_rates(rendered, per_class)
    print(f"{output}: images in class folders, groups.csv, truth.npz" + (", landmarks.parquet" if detect else ""))


def _print_rates(rendered: "RenderedHands", per_class: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("class", "drawn", "found", "rate", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for label, rate in rendered.detection_rates.items():
        table.add_row(label, str(per_class), str(round(rate * per_class)), f"{rate:.1%}")
    drawn = per_class * len(rendered.detection_rates)
    table.add_section()
    table.add_row("all", str(drawn), str(round(rendered.overall_rate * drawn)), f"{rendered.overall_rate:.1%}")
    Console().print(table)
    print(
        f"landmarks lie {rendered.landmark_error:.3f} palm lengths from the true joints (median); "
        f"{rendered.wrong_share:.1%} of the hands found are wrong; see {rendered.folder / 'contact_sheet.png'}"
    )


@app.command()
def signs(
    output: Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The landmark cache to write")],
    *,
    classes: Annotated[int, typer.Option(help="How many signs; they come in pairs that differ in one thing")] = 20,
    signers: Annotated[int, typer.Option(help="How many signers; each is a group that no split crosses")] = 12,
    takes: Annotated[int, typer.Option(help="How often each signer performs each sign")] = 4,
    seed: Annotated[int, typer.Option(help="Of everything random; the same seed gives the same bytes")] = 0,
    topology: Annotated[str, typer.Option(help="Body layout: isl_136, pose_hands_75 or upper_59")] = "isl_136",
    frame_rate: Annotated[float, typer.Option(help="Frames a second")] = 25.0,
    preview: Annotated[
        Path | None, typer.Option(metavar="FILE.gif|.mp4", help="Draw the first signs as stick figures")
    ] = None,
) -> None:
    """Make sequences of made-up signs, performed by made-up signers, as MediaPipe would see them."""
    from signport.datasets.signing import render_signs

    cache = render_signs(
        output,
        classes=classes,
        signers=signers,
        takes=takes,
        seed=seed,
        topology=topology,
        frame_rate=frame_rate,
        preview=preview,
    )
    print(f"{output}: {len(cache)} clips of {classes} signs by {signers} signers, topology {topology}")
    if preview is not None:
        print(f"{preview}: stick figures")
