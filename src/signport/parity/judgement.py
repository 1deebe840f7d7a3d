"""Answers → figures and gates: what passes, what breaks, and whose fault it is."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from signport.export.check import Gate, judge, judge_edge_cases, judge_graph, least_share
from signport.export.convert import FORMATS
from signport.files import finite
from signport.models.gates import Gates
from signport.parity.answers import Answer, RuntimeAnswers, Status, TaskAnswer
from signport.parity.figures import (
    Accuracy,
    McNemar,
    mcnemar,
    mean_steps,
    output_step,
    steps_apart,
    weighted_accuracy,
    weighted_agreement,
)
from signport.parity.job import Job
from signport.quantization.agreement import Agreement

# The runtime whose answers at the export the others are held to (design §8: the one that was never found wrong).
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
        mcnemar: Whether it is right as often as the float model; None where accuracy is.
        edge_cases: Edge case → largest absolute difference from the float model; NaN where an answer is no number.
        against_reference: Against what LiteRT answered with the same file at its export: `max_abs`, `top1`, `steps`.
        answer: What the runtime handed back.
        gates: What it was judged by.
        fault: Of a broken gate: `runtime` where ai-edge-litert passes with the same file, `file` where it does not.
    """

    form: str
    status: Status
    reason: str
    agreement: Agreement | None
    accuracy: Accuracy | None
    mcnemar: McNemar | None
    edge_cases: dict[str, float]
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
            "sha256": self.answer.sha256 or None,
            "figures": _plain(found),
            "accuracy": asdict(self.accuracy) if self.accuracy else None,
            "mcnemar": asdict(self.mcnemar) if self.mcnemar else None,
            "edge_cases": _plain(self.edge_cases),
            "against_reference": _plain(self.against_reference),
            "load_ms": self.answer.load_ms,
            "delegated": self.answer.delegated,
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


def judge_target(job: Job, gates: Gates, target: str, answers: list[RuntimeAnswers]) -> list[RuntimeResult]:
    """Judges what a target handed back.

    Args:
        job: The job.
        gates: The tolerances.
        target: The target's name.
        answers: What its runtimes answered.
    """
    from signport.parity.task_judgement import judge_task

    results = []
    for one in map(_without_empty_runs, answers):
        is_reference = (target, one.runtime) == REFERENCE
        files = {form: _judge_file(job, gates, form, answer, is_reference) for form, answer in one.files.items()}
        task, task_gates = judge_task(job.task, one.task, gates) if job.task and one.task else ({}, [])
        results.append(RuntimeResult(target, one, files, task, task_gates))
    return results


def _without_empty_runs(answers: RuntimeAnswers) -> RuntimeAnswers:
    """A runtime that took no file at all was skipped, even though it was there."""
    parts: list[Answer | TaskAnswer] = [*answers.files.values(), *([answers.task] if answers.task else [])]
    if answers.status != "ran" or not parts or any(part.status != "skipped" for part in parts):
        return answers
    return replace(answers, status="skipped", reason=f"it takes none of these files: {parts[0].reason}")


def with_faults(results: list[RuntimeResult]) -> list[RuntimeResult]:
    """Says of each file that breaks a gate whose fault it is, where the reference runtime is among the results."""
    reference = next((one.files for one in results if (one.target, one.answers.runtime) == REFERENCE), {})
    passing = {form: file.passed for form, file in reference.items()}

    def blamed(file: FileResult) -> FileResult:
        if file.passed or file.form not in passing:
            return file
        return replace(file, fault="runtime" if passing[file.form] else "file")

    return [replace(one, files={form: blamed(file) for form, file in one.files.items()}) for one in results]


