"""`signport`: collects the verbs and turns user errors into one line and an exit status."""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer

from signport.cli import (
    bundle,
    cache,
    capture,
    doctor,
    embed,
    evaluate,
    export,
    import_model,
    inspect,
    parity,
    quantize,
    render,
    serve,
    stream,
    table,
    train,
)
from signport.cli.groups import Verbs
from signport.errors import SignportError

_PIPELINE = (
    "render", "capture", "import", "cache", "train", "evaluate",
    "quantize", "export", "bundle", "parity", "serve", "stream", "embed", "inspect", "doctor",
)  # fmt: skip

_INTERRUPTED, _INTERRUPTED_STATUS = "interrupted; finished work is kept", 130


class _InPipelineOrder(Verbs):
    """Lists the verbs in the order in which data goes through them."""

    def list_commands(self, _context: object) -> list[str]:
        return sorted(self.commands, key=_PIPELINE.index)


app = typer.Typer(
    name="signport",
    cls=_InPipelineOrder,
    help="From hand landmarks to a checked, quantized .tflite and MediaPipe .task.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"signport {metadata.version('signport')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit")
    ] = False,
) -> None:
    pass


import_model.register(table.app)
app.add_typer(render.app, name="render")
app.add_typer(capture.app, name="capture")
app.add_typer(table.app, name="import")
app.add_typer(cache.app, name="cache")
app.add_typer(quantize.app, name="quantize")
app.add_typer(parity.app, name="parity")
for verb in (train, evaluate, export, bundle, serve, stream, embed, inspect, doctor):
    verb.register(app)


def main() -> None:
    """Entry point. Exit status: 0 fine, 1 a gate is broken, 2 bad input, 130 interrupted."""
    # TensorFlow and MediaPipe log from C++ before anything can quieten them; a user's own setting wins.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # For wrappers that nothing here uses, Keras imports scikit-learn where it finds it: a second and more a command.
    sys.modules.setdefault("sklearn", None)  # type: ignore[arg-type]
    try:
        app()
    except SignportError as error:
        _fail(error, error.exit_status)
    except OSError as error:
        told = [str(part) for part in (error.filename, error.strerror) if part]
        _fail(": ".join(told) or error, SignportError.exit_status)
    except KeyboardInterrupt:
        _fail(_INTERRUPTED, _INTERRUPTED_STATUS)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED_STATUS:  # typer ends so at Ctrl-C, without a word
            _fail(_INTERRUPTED, _INTERRUPTED_STATUS)
        raise


def _fail(error: object, status: int) -> None:
    print(f"signport: error: {' '.join(str(error).split())}", file=sys.stderr)
    sys.exit(status)
