"""What every target hands back: outputs and timings, in one schema, not yet judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from signport.errors import SignportError

Status = Literal["ran", "skipped", "failed"]

# How a `.task` is asked: with the custom head alone (no threshold, canned gestures switched off) in each of MediaPipe's
# running modes, and in IMAGE mode with the bundle's own thresholds.
AS_IT_SHIPS = "as it ships"
MODES = ("IMAGE", "VIDEO", "LIVE_STREAM", AS_IT_SHIPS)


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
        serial: adb's serial number of the Android device; None: the only one that is connected.
    """

    threads: tuple[int, ...] = (1, 2)
    repeats: int = 300
    warm_up: int = 50
    measure_s: float = 0.3
    timeout_s: float = 900.0
    stream_frames: int = 0
    serial: str | None = None

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

    @classmethod
    def of(cls, times_us: Sequence[float]) -> "Latency":
        """Percentiles of timed calls, in microseconds."""
        p5, median, p95 = (float(value) for value in np.percentile(times_us, (5, 50, 95)))
        return cls(median, p5, p95, len(times_us))


@dataclass(frozen=True)
class Answer:
    """One file in one runtime.

    Attributes:
        status: `ran`, `failed`, or `skipped` where the runtime is known not to take such files.
        reason: Why it failed or was skipped.
        output: float32 (samples, outputs), the file's first output; None where it did not run.
        load_ms: Time to load the file and allocate its tensors, in milliseconds.
        latency: Thread count → time of a call; empty where the machine is emulated, whose times mean nothing.
        sha256: Digest of the file as the runtime's side received it; "" where it cannot tell.
        delegated: Share of the graph's nodes that a delegate (XNNPACK, GPU) took, 0 to 1; None where it cannot tell.
    """

    status: Status
    reason: str = ""
    output: np.ndarray | None = None
    load_ms: float | None = None
    latency: dict[int, Latency] = field(default_factory=dict)
    sha256: str = ""
    delegated: float | None = None

    def without_times(self) -> "Answer":
        """The same of a machine that is emulated: its times mean nothing."""
        return replace(self, load_ms=None, latency={})


@dataclass(frozen=True)
class TaskHand:
    """One golden image in a MediaPipe gesture recognizer.

    Attributes:
        mode: One of `MODES`.
        image: Index of the image.
        found: Whether a hand was found.
        label: The reported gesture, `` if none was.
        score: Its score.
        landmarks: 21 × (x, y, z), image-normalised, as the recognizer returned them.
        world_landmarks: 21 × (x, y, z) in metres.
        left: Probability that it is a left hand: the score of the category `Left`, or 1 less that of `Right`.
        own: Scores (classes,) of the bundle's embedder and custom head, run outside MediaPipe on these landmarks and
            this handedness; see `signport.parity.task_scores`.
    """

    mode: str
    image: int
    found: bool
    label: str = ""
    score: float = 0.0
    landmarks: tuple[tuple[float, ...], ...] = ()
    world_landmarks: tuple[tuple[float, ...], ...] = ()
    left: float = 0.0
    own: tuple[float, ...] = ()


@dataclass(frozen=True)
class TaskAnswer:
    """A `.task` in one runtime.

    Attributes:
        status: `ran`, `failed`, or `skipped` where there are no images.
        reason: Why it failed or was skipped.
        modes: Those of `MODES` that the runtime has.
        hands: What was answered, an entry a mode and image.
        labels: The custom head's labels, in the order of its scores; filled in with the hands' `own`.
        canned_labels: The canned head's labels; the same.
        latency: Time of one image in IMAGE mode; None where the machine is emulated.
        sha256: Digest of the bundle as the runtime's side received it; "" where it cannot tell.
        stream: Figures of the endurance run (see `signport.parity.stream`), if there was one.
    """

    status: Status
    reason: str = ""
    modes: tuple[str, ...] = ()
    hands: tuple[TaskHand, ...] = ()
    labels: tuple[str, ...] = ()
    canned_labels: tuple[str, ...] = ()
    latency: Latency | None = None
    sha256: str = ""
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
        device: What the runtime ran on, in words by field (browser, user agent, GPU, phone, CPU …), where it is not
            simply this machine.
        emulated: In words, what of the machine is not real (`qemu-aarch64, cortex-a76`); "" if it all is.
    """

    runtime: str
    status: Status
    reason: str = ""
    version: str = ""
    files: dict[str, Answer] = field(default_factory=dict)
    task: TaskAnswer | None = None
    peak_memory_bytes: int | None = None
    device: dict[str, str] = field(default_factory=dict)
    emulated: str = ""
