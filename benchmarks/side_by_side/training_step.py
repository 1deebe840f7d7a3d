"""A training step of each family against plain Keras `fit` of the same model, batch and optimizer, arrays in memory."""

import sys
from multiprocessing import get_context
from statistics import median
from typing import Any

from step_bench import PLAIN, SIGNPORT, Cost, serve
from table import Found, Row, markdown

# The least time that a measurement takes; the first epoch, which compiles, does not count.
_SECONDS = 1.0


def measure(places: Any) -> Found:
    """A row a family."""
    from signport.models.registry import family_names

    found = Found()
    for family in family_names():
        (batch, _, weights), rounds = _measured(family, places.rounds)
        found.raw[family] = {"batch": batch, "weights": weights, "rounds": rounds}
        found.rows.append(_row(family, batch, weights, rounds))
        print(markdown([Found([found.rows[-1]])]).splitlines()[-1], file=sys.stderr, flush=True)
    return found


def _measured(family: str, rounds: int) -> tuple[tuple[int, int, int], list[dict[str, Cost | None]]]:
    """Batch size, steps an epoch and weights; and for each round what a step costs by variant."""
    context = get_context("spawn")
    pipes, processes = [], []
    # Op determinism is a process's, for good: so plain Keras has one without.
    for deterministic in (False, True):
        here, there = context.Pipe()
        options = {"deterministic": deterministic}
        process = context.Process(target=serve, args=(there, family, _SECONDS), kwargs=options, daemon=True)
        process.start()
        there.close()
        pipes.append(here)
        processes.append(process)
    sizes = [pipe.recv() for pipe in pipes]
    variants = (PLAIN, *SIGNPORT)
    found = [{variant: _asked(pipes[variant in SIGNPORT], variant) for variant in variants} for _ in range(rounds)]
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(None)
        process.join()
    return sizes[0], found


def _asked(pipe: Any, variant: str) -> Cost | None:
    pipe.send(variant)
    answer: Cost | None = pipe.recv()
    return answer


def _row(family: str, batch: int, weights: int, rounds: list[dict[str, Any]]) -> Row:
    def milliseconds(variant: str) -> str:
        return f"{1000 * median(one[variant][1] for one in rounds):.1f} ms"

    def ratio(base: str, variant: str = "signport", kind: int = 1) -> float:
        return float(median(one[base][kind] / one[variant][kind] for one in rounds))

    how = f"Keras `fit`, batch {batch}, {weights:,} weights"
    if rounds[0]["augmented"] is not None:
        how += f"; with augmentation {ratio(PLAIN, 'augmented'):.2f}"
    how += f"; by the clock {ratio(PLAIN, kind=0):.2f}"
    return Row(f"training step, `{family}`", milliseconds(PLAIN), milliseconds("signport"), ratio(PLAIN), how)
