"""A service that really listens, in a thread of the test's process; its workers are real, too."""

import contextlib
import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import psutil
import uvicorn
from tests.drawn_hands import drawn_hand

from signport.service.app import create_app
from signport.service.recognition import Service
from signport.service.server import uvicorn_config
from signport.service.settings import ServiceSettings

API = "/api/v1/asl/recognitions"


@dataclass(frozen=True)
class Running:
    """A service, and a client of it."""

    service: Service
    url: str
    client: httpx.Client

    @property
    def live_url(self) -> str:
        return f"{self.url.replace('http', 'ws')}{API}/live"

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that are at work for this service's pool."""
        return [psutil.Process(worker.process.pid) for worker in self.service.pool._workers if worker.is_alive]

    def post_picture(self, content: bytes, **options: Any) -> httpx.Response:
        return self.client.post(API, files={"file": ("hand.png", content)}, **options)

    def wait_until_healthy(self) -> None:
        for _ in range(600):
            if self.client.get("/health").status_code == 200:
                return
            time.sleep(0.1)
        raise AssertionError("no worker is ready after a minute")


@contextlib.contextmanager
def running(model: Path, **settings: Any) -> Iterator[Running]:
    """Serves a model until the context ends; one worker unless told otherwise, and no `.env` is read."""
    app = create_app(ServiceSettings(classifier_path=model, **{"workers": 1, "_env_file": None, **settings}))
    server = uvicorn.Server(uvicorn_config(app))
    server.config.port = 0
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=60) as client:
            served = Running(app.state.service, url, client)
            served.wait_until_healthy()
            yield served
    finally:
        server.should_exit = True
        thread.join()


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until something comes true, ten seconds at most."""
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")


def encoded(image: np.ndarray, ending: str = ".png", *options: int) -> bytes:
    """An RGB image as a picture file."""
    done, content = cv2.imencode(ending, image[:, :, ::-1], options)
    assert done
    return io.BytesIO(content).getvalue()


def hand_picture(spread: float = 1.0) -> bytes:
    """A PNG in which MediaPipe finds a hand."""
    return encoded(drawn_hand(spread=spread))


NO_HAND = encoded(np.full((120, 160, 3), 90, np.uint8))
