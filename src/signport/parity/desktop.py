"""Target `desktop`: the Python runtimes of `.tflite` files, and MediaPipe for a `.task`, one process each.

ai-edge-litert is the reference runtime: what it and the Keras model agree on is right, whatever another runtime says.
"""

from signport.parity.answers import Options, RuntimeAnswers
from signport.parity.job import Job
from signport.parity.targets import Target
from signport.parity.task import MEDIAPIPES, run_task
from signport.parity.worker_runs import STATEFUL, is_stateful, run_runtime
from signport.progress import track

_LITERT = "`make setup` or `pip install ai-edge-litert==2.3.*`"
# Runtime → how to get it. The order is that of the report; the first is the reference.
_RUNTIMES = {
    "ai-edge-litert": _LITERT,
    "ai-edge-litert, no XNNPACK": _LITERT,
    "compiled-model": _LITERT,
    "tf.lite": "`make setup` or `pip install tensorflow==2.19.1`",
    "tflite-runtime": "`make setup` on Linux with Python 3.11, the last that it is built for",
}


def run(job: Job, options: Options) -> list[RuntimeAnswers]:
    """Runs every file in every runtime, one after another: they must not take each other's time."""
    names = [*_RUNTIMES, *(MEDIAPIPES if job.task else [])]
    answers = []
    for name in track(names, "parity on the desktop", len(names), unit="runtimes"):
        if name in MEDIAPIPES:
            assert job.task is not None
            answers.append(run_task(name, job.task, options))
        elif name == "compiled-model" and is_stateful(job):
            answers.append(RuntimeAnswers(name, "skipped", STATEFUL))
        else:
            answers.append(run_runtime(name, job, options, remedy=_RUNTIMES[name]))
    return answers


TARGET = Target("desktop", run)
