"""Child processes whose death is an answer, not an accident."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

# On a GPU machine TensorFlow would take the GPU's memory for models of some kilobytes; and its log is not ours.
_ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "GLOG_minloglevel": "2"}


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        status: Its exit status; negative: the signal that ended it; None: it took too long.
        reason: In words, with its last line.
    """

    status: int | None
    reason: str


def run_module(module: str, arguments: Sequence[str], timeout_s: float) -> Ended:
    """Runs `python -m module arguments` to its end, or ends it after `timeout_s` seconds.

    The working folder is kept off the child's search path: a user's `numpy.py` there must not be imported.
    """
    command = [sys.executable, "-P", "-m", module, *arguments]
    try:
        child = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **_ENVIRONMENT},
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
