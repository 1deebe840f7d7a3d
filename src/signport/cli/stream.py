"""`signport stream`: recorded clips, frame by frame."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("stream")(stream)


def stream(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="An exported run's folder, or a .tflite beside its card")],
    cache: Annotated[Path, typer.Argument(metavar="CACHE", help="A landmark cache of clips")],
    threshold: Annotated[float, typer.Option(help="Least smoothed score of a label, 0 to 1")] = 0.6,
    stride: Annotated[int, typer.Option(help="The model answers at every so many frames")] = 1,
    smoothing: Annotated[float, typer.Option(help="Weight of earlier answers, 0 to 0.99")] = 0.5,
    hold: Annotated[int, typer.Option(help="Answers in a row that make a label")] = 3,
    form: Annotated[str, typer.Option("--format", help="The exported file: float32, float16, dynamic or int8")] = (
        "float32"
    ),
    limit: Annotated[int | None, typer.Option(help="Play so many clips, spread over the cache")] = None,
) -> None:
    """Play recorded clips through a live stream and show which labels it gives, and when.

    All clips of the cache are played, those that the model was trained on too.
    """
    from signport import LandmarkCache
    from signport.export.playback import play, played_text, summary_text

    clips = LandmarkCache.read(cache)
    width = max(map(len, clips.sample_ids), default=0)
    settings = {"threshold": threshold, "stride": stride, "smoothing": smoothing, "hold": hold, "form": form}
    played = []
    for one in play(run, clips, limit=limit, **settings):
        print(played_text(one, width))
        played.append(one)
    print(summary_text(played, cache))
