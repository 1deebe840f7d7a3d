"""`signport parity`: runs a job on the targets, judges the answers, writes the report."""

import os
import platform
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from signport.errors import GateError, SignportError
from signport.files import write_json
from signport.models.gates import Gates
from signport.models.registry import gates_of
from signport.parity.answers import Options
from signport.parity.figures import Accuracy, weighted_accuracy
from signport.parity.job import Job, load_job
from signport.parity.judgement import RuntimeResult, judge_target, skipped_words, with_faults
from signport.parity.layers import LayerTable, layer_tables
from signport.parity.report.html import write_html
from signport.parity.report.markdown import write_markdown
from signport.parity.targets import target_named

SCHEMA = "signport.parity/2"
REPORT_FILE = "parity.json"
_NAMED = 8  # broken gates in an error's one line; the report has all


@dataclass(frozen=True)
class ParityReport:
    """What `parity` found.

    Attributes:
        path: `parity.json`.
        content: Its content.
        job: The job.
        results: A result a runtime, in the order of targets and runtimes.
        layers: Operator by operator: of the files that break a gate, or of all.
    """

    path: Path
    content: dict[str, Any]
    job: Job
    results: list[RuntimeResult]
    layers: list[LayerTable]

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
            more = f"; and {len(self.broken) - _NAMED} more" if len(self.broken) > _NAMED else ""
            words = "; ".join(self.broken[:_NAMED])
            raise GateError(f"{self.path}: {len(self.broken)} gates are broken: {words}{more}")
        if self.status == "skipped":
            why = "; ".join(skipped_words(self.results))
            raise GateError(f"{self.path}: nothing could be run, so nothing is shown: {why}")


def parity(
    run: str | Path | Any,
    targets: Sequence[str] = ("desktop",),
    *,
    tighten: Mapping[str, float] | None = None,
    options: Options | None = None,
    layers: bool = False,
) -> ParityReport:
    """Compares a run's exported files with its Keras float model on every target.

    Writes `parity.json`, `parity.html` and `parity.md` into the run's `parity` folder.

    Args:
        run: A run, its folder, or a copy of its export folder.
        targets: Where to run; see `signport.parity.targets`.
        tighten: Gate → stricter bound than the family's (fields of `signport.models.gates.Gates`).
        options: Thread counts, repeats and the like.
        layers: Compare every file operator by operator, not only those that break a gate.

    Returns:
        The report, written whatever it says. Its `require` raises where a gate is broken.

    Raises:
        SignportError: Unknown target, gate or family; missing, damaged or stale files.

    Examples:
        >>> report = sp.check_parity("runs/mlp-001", ["desktop", "browser"])  # doctest: +SKIP
        >>> report.require()  # doctest: +SKIP
    """
    options = options or Options()
    chosen = [target_named(name) for name in dict.fromkeys(targets)]
    if not chosen:
        raise SignportError("--targets: empty; give at least one, such as desktop")
    job = load_job(getattr(run, "path", run))
    gates = gates_of(job.card["family"]).tightened(job.card.get("stricter_gates", {}), "gates.")
    gates = gates.tightened(tighten or {}, "--tighten ")
    path = job.run / "parity" / REPORT_FILE
    _require_writable(path.parent)
    results: list[RuntimeResult] = []
    seconds: dict[str, float] = {}
    for target in chosen:
        start = time.perf_counter()
        answers = target.run(job, options)
        seconds[target.name] = round(time.perf_counter() - start, 1)
        results += judge_target(job, gates, target.name, answers)
    results = with_faults(results)
    failing = {form for one in results for form, file in one.files.items() if not file.passed}
    tables = [table for form in job.files if layers or form in failing for table in layer_tables(job, form, gates)]
    content = _content(job, gates, results, tables, options, dict(tighten or {}), seconds)
    write_json(path, content)
    report = ParityReport(path, content, job, results, tables)
    write_markdown(report)
    write_html(report)
    return report


def _require_writable(folder: Path) -> None:
    """Told before minutes of work, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SignportError(f"{folder}: cannot write ({error.strerror}); copy the run where you can write") from error
    if not os.access(folder, os.W_OK):
        raise SignportError(f"{folder}: cannot write (read-only); copy the run where you can write")


def _content(
    job: Job,
    gates: Gates,
    results: list[RuntimeResult],
    layers: list[LayerTable],
    options: Options,
    tighten: dict[str, float],
    seconds: dict[str, float],
) -> dict[str, Any]:
    broken = [words for result in results for words in result.broken()]
    ran = any(result.answers.status == "ran" for result in results)
    floating = _float_accuracy(job) if job.output == "probabilities" else None
    return {
        "schema": SCHEMA,
        "status": "failed" if broken else "passed" if ran else "skipped",
        "broken": broken,
        "skipped": skipped_words(results),
        "run": str(job.run),
        "name": job.card.get("name"),
        "family": job.card["family"],
        "output": job.output,
        "classes": job.card["classes"],
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": _command(job, seconds, options, tighten),
        "machine": {
            "platform": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
        "versions": job.card.get("versions", {}),
        "golden": {
            "samples": int(job.real.sum()),
            "edge_cases": job.edge[~job.real].tolist(),
            "stand_for": round(float(job.weights.sum())),
        },
        "gates": asdict(gates),
        "reference": {"runtime": "keras", "accuracy": asdict(floating) if floating else None},
        "files": {form: job.card["files"][form] for form in job.files},
        "task": _task_file(job),
        "layers": [table.to_json() for table in layers],
        "targets": _targets(results, seconds),
    }


def _targets(results: list[RuntimeResult], seconds: dict[str, float]) -> dict[str, Any]:
    targets: dict[str, Any] = {name: {"seconds": spent, "runtimes": {}} for name, spent in seconds.items()}
    for result in results:
        targets[result.target]["runtimes"][result.answers.runtime] = {
            "status": result.answers.status,
            "reason": result.answers.reason,
            "version": result.answers.version,
            "peak_memory_bytes": result.answers.peak_memory_bytes,
            "device": result.answers.device,
            "emulated": result.answers.emulated,
            "formats": {form: file.to_json() for form, file in result.files.items()},
            "task": result.task or None,
        }
    return targets


def _command(job: Job, targets: Iterable[str], options: Options, tighten: dict[str, float]) -> str:
    """What to type to have this report made again."""
    words = ["signport parity", shlex.quote(str(job.run)), f"--targets {','.join(targets)}"]
    words += [f"--threads {','.join(map(str, options.threads))}", f"--repeats {options.repeats}"]
    words += [f"--tighten {name}={value:g}" for name, value in tighten.items()]
    words += [f"--stream-frames {options.stream_frames}"] if options.stream_frames else []
    words += [f"--serial {options.serial}"] if options.serial else []
    return " ".join(words)


def _task_file(job: Job) -> dict[str, Any] | None:
    if job.task is None:
        return None
    path = job.task.path
    return {"file": path.name, "sha256": job.task.card.get("sha256"), "bytes": path.stat().st_size}


def _float_accuracy(job: Job) -> Accuracy | None:
    return weighted_accuracy(job.reference[job.real], job.labels[job.real], job.weights[job.real])


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