def _judge_file(job: Job, gates: Gates, form: str, answer: Answer, is_reference: bool) -> FileResult:
    def result(status: Status, reason: str, found: list[Gate], **figures: Any) -> FileResult:
        nothing: dict[str, Any] = {
            "agreement": None,
            "accuracy": None,
            "mcnemar": None,
            "edge_cases": {},
            "against_reference": {},
        }
        return FileResult(form=form, status=status, reason=reason, answer=answer, gates=found, **nothing | figures)

    if answer.status == "skipped":
        return result("skipped", answer.reason, [])
    if answer.output is None:
        return result("failed", answer.reason, [Gate(f"{form} runs", 0, 1, "least")])
    if answer.output.shape != job.reference.shape:
        reason = f"answers have shape {answer.output.shape}, expected {job.reference.shape}"
        return result("ran", reason, [Gate(f"{form} outputs of the wrong shape", 1, 0, "most")])
    content, real = job.files[form].read_bytes(), job.real
    reference, output, labels = job.reference[real], answer.output[real], job.labels[real]
    agreement = weighted_agreement(reference, output, job.output, job.weights[real])
    accuracy = drop = test = None
    if job.output == "probabilities" and agreement.finite:
        accuracy = weighted_accuracy(output, labels, job.weights[real])
        floating = weighted_accuracy(reference, labels, job.weights[real])
        drop = floating.value - accuracy.value if floating and accuracy else None
        test = mcnemar(reference, output, labels)
    found = judge(form, agreement, gates, reference_scale=job.scale, accuracy_drop=drop)
    found += _judge_digest(job, form, answer)
    edge_cases, more = _judge_edge_cases(job, gates, form, answer.output)
    found += more
    if is_reference:
        shapes = [(1, *values.shape[1:]) for values in job.inputs.values()]
        kept = len(job.card.get("quantization", {}).get("keep", {}))
        found += judge_graph(form, content, shapes, fused_lstm=job.card.get("lstm") == "fused", kept=kept)
    against: dict[str, float | None] = {}
    if np.isfinite(answer.output).all():
        against, more = _judge_runtime(job, gates, form, content, answer.output)
        found += more
    figures = {"agreement": agreement, "accuracy": accuracy, "mcnemar": test}
    return result("ran", "", found, **figures, edge_cases=edge_cases, against_reference=against)


def _judge_digest(job: Job, form: str, answer: Answer) -> list[Gate]:
    """Whether the runtime's side read the file that the card describes; no gate where it cannot tell."""
    if not answer.sha256:
        return []
    other = answer.sha256 != job.card["files"][form]["sha256"]
    return [Gate(f"{form} read from another file", int(other), 0, "most")]


def _judge_edge_cases(job: Job, gates: Gates, form: str, output: np.ndarray) -> tuple[dict[str, float], list[Gate]]:
    odd = ~job.real
    if not odd.any():
        return {}, []
    worst = np.abs(output[odd].astype(np.float64) - job.reference[odd]).max(axis=1)
    found = [judge_edge_cases(form, output[odd])]
    if form == "float32" and np.isfinite(worst).all():
        largest = float(worst.max()) / job.scale
        found.append(Gate("float32 edge cases max abs error", largest, gates.float32_max_abs, "most"))
    return dict(zip(job.edge[odd].tolist(), worst.tolist(), strict=True)), found


def _judge_runtime(
    job: Job, gates: Gates, form: str, content: bytes, answer: np.ndarray
) -> tuple[dict[str, float | None], list[Gate]]:
    """One runtime against LiteRT's answers at the export, with the same file.

    Edge cases count in `max_abs`. In steps they don't: coordinates a million times too large fill an int8 tensor's end
    values, and one rounding there moves everything behind it.
    """
    expected, real = job.expected[form], job.real
    if expected.shape != answer.shape or not np.isfinite(expected).all():
        return {}, [Gate(f"{form} answers at the export that can be compared with", 0, 1, "least")]
    max_abs = float(np.abs(expected.astype(np.float64) - answer).max())
    found = weighted_agreement(expected[real], answer[real], job.output, job.weights[real])
    figures: dict[str, float | None] = {
        "max_abs": max_abs, "top1": found.top1, "sqnr_db": found.sqnr_db, "steps": None, "mean_steps": None,
    }  # fmt: skip
    judged = []
    if not FORMATS[form].optimize or FORMATS[form].float16:
        name = f"{form} max abs difference from ai-edge-litert"
        judged.append(Gate(name, max_abs / job.scale, gates.runtime_float32_max_abs, "most"))
    elif not FORMATS[form].quantized:
        name = f"{form} SQNR to ai-edge-litert (dB)"
        judged.append(Gate(name, found.sqnr_db, gates.runtime_dynamic_sqnr_db, "least"))
    else:
        if job.output == "probabilities":
            least = least_share(gates.runtime_int8_agreement, found.samples)
            judged.append(Gate(f"{form} agreement with ai-edge-litert", found.top1, least, "least"))
        step = output_step(content)
        if step is not None:
            figures["steps"] = steps = steps_apart(expected[real], answer[real], step, job.output)
            judged.append(Gate(f"{form} steps from ai-edge-litert", steps, gates.runtime_int8_steps, "most"))
            figures["mean_steps"] = moved = mean_steps(expected[real], answer[real], step, job.output)
            name = f"{form} mean steps from ai-edge-litert"
            judged.append(Gate(name, moved, gates.runtime_int8_mean_steps, "most"))
    return figures, judged


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN and no infinity: null stands for both."""
    return {name: finite(value) if isinstance(value, float) else value for name, value in values.items()}


def skipped_words(results: list[RuntimeResult]) -> list[str]:
    """What was skipped, and why."""
    return [
        f"{one.target} {one.answers.runtime}: {one.answers.reason}"
        for one in results
        if one.answers.status == "skipped"
    ]
