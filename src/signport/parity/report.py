"""`signport parity`: runs a job on the targets, judges the answers, writes the report."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from signport.errors import GateError, SignportError
from signport.files import write_json
from signport.models.gates import Gates
from signport.models.registry import family_named
from signport.parity.answers import Answer, Options
from signport.parity.figures import weighted_accuracy
from signport.parity.job import Job, load_job
from signport.parity.judgement import REFERENCE, RuntimeResult, judge_target, skipped_words, tightened
from signport.parity.targets import target_named

SCHEMA = "signport.parity/1"
REPORT_FILE = "parity.json"


@dataclass(frozen=True)
class ParityReport:
    """What `parity` found.

    Attributes:
        path: `parity.json`.
        content: Its content.
        job: The job.
        results: A result a runtime, in the order of targets and runtimes.
    """

    path: Path
    content: dict[str, Any]
    job: Job
    results: list[RuntimeResult]

    @property
    def status(self) -> str:
        """`passed`, `failed`, or `skipped` where nothing could be run."""
        return str(self.content["status"])

    @property
    def broken(self) -> list[str]:
        """Every broken gate, in words."""
        return list(self.content["broken"])

    def require(self) -> None:
        """Raises unless everything that ran passes, and something ran.

        Raises:
            GateError: The message names the broken gates.
        """
        if self.status == "failed":
            raise GateError(f"{self.path}: {len(self.broken)} gates are broken: {'; '.join(self.broken)}")
        if self.status == "skipped":
            why = "; ".join(skipped_words(self.results))
            raise GateError(f"{self.path}: nothing could be run, so nothing is shown: {why}")


def parity(
    run: str | Path | Any,
    targets: Sequence[str] = ("desktop",),
    *,
    tighten: Mapping[str, float] | None = None,
    options: Options | None = None,
) -> ParityReport:
    """Compares a run's exported files with its Keras float model on every target, and writes `parity/parity.json`.

    Args:
        run: A run, its folder, or a copy of its export folder.
        targets: Where to run; see `signport.parity.targets`.
        tighten: Gate → stricter bound than the family's (fields of `signport.models.gates.Gates`).
        options: Thread counts, repeats and the like.

    Returns:
        The report, written whatever it says. Its `require` raises where a gate is broken.

    Raises:
        SignportError: Unknown target, gate or family; missing, damaged or stale files.
    """
    options = options or Options()
    chosen = [target_named(name) for name in dict.fromkeys(targets)]
    if not chosen:
        raise SignportError("--targets: empty; give at least one, such as desktop")
    job = load_job(getattr(run, "path", run))
    gates = tightened(family_named(job.card["family"]).gates, dict(tighten or {}))
    path = job.run / "parity" / REPORT_FILE
    _require_writable(path.parent)
    results: list[RuntimeResult] = []
    reference: dict[str, Answer] = {}
    for target in chosen:
        answers = target.run(job, options)
        for one in answers:
            if (target.name, one.runtime) == REFERENCE:
                reference = one.files
        results += judge_target(job, gates, target.name, answers, reference)
    content = _content(job, gates, results, options, dict(tighten or {}))
    write_json(path, content)
    return ParityReport(path, content, job, results)


def _require_writable(folder: Path) -> None:
    """Told before minutes of work, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SignportError(f"{folder}: cannot write ({error.strerror}); copy the run where you can write") from error
    if not os.access(folder, os.W_OK):
        raise SignportError(f"{folder}: cannot write (read-only); copy the run where you can write")


def _content(
    job: Job, gates: Gates, results: list[RuntimeResult], options: Options, tighten: dict[str, float]
) -> dict[str, Any]:
    broken = [words for result in results for words in result.broken()]
    ran = any(result.answers.status == "ran" for result in results)
    floating = weighted_accuracy(job.reference, job.labels, job.weights) if job.output == "probabilities" else None
    targets: dict[str, Any] = {}
    for result in results:
        runtimes = targets.setdefault(result.target, {"runtimes": {}})["runtimes"]
        runtimes[result.answers.runtime] = {
            "status": result.answers.status,
            "reason": result.answers.reason,
            "version": result.answers.version,
            "peak_memory_bytes": result.answers.peak_memory_bytes,
            "formats": {form: file.to_json() for form, file in result.files.items()},
            "task": result.task or None,
        }
    command = ["signport parity", str(job.run), f"--targets {','.join(targets)}"]
    command += [f"--threads {','.join(map(str, options.threads))}", f"--repeats {options.repeats}"]
    command += [f"--tighten {name}={value:g}" for name, value in tighten.items()]
    command += [f"--stream-frames {options.stream_frames}"] if options.stream_frames else []
    return {
        "schema": SCHEMA,
        "status": "failed" if broken else "passed" if ran else "skipped",
        "broken": broken,
        "skipped": skipped_words(results),
        "run": str(job.run),
        "name": job.card.get("name"),
        "family": job.card["family"],
        "output": job.output,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(command),
        "machine": {
            "platform": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "golden": {"samples": len(job.labels), "stand_for": round(float(job.weights.sum()))},
        "gates": asdict(gates),
        "reference": {"runtime": "keras", "accuracy": asdict(floating) if floating else None},
        "files": {form: job.card["files"][form] for form in job.files},
        "task": {"file": job.task.path.name, "sha256": job.task.card.get("sha256")} if job.task else None,
        "targets": targets,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
