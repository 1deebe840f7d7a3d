"""Target `jvm`: every file through `signport-runtime`, the Kotlin library that apps on the JVM and on Android embed."""

import subprocess
import tempfile
import time
from importlib import metadata
from pathlib import Path

from signport.errors import SignportError
from signport.export.flatbuffer import variable_tensors
from signport.files import sha256_file
from signport.parity.answers import Answer, Options, RuntimeAnswers
from signport.parity.job import Job
from signport.parity.jvm.jar import find_jar, find_java
from signport.parity.runner_job import JOB_FILE, OUTPUT_FILE, encoded_job, runner_answer
from signport.parity.targets import Target
from signport.progress import track

RUNTIME = "signport-runtime"
_STATEFUL = "signport-runtime keeps nothing between calls; export the LSTM unrolled for it"
_LEAST_S = 5.0
_TAKES_NO_SUCH_FILE = 3  # the runner's exit status: an operator, a type or a form that it does not evaluate
# HotSpot compiles what ran often: before that, times are those of its interpreter. The runner warms up for no longer
# than a fifth of the measurement.
_WARM_UP = 20_000


def run(job: Job, options: Options) -> list[RuntimeAnswers]:
    """Runs every file, each in a Java of its own."""
    try:
        java, jar = find_java(), find_jar()
    except SignportError as error:
        return [RuntimeAnswers(RUNTIME, "skipped", str(error))]
    files: dict[str, Answer] = {}
    peaks: list[int] = []
    end = time.monotonic() + options.timeout_s
    with tempfile.TemporaryDirectory(prefix="signport-jvm-") as temporary:
        folder = Path(temporary)
        (folder / JOB_FILE).write_bytes(encoded_job(job.inputs))
        for form, path in track(list(job.files.items()), "parity on the JVM", len(job.files), unit="files"):
            if variable_tensors(path.read_bytes()):
                files[form] = Answer("skipped", _STATEFUL, sha256=sha256_file(path))
                continue
            # Java sizes its heap by the machine's memory; a phone's app gets no more than this either.
            start = [java, "-Xmx512m", "-Dfile.encoding=UTF-8", "-jar", str(jar), "run", str(path.resolve())]
            measure = [max(options.warm_up, _WARM_UP) if options.warm_up else 0, options.repeats, options.measure_s]
            command = [*start, JOB_FILE, OUTPUT_FILE, *map(str, measure)]
            files[form], peak = _run(command, folder, max(_LEAST_S, end - time.monotonic()), job, path)
            peaks += [peak] if peak else []
    return [
        RuntimeAnswers(
            RUNTIME,
            "ran",
            version=metadata.version("signport"),
            files=files,
            peak_memory_bytes=max(peaks, default=None),
            device={"Java": _java_version(java)},
        )
    ]


def _run(command: list[str], folder: Path, limit: float, job: Job, path: Path) -> tuple[Answer, int | None]:
    output = folder / OUTPUT_FILE
    output.unlink(missing_ok=True)
    digest = sha256_file(path)
    try:
        ended = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return Answer("failed", f"no end after {limit:g} s", sha256=digest), None
    if ended.returncode == _TAKES_NO_SUCH_FILE:
        return Answer("skipped", ended.stderr.strip(), sha256=digest), None
    if ended.returncode:
        lines = [line.strip() for line in (ended.stderr or ended.stdout).splitlines() if line.strip()]
        reason = lines[-1] if lines else f"exit status {ended.returncode}"
        return Answer("failed", reason, sha256=digest), None
    return runner_answer(ended.stdout, output, len(job.reference))


def _java_version(java: str) -> str:
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    return (told.stderr or told.stdout).strip().splitlines()[0]


TARGET = Target("jvm", run)
