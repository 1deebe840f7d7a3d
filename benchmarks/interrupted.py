"""Trainings that a benchmark goes on with when it is called again."""

from pathlib import Path

import signport as sp


def brought_to_end(path: Path) -> sp.Run:
    """The run in a folder: as it is if it is finished, else resumed."""
    run = sp.Run.open(path, unfinished=True)
    return run if run.record["finished"] else sp.resume(path)
