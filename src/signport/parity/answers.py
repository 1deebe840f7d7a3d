"""What every target hands back: outputs and timings, in one schema, not yet judged."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from signport.errors import SignportError

Status = Literal["ran", "skipped", "failed"]


@dataclass(frozen=True)
class Options:
    """How a target runs a job.

    Attributes:
        threads: Thread counts that latency is measured at; outputs are taken at the first.
        repeats: Timed calls for each file and thread count, at most.
        warm_up: Calls before them that are not counted, at most.
        measure_s: When a measurement ends although calls are left, in seconds; no sooner than after 10 calls.
        timeout_s: Longest time that one runtime may take for all files, in seconds.
        stream_frames: Frames that a `.task` must answer in LIVE_STREAM mode as an endurance test; 0 leaves it out.
    """

    threads: tuple[int, ...] = (1, 2)
    repeats: int = 300
    warm_up: int = 50
    measure_s: float = 0.3
    timeout_s: float = 900.0
    stream_frames: int = 0

    def __post_init__(self) -> None:
        if not self.threads or min(self.threads) < 1 or len(set(self.threads)) != len(self.threads):
            raise SignportError(f"--threads {list(self.threads)}: give different positive numbers, such as 1,2")
        if self.repeats < 1:
            raise SignportError(f"--repeats {self.repeats}: give at least 1")
        if self.stream_frames < 0:
            raise SignportError(f"--stream-frames {self.stream_frames}: give 0 or more")


@dataclass(frozen=True)
class Latency:
    """Time of one call of the model, in microseconds, after warm-up.

    Attributes:
        median_us: Median.
        p5_us: 5th percentile.
        p95_us: 95th percentile.
        repeats: Number of timed calls.
    """

    median_us: float
    p5_us: float
    p95_us: float
    repeats: int


@dataclass(frozen=True)
class Answer:
    """One file in one runtime.

    Attributes:
        status: `ran`, `failed`, or `skipped` where the runtime is known not to take such files.
        reason: Why it failed or was skipped.
        output: float32 (samples, outputs), the file's first output; None where it did not run.
        load_ms: Time to load the file and allocate its tensors, in milliseconds.
        latency: Thread count → time of a call.
    """

    status: Status
    reason: str = ""
    output: np.ndarray | None = None
    load_ms: float | None = None
    latency: dict[int, Latency] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskHand:
    """One golden image in a MediaPipe gesture recognizer.

    Attributes:
        mode: IMAGE, VIDEO or LIVE_STREAM with the custom head alone (no threshold, canned gestures switched off), or
            `as it ships`: IMAGE mode with the bundle's own thresholds.
        image: Index of the image.
        found: Whether a hand was found.
        label: The reported gesture, `` if none was.
        score: Its score.
        own: Scores (classes,) of the bundle's embedder and custom head, run outside MediaPipe on the landmarks, world
            landmarks and handedness that the recognizer itself returned.
    """

    mode: str
    image: int
    found: bool
    label: str = ""
    score: float = 0.0
    own: tuple[float, ...] = ()


@dataclass(frozen=True)
class TaskAnswer:
    """A `.task` in one runtime.

    Attributes:
        status: `ran`, `failed`, or `skipped` where there are no images.
        reason: Why it failed or was skipped.
        hands: What was answered.
        labels: The custom head's labels, in the order of its scores.
        canned_labels: The canned head's labels.
        latency: Time of one image in IMAGE mode.
        stream: Figures of the endurance run (see `signport.parity.stream`), if there was one.
    """

    status: Status
    reason: str = ""
    hands: tuple[TaskHand, ...] = ()
    labels: tuple[str, ...] = ()
    canned_labels: tuple[str, ...] = ()
    latency: Latency | None = None
    stream: dict[str, Any] | None = None


@dataclass(frozen=True)
class RuntimeAnswers:
    """A job in one runtime of a target.

    Attributes:
        runtime: The runtime's name.
        status: `ran`, `skipped` (it is not here, or takes no such files), or `failed` (it could not be started).
        reason: Why not, and how to get it.
        version: Of the runtime.
        files: Format → answer.
        task: The `.task`, where this runtime takes one.
        peak_memory_bytes: Of the runtime's process, over all files; None where the system does not tell.
    """

    runtime: str
    status: Status
    reason: str = ""
    version: str = ""
    files: dict[str, Answer] = field(default_factory=dict)
    task: TaskAnswer | None = None
    peak_memory_bytes: int | None = None
