"""Answers → figures and gates: what passes, what breaks, and whose fault it is."""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from signport.errors import SignportError
from signport.export.check import Gate, judge, judge_graph
from signport.export.convert import FORMATS
from signport.models.gates import Gates
from signport.parity.answers import Answer, RuntimeAnswers, Status
from signport.parity.figures import (
    Accuracy,
    output_step,
    steps_apart,
    weighted_accuracy,
    weighted_agreement,
)
from signport.parity.job import Job
from signport.quantization.agreement import Agreement

# The runtime that the others are compared with (design §8: the one that was never found wrong).
REFERENCE = ("desktop", "ai-edge-litert")


@dataclass(frozen=True)
class FileResult:
    """One file in one runtime, judged.

    Attributes:
        form: The format.
        status: `ran`, `failed` or `skipped`.
        reason: Why it did not run.
        agreement: Against the Keras float model; None where there is no answer to compare.
        accuracy: None for embeddings, or without labels.
        against_reference: Against ai-edge-litert with the same file: `max_abs`, `top1`, `steps`; empty for itself.
        answer: What the runtime handed back.
        gates: What it was judged by.
        fault: Of a broken gate: `runtime` where ai-edge-litert passes with the same file, `file` where it does not.
    """

    form: str
    status: Status
    reason: str
    agreement: Agreement | None
    accuracy: Accuracy | None
    against_reference: dict[str, float | None]
    answer: Answer
    gates: list[Gate]
    fault: Literal["runtime", "file"] | None = None

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    def to_json(self) -> dict[str, Any]:
        found = asdict(self.agreement) if self.agreement else {}
        return {
            "status": self.status,
            "reason": self.reason,
            "figures": {name: _plain(value) for name, value in found.items()},
            "accuracy": asdict(self.accuracy) if self.accuracy else None,
            "against_reference": {name: _plain(value) for name, value in self.against_reference.items()},
            "load_ms": self.answer.load_ms,
            "latency_us": {str(threads): asdict(figures) for threads, figures in self.answer.latency.items()},
            "gates": [gate.to_json() for gate in self.gates],
            "fault": self.fault,
        }


@dataclass(frozen=True)
class RuntimeResult:
    """One runtime of a target, judged.

    Attributes:
        target: Name of the target.
        answers: What it handed back.
        files: Format → result.
        task: Figures of the `.task`, for JSON; empty without one.
        task_gates: What the `.task` was judged by.
    """

    target: str
    answers: RuntimeAnswers
    files: dict[str, FileResult] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    task_gates: list[Gate] = field(default_factory=list)

    def broken(self) -> list[str]:
        """Every broken gate in words, with the runtime and whose fault it is."""
        where = f"{self.target} {self.answers.runtime}"
        if self.answers.status == "failed":
            return [f"{where}: {self.answers.reason}"]
        words = {"runtime": " (the runtime's fault: ai-edge-litert passes with this file)", "file": "", None: ""}
        found = [
            f"{where} {gate}{words[file.fault]}{f' ({file.reason})' if file.reason else ''}"
            for file in self.files.values()
            for gate in file.gates
            if not gate.passed
        ]
        reason = f" ({self.answers.task.reason})" if self.answers.task and self.answers.task.reason else ""
        return found + [f"{where} {gate}{reason}" for gate in self.task_gates if not gate.passed]


def tightened(gates: Gates, tighter: dict[str, float]) -> Gates:
    """The gates with some bounds made stricter.

    Raises:
        SignportError: An unknown gate, or a bound that is looser than the family's.
    """
    known = {entry.name: getattr(gates, entry.name) for entry in fields(gates)}
    for name, value in tighter.items():
        if name not in known:
            raise SignportError(f"--tighten {name}: no such gate; choose from: {', '.join(known)}")
        least = name.endswith(("_agreement", "_db"))
        if not (value >= known[name] if least else value <= known[name]):
            sign = "at least" if least else "at most"
            raise SignportError(f"--tighten {name}={value:g}: gates only get stricter; give {sign} {known[name]:g}")
    return replace(gates, **tighter)


