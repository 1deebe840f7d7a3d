"""A loopback HTTP server for the parity page: the built page and named contents, cross-origin isolated."""

import http.server
import secrets
import select
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

from signport.errors import SignportError

PAGE_FOLDER = Path(__file__).parent / "page"
NOT_BUILT = "the page is not built; `make browser-page`"
_POLL_S = 0.2
_MOST_POSTED_BYTES = 64_000_000
_LOOPBACK_NAMES = ("127.0.0.1", "localhost")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".png": "image/png",
}
# Cross-origin isolation brings SharedArrayBuffer (threads) and a clock of 5 µs; the policy keeps the page, and the
# usage log inside MediaPipe's web package, from talking to anyone but this server.
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
        "connect-src 'self' blob: data:; img-src 'self' blob: data:; media-src 'self' blob:; "
        "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=()",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Content = bytes | Path


def page_is_built() -> bool:
    """Whether the page's files are here."""
    return (PAGE_FOLDER / "index.html").is_file()


class StaticServer:
    """Serves the built page and named contents below a token, on a thread of its own.

    Args:
        contents: Path below the token → bytes, or a file that is read when it is asked for.
        host: The address to listen on.
        port: The port; 0 takes a free one.

    Raises:
        SignportError: The page is not built, or the port is taken.
    """

    def __init__(self, contents: Mapping[str, Content], host: str = "127.0.0.1", port: int = 0) -> None:
        if not page_is_built():
            raise SignportError(f"{PAGE_FOLDER}: {NOT_BUILT}")
        self.contents = dict(contents)
        self.token = secrets.token_urlsafe(16)
        self.pages = 0
        self.closed = False
        try:
            self._server = _HttpServer((host, port), _Handler)
        except OSError as error:
            raise SignportError(f"{host}:{port}: cannot listen ({error.strerror}); choose another port") from error
        self._server.owner = self
        self.host, self.port = host, int(self._server.server_address[1])
        self.url = f"http://{host}:{self.port}/{self.token}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def content(self, name: str) -> Content | None:
        """What lies at a path below the token; files of the page by their names, and nothing outside its folder."""
        if name in self.contents:
            return self.contents[name]
        path = (PAGE_FOLDER / (name or "index.html")).resolve()
        return path if path.is_relative_to(PAGE_FOLDER.resolve()) and path.is_file() else None

    def posted(self, name: str, body: bytes) -> bool:  # noqa: ARG002
        """Takes what a page posted; whether it was right. Here nothing is."""
        return False

    def page_opened(self) -> int:
        """A page holds the line; returns its number."""
        self.pages += 1
        return self.pages

    def page_closed(self, number: int) -> None:
        """That page is gone: closed, crashed, or its browser died."""


class _HttpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    owner: StaticServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that is killed in the middle of an answer is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _HttpServer
    timeout = 60

    def do_GET(self) -> None:
        name = self._name()
        if name is None:
            return
        if name == "alive":
            self._hold_the_line()
            return
        content = self.server.owner.content(name)
        if content is None:
            self._answer(404, b"not found")
            return
        path = content if isinstance(content, Path) else Path(name)
        body = content.read_bytes() if isinstance(content, Path) else content
        self._answer(200, body, _TYPES.get(path.suffix, "application/octet-stream"))

    def do_POST(self) -> None:
        name = self._name()
        if name is None:
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._refuse(411, b"no length")
        elif int(length) > _MOST_POSTED_BYTES:
            self._refuse(413, b"too long")
        elif self.server.owner.posted(name, self.rfile.read(int(length))):
            self._answer(200, b"")
        else:
            self._answer(400, b"not understood")

    def _name(self) -> str | None:
        """The path below the token; None, and answered, where the token or the host is wrong."""
        host = self.headers.get("Host", "").rpartition(":")[0]
        token, slash, name = unquote(self.path.partition("?")[0]).lstrip("/").partition("/")
        if (
            host not in _LOOPBACK_NAMES
            or not slash
            or not secrets.compare_digest(token.encode(), self.server.owner.token.encode())
        ):
            self._refuse(403, b"forbidden")
            return None
        return name

    def _hold_the_line(self) -> None:
        """Keeps a connection open for as long as the page lives: its end is the first sign of a crashed tab."""
        number = self.server.owner.page_opened()
        self.send_response(200)
        self._send_headers("text/plain; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"\n")
        while not self.server.owner.closed and not select.select([self.connection], [], [], _POLL_S)[0]:
            pass
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True
        self.server.owner.page_closed(number)

    def _refuse(self, status: int, body: bytes) -> None:
        """Answers without having read what was posted: the connection cannot be used again."""
        self.close_connection = True
        self._answer(status, body)

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self._send_headers(kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_headers(self, kind: str) -> None:
        self.send_header("Content-Type", kind)
        for name, value in _HEADERS.items():
            self.send_header(name, value)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are no news."""
