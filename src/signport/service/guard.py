"""What happens to every request, whatever its route: key, security headers, metrics, and errors that leak nothing."""

import hmac
import logging
import secrets
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from signport.service.metrics import Metrics

_log = logging.getLogger(__name__)

KEY_HEADER = "X-API-Key"
# What needs the key, where there is one. The page, its files and the document say nothing about a model, and what asks
# for /health (containers, load balancers) has no key.
_KEPT = ("/api/", "/model", "/metrics")

# What is counted where the client went before it was answered (nginx' number).
_GONE = 499
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics, key: str | None) -> None:
        """Wraps `app`; `key` is what clients must send, None if nothing."""
        self._app = app
        self._metrics = metrics
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if self._is_kept(scope) and not is_key(self._key, Headers(scope=scope).get(KEY_HEADER)):
                refusal = JSONResponse(
                    {"detail": f"wrong or missing {KEY_HEADER}"}, 401, {"WWW-Authenticate": "ApiKey"}
                )
                await refusal(scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            status = _GONE
        except Exception:  # nothing of it may reach the client, and nothing of it may be lost
            number = secrets.token_hex(4)
            _log.exception("internal error, id %s, at %s", number, getattr(scope.get("route"), "path", "no route"))
            if status:
                raise
            failure = JSONResponse({"detail": f"internal error, id {number}"}, 500)
            await failure(scope, receive, send_with_headers)
        finally:
            self._metrics.count(scope, status or 500, time.perf_counter() - started)

    def _is_kept(self, scope: Scope) -> bool:
        # A browser's question whether a page may ask (CORS) never carries the key.
        return bool(self._key) and scope["method"] != "OPTIONS" and scope["path"].startswith(_KEPT)


def is_key(key: str | None, given: str | None) -> bool:
    """Whether a client gave the key, told in a time that says nothing about how much of it was right."""
    return key is None or hmac.compare_digest(key.encode(), (given or "").encode())


def is_own_origin(connection: HTTPConnection, allowed: tuple[str, ...]) -> bool:
    """Whether a WebSocket comes from this server's own page, from an allowed one, or from no browser at all."""
    origin: Any = connection.headers.get("origin")
    if origin is None or origin in allowed:
        return True
    return bool(origin.partition("://")[2] == connection.headers.get("host"))