def judge_target(
    job: Job, gates: Gates, target: str, answers: list[RuntimeAnswers], reference: dict[str, Answer]
) -> list[RuntimeResult]:
    """Judges what a target handed back.

    Args:
        job: The job.
        gates: The tolerances.
        target: The target's name.
        answers: What its runtimes answered.
        reference: Format → the reference runtime's answer, where it is known.
    """
    from signport.parity.task_judgement import judge_task

    # The reference comes first, so that it is known whether it passes when another runtime does not.
    ordered = sorted(answers, key=lambda one: (target, one.runtime) != REFERENCE)
    passing: dict[str, bool] = {}
    results: dict[str, RuntimeResult] = {}
    for one in ordered:
        files = {}
        for form, answer in one.files.items():
            is_reference = (target, one.runtime) == REFERENCE
            other = None if is_reference else reference.get(form)
            result = _judge_file(job, gates, form, answer, reference=other, is_reference=is_reference)
            if is_reference:
                passing[form] = result.passed
            if not result.passed and form in passing:
                result = replace(result, fault="runtime" if passing[form] else "file")
            files[form] = result
        task, task_gates = judge_task(job.task, one.task, gates) if job.task and one.task else ({}, [])
        results[one.runtime] = RuntimeResult(target, one, files, task, task_gates)
    return [results[one.runtime] for one in answers]


def _judge_file(
    job: Job, gates: Gates, form: str, answer: Answer, *, reference: Answer | None, is_reference: bool
) -> FileResult:
    def result(status: Status, reason: str, found: list[Gate], **figures: Any) -> FileResult:
        values = {"agreement": None, "accuracy": None, "against_reference": {}, **figures}
        return FileResult(form=form, status=status, reason=reason, answer=answer, gates=found, **values)

    if answer.status == "skipped":
        return result("skipped", answer.reason, [])
    if answer.output is None:
        return result("failed", answer.reason, [Gate(f"{form} runs", 0, 1, "least")])
    if answer.output.shape != job.reference.shape:
        reason = f"answers have shape {answer.output.shape}, expected {job.reference.shape}"
        return result("ran", reason, [Gate(f"{form} outputs of the wrong shape", 1, 0, "most")])
    content = job.files[form].read_bytes()
    agreement = weighted_agreement(job.reference, answer.output, job.output, job.weights)
    accuracy = drop = None
    if job.output == "probabilities" and agreement.finite:
        accuracy = weighted_accuracy(answer.output, job.labels, job.weights)
        floating = weighted_accuracy(job.reference, job.labels, job.weights)
        drop = floating.value - accuracy.value if floating and accuracy else None
    found = judge(form, agreement, gates, reference_scale=job.scale, accuracy_drop=drop)
    if is_reference:
        shapes = [(1, *values.shape[1:]) for values in job.inputs.values()]
        found += judge_graph(form, content, shapes, fused_lstm=job.card.get("lstm") == "fused")
    against: dict[str, float | None] = {}
    if reference is not None and reference.output is not None and agreement.finite:
        against, more = _judge_runtime(
            job, gates, form, content=content, answer=answer.output, reference=reference.output
        )
        found += more
    return result("ran", "", found, agreement=agreement, accuracy=accuracy, against_reference=against)


def _judge_runtime(
    job: Job, gates: Gates, form: str, *, content: bytes, answer: np.ndarray, reference: np.ndarray
) -> tuple[dict[str, float | None], list[Gate]]:
    """One runtime against the reference runtime, with the same file."""
    if reference.shape != answer.shape or not np.isfinite(reference).all():
        return {}, []
    found = weighted_agreement(reference, answer, job.output, job.weights)
    figures: dict[str, float | None] = {"max_abs": found.max_abs, "top1": found.top1, "steps": None}
    judged = []
    if form == "float32":
        name = "float32 max abs difference from ai-edge-litert"
        judged.append(Gate(name, found.max_abs / job.scale, gates.runtime_float32_max_abs, "most"))
    if FORMATS[form].quantized:
        if job.output == "probabilities":
            name = f"{form} agreement with ai-edge-litert"
            judged.append(Gate(name, found.top1, gates.runtime_int8_agreement, "least"))
        step = output_step(content)
        if step is not None:
            figures["steps"] = steps = steps_apart(reference, answer, step, job.output)
            judged.append(Gate(f"{form} steps from ai-edge-litert", steps, gates.runtime_int8_steps, "most"))
    return figures, judged


def _plain(value: Any) -> Any:
    """JSON knows no NaN and no infinity: null stands for both."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def skipped_words(results: list[RuntimeResult]) -> list[str]:
    """What was skipped, and why."""
    return [
        f"{one.target} {one.answers.runtime}: {one.answers.reason}"
        for one in results
        if one.answers.status == "skipped"
    ]
