"""One progress bar for every long loop: rich on a terminal's stderr, a single closing line everywhere else."""

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

Step = TypeVar("Step")


class ProgressBar:
    """What a long loop reports its steps to; see `progress_bar`."""

    def __init__(self, done: int, bar: Any = None, task: Any = None) -> None:
        self.done = done
        self.status = ""
        self._bar = bar
        self._task = task

    def advance(self, steps: int = 1, status: str | None = None) -> None:
        """Reports finished steps.

        Args:
            steps: How many were finished since the last call.
            status: A few words or numbers shown behind the bar from now on, such as `found 98 · no hand 2`.
        """
        self.done += steps
        self.status = self.status if status is None else status
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, status=self.status)


@contextlib.contextmanager
def progress_bar(what: str, total: int, *, unit: str = "steps", done: int = 0) -> Iterator[ProgressBar]:
    """Shows the progress of a loop on stderr.

    Where stderr is no terminal (a log, a pipe, CI), nothing is shown until the end, and then one line.

    Args:
        what: What is being done, such as `capture hands`.
        total: Number of steps, those already done included.
        unit: What a step is, in the plural: `images`, `epochs`.
        done: Steps finished by an earlier run.

    Yields:
        The bar; call its `advance` after each step.
    """
    start = time.perf_counter()
    if not sys.stderr.isatty():
        bar = ProgressBar(done)
        yield bar
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[status]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = ProgressBar(done, progress, progress.add_task(what, total=total, completed=done, status=""))
            yield bar
    seconds = time.perf_counter() - start
    rate = (bar.done - done) / seconds if seconds else 0.0
    status = f" · {bar.status}" if bar.status else ""
    print(f"{what}: {bar.done}/{total} {unit} in {seconds:.1f} s ({rate:.1f}/s){status}", file=sys.stderr)


def track(steps: Iterable[Step], what: str, total: int, *, unit: str = "steps") -> Iterator[Step]:
    """Yields `steps` one by one and shows how far the loop has come; see `progress_bar`."""
    with progress_bar(what, total, unit=unit) as bar:
        for step in steps:
            yield step
            bar.advance()
