"""What the parity page posts back, message by message, and the answers made of it.

The page works through parts: a `.tflite` format of a LiteRT.js variant, or a mode of the `.task`. It says which part it
begins before it begins, and posts each result at once: when the browser dies, it is known at which part, and the same
`PageResults` can be handed to another browser for the parts that are left.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from signport.errors import SignportError
from signport.parity.answers import AS_IT_SHIPS, Answer, Latency, RuntimeAnswers, TaskAnswer, TaskHand
from signport.parity.job import Job
from signport.parity.task import NO_IMAGES
from signport.parity.worker_runs import is_stateful

STATEFUL = "LiteRT.js takes no variable tensors; export the LSTM unrolled for it"
TASK = "tasks-vision"
# Variant of the page → name of the runtime in reports.
RUNTIMES = {
    "wasm": "litert-js wasm",
    "wasm threads": "litert-js wasm threads",
    "webgpu": "litert-js webgpu",
    TASK: TASK,
}
# MediaPipe's web package has no LIVE_STREAM mode.
TASK_MODES = ("IMAGE", "VIDEO", AS_IT_SHIPS)
_LOADING = ""


@dataclass
class VariantResults:
    """What is known of one variant so far.

    Attributes:
        parts: Formats or modes to answer, in order.
        status: `waiting` until the page has loaded its runtime; then `ran`, `skipped` or `failed`.
        reason: Why it did not run.
        version: Of the runtime.
        device: What it runs on beyond the browser's own fields.
        emulated: What of the device is not real.
        files: Format → answer, as they come.
        modes: Mode → its hands, or why it failed.
        latency: Of the `.task` in IMAGE mode.
        sha256: Of the `.task`.
        peak_memory_bytes: Of the WebAssembly heap, which only grows.
    """

    parts: tuple[str, ...]
    status: str = "waiting"
    reason: str = ""
    version: str = ""
    device: dict[str, str] = field(default_factory=dict)
    emulated: str = ""
    files: dict[str, Answer] = field(default_factory=dict)
    modes: dict[str, tuple[TaskHand, ...] | str] = field(default_factory=dict)
    latency: Latency | None = None
    sha256: str = ""
    peak_memory_bytes: int | None = None

    def left(self) -> list[str]:
        """Parts without an answer; none of a variant that cannot run."""
        if self.status in ("skipped", "failed"):
            return []
        return [part for part in self.parts if part not in self.files and part not in self.modes]


class PageResults:
    """Everything that pages have posted for a job.

    Args:
        job: The job.
        variants: The variants that it is to run in.

    Attributes:
        device: The browser's fingerprint, as it told of itself.
        variants: Variant → results.
        current: The (variant, part) that is being worked at; part `` is the loading of the runtime.
        finished: Whether the page said that it had done everything.
        opened: Whether a page has come to life at all.
        ended: Why the latest page ended early; `` if it did not.
        took_a_part: Whether a part was lost with the latest page: another page can go on behind it.
    """

    def __init__(self, job: Job, variants: tuple[str, ...]) -> None:
        if unknown := [name for name in variants if name not in RUNTIMES]:
            raise SignportError(f"variant {unknown[0]!r}: unknown; choose from: {', '.join(RUNTIMES)}")
        self._samples = len(job.reference)
        self.device: dict[str, str] = {}
        self.variants = {name: _waiting(name, job) for name in variants}
        self.current: tuple[str, str] | None = None
        self.finished = False
        self.opened = False
        self.ended = ""
        self.took_a_part = False

    def todo(self) -> list[dict[str, Any]]:
        """What a page that is opened now has to do: variants with the parts that have no answer yet."""
        left = {name: one.left() for name, one in self.variants.items()}
        return [{"variant": name, "parts": parts} for name, parts in left.items() if parts]

    def receive(self, message: Mapping[str, Any]) -> None:
        """Takes a message in.

        Raises:
            KeyError, TypeError, ValueError: It is not what the page is known to send.
        """
        kind = message["kind"]
        if kind == "hello":
            self.opened, self.device = True, _words(message["device"])
        elif kind == "end":
            self.finished, self.current = True, None
        else:
            variant = self.variants[message["variant"]]
            {
                "begin": self._begin,
                "variant": self._variant,
                "answer": self._answer,
                "mode": _mode,
                "peak": _peak,
            }[kind](variant, message)

    def lose(self, reason: str) -> None:
        """The page is gone: what it was working at has failed."""
        self.ended, self.opened, self.took_a_part = reason, False, self.current is not None
        if self.current is None:
            return
        name, part = self.current
        self.current = None
        variant, words = self.variants[name], f"the browser's page died at this part ({reason})"
        if part == _LOADING:
            variant.status, variant.reason = "failed", f"the page died as it loaded this runtime ({reason})"
        elif name == TASK:
            variant.modes[part] = words
        else:
            variant.files[part] = Answer("failed", words)

    def give_up(self, reason: str) -> None:
        """Nothing more will come: what has no answer has failed."""
        for name, variant in self.variants.items():
            if variant.status == "waiting":
                variant.status, variant.reason = "failed", reason
            for part in variant.left():
                if name == TASK:
                    variant.modes[part] = reason
                else:
                    variant.files[part] = Answer("failed", reason)

    def _begin(self, _variant: VariantResults, message: Mapping[str, Any]) -> None:
        self.current = (message["variant"], str(message["part"]))

    def _variant(self, variant: VariantResults, message: Mapping[str, Any]) -> None:
        if message["status"] not in ("ran", "skipped", "failed"):
            raise ValueError(f"status {message['status']!r}")
        variant.status, variant.reason = message["status"], str(message["reason"])
        variant.version, variant.emulated = str(message["version"]), str(message["emulated"])
        variant.device = _words(message["device"])

    def _answer(self, variant: VariantResults, message: Mapping[str, Any]) -> None:
        if message["part"] not in variant.parts:
            raise ValueError(f"part {message['part']!r}")
        variant.files[message["part"]] = _file_answer(message, self._samples)
        self.current = None


def _waiting(name: str, job: Job) -> VariantResults:
    """A variant that has all before it, or is known to take nothing of this job."""
    if name == TASK:
        images = job.task.images if job.task else ()
        return VariantResults(TASK_MODES) if images else VariantResults((), "skipped", NO_IMAGES)
    if is_stateful(job):
        return VariantResults((), "skipped", STATEFUL)
    return VariantResults(tuple(job.files))


def _mode(variant: VariantResults, message: Mapping[str, Any]) -> None:
    mode = message["part"]
    if mode not in variant.parts:
        raise ValueError(f"part {mode!r}")
    if message["status"] == "failed":
        variant.modes[mode] = str(message["reason"])
        return
    variant.modes[mode] = tuple(_task_hand(mode, hand) for hand in message["hands"])
    variant.sha256 = str(message["sha256"])
    if mode == "IMAGE":
        variant.latency = Latency.of([float(value) for value in message["timesUs"]])


def _peak(variant: VariantResults, message: Mapping[str, Any]) -> None:
    variant.peak_memory_bytes = int(message["bytes"])


def _file_answer(message: Mapping[str, Any], samples: int) -> Answer:
    if message["status"] in ("failed", "skipped"):
        return Answer(message["status"], str(message["reason"]), sha256=str(message["sha256"]))
    output = np.frombuffer(base64.b64decode(message["output"], validate=True), "<f4").reshape(samples, -1)
    latency = {int(message["threads"]): Latency.of([float(value) for value in message["timesUs"]])}
    delegated = message["delegated"]
    return Answer(
        "ran",
        output=output.astype(np.float32),
        load_ms=float(message["loadMs"]),
        latency=latency,
        sha256=str(message["sha256"]),
        delegated=None if delegated is None else float(delegated),
    )


def _task_hand(mode: str, hand: Mapping[str, Any]) -> TaskHand:
    if not hand["found"]:
        return TaskHand(mode, int(hand["image"]), found=False)
    return TaskHand(
        mode,
        int(hand["image"]),
        found=True,
        label=str(hand["label"]),
        score=float(hand["score"]),
        landmarks=_points(hand["landmarks"]),
        world_landmarks=_points(hand["worldLandmarks"]),
        left=float(hand["left"]),
    )


def _points(values: list[list[float]]) -> tuple[tuple[float, ...], ...]:
    points = tuple(tuple(float(value) for value in point) for point in values)
    if len(points) != 21 or any(len(point) != 3 for point in points):
        raise ValueError(f"{len(points)} landmarks")
    return points


def _words(fields: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in fields.items() if value not in (None, "")}


def answers_of(results: PageResults, job: Job, prefix: str = "") -> list[RuntimeAnswers]:
    """What a target hands back for the variants that a page ran.

    Args:
        results: Of one or more pages; a variant without any answer is `failed`.
        job: The job.
        prefix: What the runtimes' names begin with.

    Returns:
        One entry a variant. Times of an emulated device are left out: they mean nothing.
    """
    from signport.parity.task_scores import with_own_scores

    found = []
    for name, one in results.variants.items():
        status = "failed" if one.status == "waiting" else one.status
        reason = one.reason or ("" if one.status == "ran" else results.ended or "the page never got to it")
        answered = {form: one.files[form] for form in one.parts if form in one.files}
        files = {form: answer.without_times() if one.emulated else answer for form, answer in answered.items()}
        task = None
        if name == TASK and job.task is not None and not job.task.images:
            task = TaskAnswer("skipped", NO_IMAGES)
        elif name == TASK and job.task is not None and status == "ran":
            task = _task_answer(one)
            task = with_own_scores(job.task, task) if task.status == "ran" else task
        found.append(
            RuntimeAnswers(
                prefix + RUNTIMES[name],
                status,  # type: ignore[arg-type]
                reason,
                one.version,
                files,
                task,
                one.peak_memory_bytes,
                device={**results.device, **one.device},
                emulated=one.emulated,
            )
        )
    return found


def _task_answer(one: VariantResults) -> TaskAnswer:
    failed = [f"{mode} mode: {found}" for mode, found in one.modes.items() if isinstance(found, str)]
    missing = [f"{mode} mode: no answer" for mode in one.left()]
    if failed or missing:
        return TaskAnswer("failed", "; ".join(failed + missing), modes=TASK_MODES, sha256=one.sha256)
    hands = tuple(hand for mode in TASK_MODES for hand in one.modes[mode] if isinstance(hand, TaskHand))
    latency = None if one.emulated else one.latency
    return TaskAnswer("ran", modes=TASK_MODES, hands=hands, latency=latency, sha256=one.sha256)
