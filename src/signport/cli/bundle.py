"""`signport bundle`."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("bundle")(bundle)


def bundle(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="An exported gesture_head run's folder")],
    head: Annotated[
        str, typer.Option(help="Format of the custom classifier: float32, float16, dynamic or int8")
    ] = "int8",
    embedder: Annotated[str, typer.Option(help="Format of signport's own embedder: float32 or int8")] = "float32",
    canned: Annotated[
        Path | None,
        typer.Option(help="An exported gesture_head run on the canned gestures; not with Google's embedder"),
    ] = None,
    score_threshold: Annotated[float, typer.Option(help="Custom classes below this score are not reported")] = 0.5,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.task", help="Where to write [default: in the run's export folder]")
    ] = None,
) -> None:
    """Write a MediaPipe gesture_recognizer.task around an exported gesture head."""
    from signport import bundle as bundle_run

    bundled = bundle_run(
        run, head=head, embedder=embedder, canned=canned, score_threshold=score_threshold, output=output
    )
    card = bundled.card
    print(
        f"{bundled.path}  {card['bytes']:,} bytes  sha256 {card['sha256'][:12]}…  head {head}, embedder {embedder}, "
        f"{len(card['labels'])} labels"
    )
