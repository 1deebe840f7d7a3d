"""`signport serve`: the recognition service."""

from pathlib import Path
from typing import Annotated

import typer

from signport.errors import SignportError


def register(app: typer.Typer) -> None:
    """Adds the verb to the command line."""
    app.command("serve")(serve)


def serve(
    run: Annotated[
        Path | None,
        typer.Argument(
            metavar="RUN",
            help="An exported run's folder, or a .tflite beside its card; without it, ASL_CLASSIFIER_PATH",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 is all of this machine's")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one")] = 8000,
    form: Annotated[
        str | None,
        typer.Option("--format", help="The exported file: float32, float16, dynamic or int8 [default: int8]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that look at pictures and clips [default: one a core]")
    ] = None,
) -> None:
    """Serve an exported model over HTTP: pictures, clips, landmarks, live frames, and a page to try it.

    More settings are read from the environment and from .env in the working folder, such as ASL_API_KEY,
    ASL_MAX_UPLOAD_BYTES, ASL_REQUEST_TIMEOUT and ASL_CORS_ORIGINS; README.md lists them all.
    """
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import pydantic_settings  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise SignportError(f'{error.name} is not installed; run pip install "signport[serve]"') from None
    from signport.service.server import serve as serve_until_ended
    from signport.service.settings import read_settings

    serve_until_ended(read_settings(classifier_path=run, format=form, workers=workers), host, port)
