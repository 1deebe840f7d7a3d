"""uvicorn, started and ended as a command line should be."""

import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from signport.errors import SignportError
from signport.service.app import create_app
from signport.service.recognition import Service
from signport.service.settings import ServiceSettings

# How long open connections may take to end once the service is told to.
_GRACE_S = 5
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    """Says when it listens, and ends with status 0 when it is told to end."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._greeting, flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own sends itself the signal again at the end, which makes a clean end look like a crash.
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(settings: ServiceSettings, host: str, port: int) -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        settings: See `settings.read_settings`.
        host: The address to listen at.
        port: The port; 0 takes a free one.

    Raises:
        SignportError: The model cannot be served, or the address cannot be had.
    """
    app = create_app(settings)
    service: Service = app.state.service
    with _listening(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        greeting = f"{_described(service)}\nhttp://{shown}:{listener.getsockname()[1]}/  (Ctrl-C ends it)"
        _Server(uvicorn_config(app), greeting).run([listener])


def uvicorn_config(app: FastAPI) -> uvicorn.Config:
    """How uvicorn serves an application of `create_app`."""
    settings = app.state.service.settings
    return uvicorn.Config(
        app,
        log_config=_logging(),
        # Twice what is taken: a message a little too large is read to its end and refused with its close code. A
        # connection that is cut in the middle of a message mostly loses the code on the way to its client.
        ws_max_size=2 * max(settings.max_upload_bytes, settings.max_json_bytes),
        # Compressed frames are small gain for pictures, and a way to make much out of little.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=_GRACE_S,
        server_header=False,
    )


def _described(service: Service) -> str:
    card, recognizer = service.recognizer.card, service.recognizer
    takes = "clips" if recognizer.is_sequence else "pictures of one hand"
    form = f"{recognizer.form}, " if recognizer.form else ""
    workers = service.settings.workers
    plural = "" if workers == 1 else "s"
    return f"{recognizer.name} ({form}{len(card.classes)} classes, {takes}), {workers} worker{plural}"


def _listening(host: str, port: int) -> socket.socket:
    # asyncio turns off Nagle's algorithm (which holds small answers back for 40 ms) only where the protocol is stated.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise SignportError(f"{host}:{port}: cannot listen there ({reason}); choose another --host or --port") from None
    return listener


def _logging() -> dict[str, object]:
    """A line a request a request from uvicorn, and everything that is wrong; nothing about how it starts and ends."""
    form = {"format": "%(asctime)s %(levelname)s %(message)s", "datefmt": "%H:%M:%S"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": form},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "uvicorn.access": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "uvicorn.error": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "python_multipart": {"level": "CRITICAL"},  # what is wrong with a body is told to its client
            "signport": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        },
    }
