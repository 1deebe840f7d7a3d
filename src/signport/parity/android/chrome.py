"""Route `chrome` of the Android target: the browser page in the phone's own Chrome, which posts its answers back.

`adb reverse` makes the page's server reachable at the phone's own 127.0.0.1, which browsers trust as they trust https:
without that there are no threads and no WebGPU.
"""

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from signport.errors import SignportError
from signport.parity.android.device import Device
from signport.parity.android.phone import CHROME, Facts
from signport.parity.answers import Options, RuntimeAnswers
from signport.parity.browser.page_answers import answers_of
from signport.parity.browser.page_http import NOT_BUILT, page_is_built
from signport.parity.browser.page_server import PageServer, run_page
from signport.parity.job import Job

RUNTIME = "chrome"
_SILENT = "no word from the page"
_HINT = "unlock the phone, answer what Chrome asks at its first start, and keep the page in front"
_LOOK_S = 2.0


class _NoBrowserError(SignportError):
    """The phone opens no web addresses."""


def run_chrome(
    job: Job, options: Options, device: Device, facts: Facts, variants: tuple[str, ...] | None = None
) -> list[RuntimeAnswers]:
    """Runs a job in the phone's Chrome, or in its default browser where it has no Chrome.

    Args:
        job: The job.
        options: How to run it.
        device: The phone.
        facts: What it told of itself.
        variants: As for `PageServer`.

    Returns:
        One entry a variant of the page; one for all where the page could not be opened.
    """
    if not page_is_built():
        return [RuntimeAnswers(RUNTIME, "skipped", NOT_BUILT)]
    try:
        with PageServer(job, options, variants) as server, device.reversed_port(server.port):
            results = run_page(server, lambda url: _opened(device, facts, url), options.timeout_s)
    except _NoBrowserError as error:
        return [RuntimeAnswers(RUNTIME, "skipped", str(error))]
    except SignportError as error:
        return [RuntimeAnswers(RUNTIME, "failed", str(error))]
    return [_with_hint(one) for one in answers_of(results, job, prefix=f"{RUNTIME}: ")]


@contextmanager
def _opened(device: Device, facts: Facts, url: str) -> Iterator[Callable[[], str | None]]:
    """Opens an address on the phone; its tab stays open, because it cannot be closed without closing the user's."""
    command = ["am", "start", "-a", "android.intent.action.VIEW", "-d", url]
    device.shell("input keyevent KEYCODE_WAKEUP")
    ended = device.shell(shlex.join([*command, *(["-p", CHROME] if facts.chrome else [])]))
    if ended.status or "Error:" in ended.out + ended.err:
        raise _NoBrowserError(f"the phone does not open web addresses ({ended.last_line}); install Chrome on it")
    yield _Watch(device)


class _Watch:
    """Why the phone is gone, or None while it is there; asked often, it looks every two seconds."""

    def __init__(self, device: Device) -> None:
        self._device, self._next, self._gone = device, 0.0, ""

    def __call__(self) -> str | None:
        if not self._gone and time.monotonic() > self._next:
            reason = self._device.gone()
            self._gone = f"the device {self._device.serial} went away ({reason})" if reason else ""
            self._next = time.monotonic() + _LOOK_S
        return self._gone or None


def _with_hint(answers: RuntimeAnswers) -> RuntimeAnswers:
    return replace(answers, reason=f"{answers.reason}; {_HINT}") if _SILENT in answers.reason else answers
