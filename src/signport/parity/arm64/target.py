"""Target `arm64`: LiteRT's aarch64 runtime, whose kernels are not x86's, under qemu's user mode.

Its answers are those of a Cortex-A76, its times are nobody's: none are reported. Before it judges a run's files the
emulator has to prove itself on a canary (`signport.parity.arm64.canary`). On an Arm64 machine nothing is emulated.
"""

import itertools
import os
import platform
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from signport.parity import worker
from signport.parity.answers import Answer, Options, RuntimeAnswers
from signport.parity.arm64 import root as arm64_root
from signport.parity.arm64.canary import INPUT, Canary, canaries, canary_inputs
from signport.parity.arm64.task import run_task
from signport.parity.job import Job
from signport.parity.parts import SETUP
from signport.parity.process import Ended, run_command
from signport.parity.targets import Target
from signport.parity.worker_runs import run_runtime
from signport.progress import track

_RUNTIME = "ai-edge-litert"


def run(job: Job, options: Options) -> list[RuntimeAnswers]:
    """Runs the files in as many processes as there are cores, side by side, since no times are taken."""
    if arm64_root.native():
        machine = {"cpu": platform.processor() or platform.machine(), "emulator": "none: this machine is Arm64"}
        return [replace(run_runtime(_RUNTIME, job, options, remedy="`make setup`"), device=machine)]
    root, reason = arm64_root.find(), arm64_root.missing()
    if root is None or reason:
        return [RuntimeAnswers(_RUNTIME, "skipped", reason)]
    if fault := emulator_fault(root, job, options):
        found = [RuntimeAnswers(_RUNTIME, "failed", fault)]
    else:
        found = _side_by_side(root, job, options)
    device, emulated = arm64_root.device(root), f"qemu-aarch64, {arm64_root.CPU}"
    return [replace(answers, device=device, emulated=emulated) for answers in found]


def _side_by_side(root: Path, job: Job, options: Options) -> list[RuntimeAnswers]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        task = pool.submit(run_task, root, job.task, options) if job.task else None
        # An emulated Python takes seconds to start: no more of them than run at once.
        processes = min(os.cpu_count() or 1, len(job.files))
        shares = [dict(itertools.islice(job.files.items(), first, None, processes)) for first in range(processes)]
        running = pool.map(lambda share: _emulated(root, replace(job, files=share), options), shares)
        answers = list(track(running, "parity on Arm64", processes, unit="processes"))
        found = {form: _answer(form, one) for share, one in zip(shares, answers, strict=True) for form in share}
        files = {form: found[form] for form in job.files}
        litert = RuntimeAnswers(_RUNTIME, "ran", version=answers[0].version, files=files)
        return [litert, task.result()] if task else [litert]


def _emulated(root: Path, job: Job, options: Options, cpu: str = arm64_root.CPU) -> RuntimeAnswers:
    return run_runtime(_RUNTIME, job, options, remedy=f"`{SETUP}`", launch=partial(launch, root, cpu), emulated=True)


def _answer(form: str, answers: RuntimeAnswers) -> Answer:
    """A file's answer without the time that the emulator took to load it."""
    if answers.status != "ran":
        return Answer("failed", answers.reason)
    return answers.files[form].without_times()


def launch(root: Path, cpu: str, runtime: str, folder: Path, timeout_s: float) -> Ended:
    """The worker in the root's Python; as a script, so that it finds nothing but NumPy and the runtime there."""
    argv = [arm64_root.PYTHON, "-I", str(Path(worker.__file__).resolve()), runtime, str(folder)]
    return run_command(arm64_root.command(root, argv, cpu), timeout_s)


def emulator_fault(
    root: Path,
    job: Job,
    options: Options,
    cpu: str = arm64_root.CPU,
    known: Mapping[str, Canary] | None = None,
) -> str:
    """What is wrong with the emulator, judged by models whose answers are known; "" if nothing is.

    Args:
        root: See `signport.parity.arm64.root`.
        job: The job that is to be run; nothing of it is.
        options: How long it may take.
        cpu: qemu's `-cpu`.
        known: The models; None for `signport.parity.arm64.canary.canaries`.
    """
    known = canaries() if known is None else known
    with tempfile.TemporaryDirectory(prefix="signport-canary-") as temporary:
        files = {model: Path(temporary) / f"{model}.tflite" for model in known}
        for model, path in files.items():
            path.write_bytes(known[model].content)
        canary = replace(job, files=files, inputs={INPUT: canary_inputs()})
        answers = _emulated(root, canary, options, cpu)
    emulator = f"{arm64_root.emulator_version()}, -cpu {cpu}"
    not_ours = f"({emulator}): not the files' fault; none was judged"
    if answers.status != "ran":
        return f"the emulator cannot start the runtime {not_ours}: {answers.reason}"
    for model, answer in answers.files.items():
        if answer.output is None:
            return f"the emulator fails at the canary {model} {not_ours}: {answer.reason}"
        if (off := _most_off(answer, known[model])) > 0:
            return f"the emulator computes wrong int8 results {not_ours}; the canary {model} is off by up to {off:g}"
    if not all(answer.delegated for answer in answers.files.values()):
        return f"XNNPACK takes no part of the canary, so apps' kernels are not what would run {not_ours}"
    return ""


def _most_off(answer: Answer, canary: Canary) -> float:
    """The largest error beyond the canary's tolerance; infinity for a wrong shape, NaN or infinity."""
    assert answer.output is not None
    if answer.output.shape != canary.expected.shape or not np.isfinite(answer.output).all():
        return float("inf")
    error = np.abs(answer.output - canary.expected)
    return float(np.max(np.where(error > canary.tolerance, error, 0)))


TARGET = Target("arm64", run)
