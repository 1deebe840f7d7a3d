"""Python processes that this package starts: where they import from, and how they answer on standard output."""

import os
import signal
import sys
from typing import BinaryIO


def child_environment() -> dict[str, str]:
    """The environment of a Python process that imports from where this one does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


def leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches the whole process group; it is the parent that decides how a child ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def answer_pipe() -> BinaryIO:
    """What was standard output, for a child's answers alone: whatever a library prints goes to standard error now."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers
