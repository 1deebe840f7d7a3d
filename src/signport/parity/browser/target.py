"""Target `browser`: LiteRT.js and MediaPipe's web package on our own page, in the browser of this machine.

No driver is needed: the browser is started headless at the page's address, the page fetches its job and posts what came
out (`page_server`), and the browser is ended.
"""

from functools import partial
from pathlib import Path

from signport.parity.answers import Options, RuntimeAnswers
from signport.parity.browser.page_answers import RUNTIMES, TASK, answers_of
from signport.parity.browser.page_http import NOT_BUILT, page_is_built
from signport.parity.browser.page_server import PageServer, run_page
from signport.parity.browser.process import MISSING, find_browser, started_browser
from signport.parity.job import Job
from signport.parity.targets import Target

_GPU = "webgpu"
_NO_ADAPTER = "no WebGPU adapter"


def run(job: Job, options: Options) -> list[RuntimeAnswers]:
    """Runs every file in every variant, and the `.task`, one after another: they must not take each other's time."""
    if not page_is_built():
        return skipped_runtimes(job, NOT_BUILT)
    browser = find_browser()
    if browser is None:
        return skipped_runtimes(job, MISSING)
    answers = _run_in(browser, job, options, None, software_gpu=False)
    gpu = next(one for one in answers if one.runtime == RUNTIMES[_GPU])
    if gpu.reason.startswith(_NO_ADAPTER):
        # Software stands in for the GPU: it proves the shaders right, if not fast.
        (software,) = _run_in(browser, job, options, (_GPU,), software_gpu=True)
        answers = [software if one is gpu else one for one in answers]
    return answers


def _run_in(
    browser: Path, job: Job, options: Options, variants: tuple[str, ...] | None, *, software_gpu: bool
) -> list[RuntimeAnswers]:
    with PageServer(job, options, variants) as server:
        browse = partial(started_browser, browser, software_gpu=software_gpu)
        return answers_of(run_page(server, browse, options.timeout_s), job)


def skipped_runtimes(job: Job, reason: str) -> list[RuntimeAnswers]:
    """Every runtime of the page as skipped, for one reason."""
    names = [runtime for name, runtime in RUNTIMES.items() if name != TASK or job.task]
    return [RuntimeAnswers(name, "skipped", reason) for name in names]


TARGET = Target("browser", run)
