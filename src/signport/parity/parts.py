"""Where the parts that targets need lie: roots, environments and bundles, made once and kept outside every project."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from signport.errors import SignportError

SETUP = "make setup-targets"


def cache_folder() -> Path:
    """`$SIGNPORT_CACHE`, or `$XDG_CACHE_HOME/signport`, or `~/.cache/signport`; not made here."""
    if chosen := os.environ.get("SIGNPORT_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "signport"


def uv_program() -> str | None:
    """uv, from the search path or where `make setup` puts it: in `.uv`, next to the environment that this runs in."""
    beside = str(Path(sys.prefix).parent / ".uv" / "bin")
    return shutil.which("uv", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))


def run_build(build: Callable[[], object]) -> int:
    """Builds a part from the command line: prints where it is, or why there is none; returns the exit status."""
    try:
        print(build())
    except SignportError as error:
        print(f"signport: error: {error}", file=sys.stderr)
        return error.exit_status
    return 0
