"""A `.task` in MediaPipe's aarch64 build, in the Arm64 root."""

import shlex
import tempfile
from dataclasses import replace
from pathlib import Path

from signport.parity import mediapipe_env
from signport.parity.answers import MODES, Options, RuntimeAnswers, TaskAnswer
from signport.parity.arm64 import root as arm64_root
from signport.parity.job import TaskJob
from signport.parity.task import NO_IMAGES, hand_of, run_task_worker
from signport.parity.task_scores import decoded, with_own_scores

RUNTIME = f"mediapipe {mediapipe_env.VERSION}"
# The emulator works for some seconds on an image, nearly all of them in the hand detector, which is Google's.
MOST_IMAGES = 3


def run_task(root: Path, task: TaskJob, options: Options) -> RuntimeAnswers:
    """Asks MediaPipe about one golden image a class, of 3 classes at most, in IMAGE mode."""
    if not task.images:
        return RuntimeAnswers(RUNTIME, "skipped", NO_IMAGES, task=TaskAnswer("skipped", NO_IMAGES))
    chosen = chosen_images(task)
    mode = MODES[0]
    images = [decoded(task.images[number]) for number in chosen]
    with tempfile.TemporaryDirectory(prefix="signport-arm64-") as temporary:
        python = interpreter(root, Path(temporary))
        found, reason = run_task_worker(task.path, images, [mode], 0, options.timeout_s, str(python))
    version = found.get("version", "")
    if reason:
        return RuntimeAnswers(RUNTIME, "ran", version=version, task=TaskAnswer("failed", reason))
    hands = tuple(hand_of(mode, {**hand, "image": chosen[hand["image"]]}) for hand in found[mode])
    answer = TaskAnswer("ran", modes=(mode,), hands=hands, sha256=found["sha256"])
    if len(chosen) < len(task.images):
        some = f"asked about {len(chosen)} of {len(task.images)} images: the emulator takes seconds for each"
        answer = replace(answer, reason=some)
    return RuntimeAnswers(RUNTIME, "ran", version=version, task=with_own_scores(task, answer))


def chosen_images(task: TaskJob) -> list[int]:
    """Indices of the first image of each class, in order; of the first images where no class is known."""
    first = {label: number for number, label in reversed(list(enumerate(task.labels))) if label}
    return sorted(first.values() if first else range(len(task.images)))[:MOST_IMAGES]


def interpreter(root: Path, folder: Path) -> Path:
    """Writes a program that takes Python's arguments and runs them in the root; returns its path."""
    program = folder / "python"
    line = shlex.join(arm64_root.command(root, [arm64_root.PYTHON]))
    program.write_text(f'#!/bin/sh\nunset PYTHONPATH PYTHONHOME\nexec {line} "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    return program
