"""The parity page's job: `PageServer` hands it to a browser and takes what the page posts back.

`browser` opens the page in a browser of this machine, `android` in a phone's Chrome through `adb reverse`; both make
answers of the results with `page_answers.answers_of`. `open_page` serves the same page to people.
"""

import json
import threading
import time
import webbrowser
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from signport.errors import SignportError
from signport.export.export_folder import export_folder
from signport.parity.answers import Options
from signport.parity.browser.page_answers import RUNTIMES, TASK, PageResults
from signport.parity.browser.page_canary import canary_answer, canary_file, canary_inputs, needs_canary
from signport.parity.browser.page_http import Content, StaticServer
from signport.parity.job import Job

_FIRST_MESSAGE_S = 60.0
_POLL_S = 0.2


class PageServer(StaticServer):
    """Has the page run a job; use it as a context manager.

    Args:
        job: The job.
        options: How to run it.
        variants: Some of `page_answers.RUNTIMES`; None: all, `tasks-vision` only where the job has a `.task`.
        host: The address to listen on; loopback.
        port: The port; 0 takes a free one.

    Attributes:
        url: What to open in a browser; behind `adb reverse`, put the device's port into it.
        port: The port.
        results: What has been posted so far; give `wait` another page for what is left.
    """

    def __init__(
        self,
        job: Job,
        options: Options,
        variants: tuple[str, ...] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        images = job.task.images if job.task else ()
        if variants is None:
            variants = tuple(name for name in RUNTIMES if name != TASK or job.task)
        self.results = PageResults(job, variants)
        self._changed = threading.Condition()
        self._messages, self._gone, self._left, self._stopped = 0, 0, 0, ""
        contents: dict[str, Content] = {f"files/{form}": path for form, path in job.files.items()}
        contents |= {
            f"inputs/{number}": np.ascontiguousarray(values, "<f4").tobytes()
            for number, values in enumerate(job.inputs.values())
        }
        contents |= {f"images/{number}": image for number, image in enumerate(images)}
        if job.task:
            contents["files/task"] = job.task.path
        contents["canary/file"] = canary_file()
        contents |= {f"canary/{name}": values.tobytes() for name, values in canary_inputs().items()}
        self._static = _job_content(job, options, len(images))
        super().__init__(contents, host, port)

    def content(self, name: str) -> Content | None:
        if name != "job.json":
            return super().content(name)
        with self._changed:
            todo = self.results.todo()
        return json.dumps({**self._static, "todo": todo}).encode()

    def posted(self, name: str, body: bytes) -> bool:
        if name != "message":
            return False
        right = True
        with self._changed:
            try:
                message = json.loads(body)
                if message["kind"] == "stopped":
                    self._stopped = f"the page stopped: {message['reason']}"
                else:
                    self.results.receive(message)
            except (KeyError, TypeError, ValueError) as error:
                right = False
                self._stopped = f"the page posted what cannot be read ({type(error).__name__}: {error})"
            self._messages += 1
            self._changed.notify_all()
            return right

    def page_opened(self) -> int:
        with self._changed:
            return super().page_opened()

    def page_closed(self, number: int) -> None:
        with self._changed:
            self._gone = max(self._gone, number)
            self._changed.notify_all()

    def wait(self, timeout_s: float, alive: Callable[[], str | None] = lambda: None) -> PageResults:
        """Waits for the page that was opened last, until it is done or gone.

        Args:
            timeout_s: Longest time without a message from the page, in seconds; the first must come within 60 s.
            alive: Called a few times a second: why the browser (the phone …) is gone, or None while it is there.

        Returns:
            The results. Where the page ended early, `ended` says why, the part that it was working at has failed, and
            what is left is in `todo()`: open the page again and wait again, or `give_up`.
        """
        with self._changed:
            results, heard, since = self.results, self._messages, time.monotonic()
            self._stopped = ""
            while not results.finished:
                if self._messages != heard:
                    heard, since = self._messages, time.monotonic()
                limit = timeout_s if results.opened else min(timeout_s, _FIRST_MESSAGE_S)
                silent = f"no word from the page for {limit:g} s" if time.monotonic() - since > limit else None
                closed = "its tab was closed or crashed" if self._gone == self.pages > self._left else None
                reason = self._stopped or alive() or closed or silent
                if reason:
                    results.lose(reason)
                    self._left = self.pages
                    break
                self._changed.wait(_POLL_S)
            return results


def run_page(
    server: PageServer, browse: Callable[[str], AbstractContextManager[Callable[[], str | None]]], timeout_s: float
) -> PageResults:
    """Opens the page, and again for the parts behind one that it died at, until all is answered or has failed.

    Args:
        server: The server, running.
        browse: (URL) → a context in which a browser has it open, and which gives `wait`'s `alive`.
        timeout_s: Longest time without a message from the page, in seconds.
    """
    results = server.results
    while results.todo():
        with browse(server.url) as alive:
            server.wait(timeout_s, alive)
        if not results.finished and not results.took_a_part:
            # Another try would end alike: it died before it began, or between two parts.
            results.give_up(f"the page did not get on ({results.ended})")
    return results


def _job_content(job: Job, options: Options, images: int) -> dict[str, Any]:
    return {
        "name": job.card.get("name", job.run.name),
        "files": {form: f"files/{form}" for form in job.files},
        "inputs": [
            {"name": name, "shape": list(values.shape), "url": f"inputs/{number}"}
            for number, (name, values) in enumerate(job.inputs.items())
        ],
        "outputs": int(job.reference.shape[1]),
        "task": {"file": "files/task", "images": [f"images/{number}" for number in range(images)]} if images else None,
        "canary": _canary_content(job),
        "threads": max(2, *options.threads),
        "repeats": options.repeats,
        "warmUp": options.warm_up,
        "measureMs": 1e3 * options.measure_s,
    }


def _canary_content(job: Job) -> dict[str, Any]:
    inputs = canary_inputs().items()
    return {
        "file": "canary/file",
        "inputs": [{"name": name, "shape": list(values.shape), "url": f"canary/{name}"} for name, values in inputs],
        "answer": canary_answer().ravel().tolist(),
        "files": [form for form, path in job.files.items() if needs_canary(path.read_bytes())],
    }


def open_page(run: Path | None = None) -> None:
    """Serves the page for people, opens the user's browser at it, and runs until Ctrl-C.

    Args:
        run: A run's or export folder that the page shows at once; None: folders are dropped on the page.

    Raises:
        SignportError: The page is not built, or `run` is no exported run.
    """
    with StaticServer(people_contents(run)) as server, suppress(KeyboardInterrupt):
        print(f"{server.url}\nCtrl-C ends it.", flush=True)
        webbrowser.open(server.url)
        threading.Event().wait()


def people_contents(run: Path | None) -> dict[str, Content]:
    """What the page for people is served: the hand landmark models, and a run's exported files if there is one.

    Raises:
        SignportError: `run` is no exported run.
    """
    from signport.landmarks.hand_detector import hand_landmarker_task

    contents: dict[str, Content] = {}
    with suppress(SignportError):  # newer MediaPipe wheels ship no models: the page then takes them from a `.task`
        contents["hand_landmarker.task"] = hand_landmarker_task()
    names: list[str] = []
    if run is not None:
        export = export_folder(run)
        names = sorted(path.name for path in export.iterdir() if path.is_file())
        contents |= {f"run/{name}": export / name for name in names}
    people = {"files": names, "handLandmarker": "hand_landmarker.task" in contents}
    return {**contents, "job.json": json.dumps({"people": people}).encode()}
