"""Child processes whose death is an answer, not an accident."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# On a GPU machine TensorFlow would take the GPU's memory for models of some kilobytes; and its log is not ours.
_ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "GLOG_minloglevel": "2"}

# Another environment has no signport. It finds ours behind its own packages: PYTHONPATH would put ours before them.
_SOURCES = Path(__file__).parents[2]
_FOREIGN = "import runpy, sys; sys.path.append(sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        status: Its exit status; negative: the signal that ended it; None: it took too long.
        reason: In words, with its last line.
    """

    status: int | None
    reason: str


def run_module(
    module: str, arguments: Sequence[str], timeout_s: float, python: str = sys.executable, **variables: str
) -> Ended:
    """Runs `python -m module arguments` to its end, or ends it after `timeout_s` seconds.

    The working folder is kept off the child's search path: a user's `numpy.py` there must not be imported.

    Args:
        module: What to run.
        arguments: Its arguments.
        timeout_s: Longest time that it may take, in seconds.
        python: The interpreter; another environment's needs what the module imports, but not signport.
        variables: Environment variables to set.
    """
    start = ["-m", module] if python == sys.executable else ["-c", _FOREIGN, str(_SOURCES), module]
    return run_command([python, "-P", *start, *arguments], timeout_s, **variables)


def run_command(command: Sequence[str], timeout_s: float, **variables: str) -> Ended:
    """Runs a command to its end, or ends it after `timeout_s` seconds; see `run_module`."""
    try:
        child = subprocess.run(
            list(command),
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **_ENVIRONMENT, **variables},
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ended(None, f"no end after {timeout_s:g} s")
    lines = [line.strip() for line in (child.stderr or child.stdout).splitlines() if line.strip()]
    if child.returncode < 0:
        cause = f"crashed with {signal.Signals(-child.returncode).name}"
    else:
        cause = f"exit status {child.returncode}"
    return Ended(child.returncode, f"{cause}: {lines[-1]}" if lines and child.returncode else cause)
