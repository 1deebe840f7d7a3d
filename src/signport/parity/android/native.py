"""Route `native` of the Android target: LiteRT's own shared library on the phone's CPU.

The bundle that `make android-runner` built is pushed into a folder on the phone and started through its own loader:
no APK, and nothing of Android's libraries.
"""

import signal
import tempfile
import time
from pathlib import Path

from signport.errors import SignportError
from signport.export.flatbuffer import variable_tensors
from signport.files import sha256_file
from signport.parity.android.bundle import LIBRARY, LOADER, RUNNER, RunnerBundle, find_bundle
from signport.parity.android.device import Device, DeviceGoneError, Ended
from signport.parity.android.phone import ABI, DeviceFolder, Facts
from signport.parity.answers import Answer, Options, RuntimeAnswers
from signport.parity.job import Job
from signport.parity.runner_job import JOB_FILE, OUTPUT_FILE, encoded_job, runner_answer
from signport.progress import track

RUNTIME = "native litert"
_STATEFUL = "LiteRT's compiled models take no variable tensors; export the LSTM unrolled for them"
_LEAST_S = 5.0
# A shell tells that a signal ended a program as 128 and the signal's number.
_SIGNAL = 128
_SIGNALS = {int(one): one.name for one in signal.Signals}


def run_native(job: Job, options: Options, device: Device, facts: Facts) -> RuntimeAnswers:
    """Runs every file of a job with the native runner; what the phone cannot run is skipped and says why."""
    if ABI not in facts.abis:
        return RuntimeAnswers(RUNTIME, "skipped", f"needs a phone for {ABI}, this one runs {', '.join(facts.abis)}")
    try:
        bundle = find_bundle()
    except SignportError as error:
        return RuntimeAnswers(RUNTIME, "skipped", str(error))
    files: dict[str, Answer] = {}
    folder = DeviceFolder(device)
    status, reason, peak = "ran", "", None
    try:
        with folder, tempfile.TemporaryDirectory(prefix="signport-android-") as temporary:
            run = _NativeRun(job, options, folder, bundle, Path(temporary), measured=not facts.emulated)
            peak = run.files(files)
    except SignportError as error:
        status, reason = "failed", str(error)
    reason = "; ".join(filter(None, (reason, folder.left_behind)))
    return RuntimeAnswers(
        RUNTIME,
        status,  # type: ignore[arg-type]
        reason,
        bundle.litert,
        {form: files[form] for form in job.files if form in files},
        peak_memory_bytes=peak,
        device={"accelerator": "CPU, XNNPACK"},
    )


class _NativeRun:
    """A job on its way through a folder of the phone."""

    def __init__(
        self, job: Job, options: Options, folder: DeviceFolder, bundle: RunnerBundle, here: Path, *, measured: bool
    ) -> None:
        self._job, self._options, self._folder, self._bundle, self._here = job, options, folder, bundle, here
        self._measured = measured
        self._end = time.monotonic() + options.timeout_s

    def files(self, answers: dict[str, Answer]) -> int | None:
        """Fills in an answer for each file; returns the peak memory of the runner in bytes.

        Raises:
            DeviceGoneError: The phone went away before the first file was run.
            SignportError: The runner itself did not arrive as it is.
        """
        arrived = self._push()
        peaks: list[int] = []
        gone = ""
        for form, path in track(list(self._job.files.items()), "parity on Android, native", len(self._job.files)):
            digest = arrived[_model(form)]
            if gone:
                answers[form] = Answer("skipped", gone)
            elif digest != sha256_file(path):
                answers[form] = Answer("failed", "the file arrived on the phone with errors; run again", sha256=digest)
            elif variable_tensors(path.read_bytes()):
                answers[form] = Answer("skipped", _STATEFUL, sha256=digest)
            else:
                try:
                    answers[form] = self._run(form, digest, peaks)
                except DeviceGoneError as error:
                    answers[form], gone = Answer("failed", str(error), sha256=digest), f"not run: {error}"
        return max(peaks, default=None)

    def _push(self) -> dict[str, str]:
        """Brings everything to the phone; returns what arrived there."""
        (self._here / JOB_FILE).write_bytes(encoded_job(self._job.inputs))
        models = []
        for form, path in self._job.files.items():
            models.append(self._here / _model(form))
            models[-1].symlink_to(path.resolve())
        runner = [self._bundle.folder / name for name in self._bundle.files]
        arrived = self._folder.push([*runner, self._here / JOB_FILE, *models])
        expected = {**self._bundle.files, JOB_FILE: sha256_file(self._here / JOB_FILE)}
        for name, digest in expected.items():
            if arrived.get(name) != digest:
                raise SignportError(f"{name}: arrived on the phone with errors; check the cable and run again")
        return arrived

    def _run(self, form: str, digest: str, peaks: list[int]) -> Answer:
        options = self._options
        measure = (options.warm_up, options.repeats, options.measure_s) if self._measured else (0, 0, 0)
        threads = options.threads if self._measured else options.threads[:1]
        command = [f"./{LOADER}", "--library-path", ".", f"./{RUNNER}", f"./{LIBRARY}"]
        command += [_model(form), JOB_FILE, OUTPUT_FILE, ",".join(map(str, threads)), *map(str, measure)]
        limit = max(_LEAST_S, self._end - time.monotonic())
        try:
            ended = self._folder.run(command, limit)
        except DeviceGoneError:
            raise
        except SignportError:
            self._folder.end_program()
            return Answer("failed", f"no end after {limit:.0f} s", sha256=digest)
        if ended.status:
            return Answer("failed", _why(ended), sha256=digest)
        output = self._here / OUTPUT_FILE
        self._folder.pull(OUTPUT_FILE, output)
        answer, peak = runner_answer(ended.out, output, len(self._job.reference), digest)
        output.unlink()
        peaks.extend([peak] if peak else [])
        return answer


def _model(form: str) -> str:
    return f"{form}.tflite"


def _why(ended: Ended) -> str:
    """Why the runner failed: its own line, with LiteRT's word on it."""
    lines = [line.strip() for line in f"{ended.out}\n{ended.err}".splitlines()]
    own = next((line.partition("runner: ")[2] for line in reversed(lines) if "runner: " in line), "")
    told = next((line.removeprefix("ERROR: ") for line in reversed(lines) if line.startswith("ERROR: ")), "")
    if own:
        return f"{own} ({told})" if told else own
    if ended.status > _SIGNAL:
        number = ended.status - _SIGNAL
        return f"the runner crashed with {_SIGNALS.get(number, f'signal {number}')}"
    return f"the runner ended with exit status {ended.status}: {ended.last_line}"
