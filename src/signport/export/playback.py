"""Playing recorded clips through a stream, frame by frame, as a camera would."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.export.stream import BACKGROUND, Answer, Stream


@dataclass(frozen=True)
class Played:
    """What a stream said to one clip.

    Attributes:
        sample_id: The clip.
        truth: Its class name in the cache.
        frames: Number of its frames.
        answers: The labels that it gave, in the order of time.
        push_us: Time of each push, in microseconds.
    """

    sample_id: str
    truth: str
    frames: int
    answers: tuple[Answer, ...]
    push_us: tuple[float, ...]

    @property
    def final(self) -> str | None:
        """The last label that was given; None if there was none."""
        return self.answers[-1].label if self.answers else None

    @property
    def right(self) -> bool:
        """Whether that is the clip's class; a clip of the background class must give no label."""
        return self.final == (None if self.truth.lower() == BACKGROUND.lower() else self.truth)


def play(source: Any, cache: LandmarkCache, *, limit: int | None = None, **settings: Any) -> Iterator[Played]:
    """Pushes every frame of every clip of a cache through a stream, which starts afresh at each clip.

    Args:
        source: An exported model; see `Stream`.
        cache: The clips.
        limit: How many of them, spread over the cache; None plays all.
        settings: Of the `Stream`.

    Yields:
        What was said, clip by clip.

    Raises:
        SignportError: As `Stream`; or the cache's layout lacks points of the model's, or `limit` is below 1.
    """
    if limit is not None and limit < 1:
        raise SignportError(f"limit {limit}: give 1 or more clips")
    stream = Stream(source, topology=cache.topology.name, **settings)
    names = cache.table["label"].to_pylist()
    step = max(1.0, len(cache) / (limit or len(cache) or 1))
    for row in (int(number * step) for number in range(min(limit or len(cache), len(cache)))):
        stream.reset()
        answers, times = [], []
        for frame in cache.clip(row):
            start = time.perf_counter_ns()
            answer = stream.push(frame)
            times.append((time.perf_counter_ns() - start) / 1e3)
            if answer is not None:
                answers.append(answer)
        yield Played(cache.sample_ids[row], names[row], len(times), tuple(answers), tuple(times))


def played_text(one: Played, width: int = 0) -> str:
    """A clip in one line: its labels with frame and score, and what it is."""
    said = ", ".join(f"{answer.label} @{answer.frame} ({answer.score:.2f})" for answer in one.answers)
    mark = "right" if one.right else "wrong" if one.answers else "no label"
    return f"{one.sample_id:<{width}}  {one.frames:>3} frames  {mark:<8}  {one.truth}: {said or '-'}"


def summary_text(played: list[Played], path: Path) -> str:
    """All clips in one line: share of right final labels, of none at all, and time a frame."""
    if not played:
        return f"{path}: no clips"
    right, silent = (sum(flags) for flags in zip(*((one.right, one.final is None) for one in played), strict=True))
    frame_us = median(elapsed for one in played for elapsed in one.push_us)
    return (
        f"{right} of {len(played)} clips right at their end ({right / len(played):.4f}), {silent} without a label; "
        f"{frame_us / 1e3:.2f} ms a frame (median)"
    )
