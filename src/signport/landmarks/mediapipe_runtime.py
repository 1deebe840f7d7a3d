"""MediaPipe, imported without TensorFlow and started without its noise."""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import cast

from signport.errors import SignportError

# glog's and absl's line heads ("W0000 00:00:1795243337.704922 ..."), absl's first warning, and XNNPACK's greeting.
_LOG_LINE = re.compile(rb"[IWE]\d{4} \d\d:\d\d:|WARNING: All log messages before absl|INFO: Created TensorFlow Lite")


# What `import mediapipe` imports and this project never uses of it: TensorFlow for one decorator of its documentation
# tools, matplotlib for one function that draws.
_UNUSED = ("tensorflow", "matplotlib", "matplotlib.pyplot")


def import_mediapipe() -> ModuleType:
    """Imports `mediapipe` without letting it import TensorFlow and matplotlib.

    MediaPipe does without TensorFlow where that is not installed
    (`mediapipe/tasks/python/core/optional_dependencies.py`); for matplotlib
    (`mediapipe/python/solutions/drawing_utils.py`) an empty module stands in. That saves every capture process seconds
    and memory, and the fonts' list that matplotlib writes into the home folder.

    Returns:
        The module `mediapipe`.

    Raises:
        SignportError: MediaPipe is not installed.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")
    hidden = [] if "mediapipe" in sys.modules else [name for name in _UNUSED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None if name == "tensorflow" else ModuleType(name)  # type: ignore[assignment]
    try:
        import mediapipe
    except ModuleNotFoundError as error:
        if error.name != "mediapipe":
            raise
        raise SignportError(
            "mediapipe is not installed; run `make setup` or `pip install mediapipe==0.10.21`"
        ) from None
    finally:
        for name in hidden:
            del sys.modules[name]
    return cast("ModuleType", mediapipe)


def mediapipe_version() -> str:
    """The installed MediaPipe's version; `unknown` where it is not installed as a distribution."""
    try:
        return metadata.version("mediapipe")
    except metadata.PackageNotFoundError:
        return "unknown"


@contextlib.contextmanager
def quiet_native_log() -> Iterator[None]:
    """Keeps what MediaPipe logs from C++ off stderr, and nothing else.

    The C++ side writes to file descriptor 2, past `sys.stderr`, and no setting silences all of it. While the context
    lasts, descriptor 2 leads to a temporary file; afterwards every line that is not a log line goes where it belongs.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        original = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
            log.seek(0)
            for line in log:
                if not _LOG_LINE.match(line):
                    os.write(2, line)


def wheel_models_folder() -> Path:
    """The folder `mediapipe/modules` of the installed wheel, found without importing MediaPipe.

    Raises:
        SignportError: MediaPipe is not installed.
    """
    from importlib.util import find_spec

    spec = find_spec("mediapipe")
    if spec is None or not spec.submodule_search_locations:
        raise SignportError("mediapipe is not installed; run `make setup` or `pip install mediapipe==0.10.21`")
    return Path(next(iter(spec.submodule_search_locations))) / "modules"
