"""The live connection: one frame a message, one answer a frame, in order.

A frame is read when the one before is answered, so a client that sends faster than it is answered fills the network's
buffers and nothing here.
"""

import contextlib
import json
from typing import Any

import numpy as np
from fastapi import HTTPException, WebSocket, WebSocketDisconnect

from signport.errors import SignportError
from signport.export.live_frame import Frame
from signport.export.stream import Stream
from signport.files import finite
from signport.service.guard import KEY_HEADER, is_key, is_own_origin
from signport.service.landmark_json import WrongLandmarksError, read_frame
from signport.service.recognition import Service, check_picture, find_hands, require_decoded, within_limits
from signport.service.worker_pool import Lease, PoolFullError

_POLICY, _TOO_BIG, _TRY_LATER = 1008, 1009, 1013
_PROTOCOL, _KEY_PROTOCOL = "signport.live", "signport.key."


async def serve_live(service: Service, socket: WebSocket) -> None:
    """Serves one live connection until either side ends it."""
    offered = socket.scope.get("subprotocols", [])
    # A browser breaks off unless one of the protocols that it offered is taken.
    taken = next((name for name in (_PROTOCOL, *offered) if name in offered and name.startswith("signport.")), None)
    await socket.accept(taken)
    refusal = _refusal(service, socket, offered)
    if refusal:
        await socket.close(*refusal)
        return
    service.metrics.num_live += 1
    try:
        stream = await service.recognizer.run(service.recognizer.stream, *_settings(service, socket))
        async with contextlib.AsyncExitStack() as resources:
            await _Conversation(service, socket, stream, resources).hold()
    except _EndError as error:
        await socket.close(*error.args)
    except PoolFullError:
        await socket.close(_TRY_LATER, "busy; try again later")
    except WebSocketDisconnect:
        return
    finally:
        service.metrics.num_live -= 1


def _refusal(service: Service, socket: WebSocket, offered: list[str]) -> tuple[int, str] | None:
    settings = service.settings
    if not is_own_origin(socket, settings.cors_origins):
        return _POLICY, "this origin may not connect"
    given = next((name.removeprefix(_KEY_PROTOCOL) for name in offered if name.startswith(_KEY_PROTOCOL)), None)
    key = settings.api_key.get_secret_value() if settings.api_key else None
    if not is_key(key, socket.headers.get(KEY_HEADER, given)):
        return _POLICY, "wrong or missing key"
    if service.metrics.num_live >= settings.live_connections:
        return _TRY_LATER, "too many live connections; try again later"
    return None


class _EndError(Exception):
    """The connection must end: close code and reason."""


def _settings(service: Service, socket: WebSocket) -> tuple[float | None, float | None]:
    """The stream's `threshold` and `frame_rate` out of the query, where it has them."""
    threshold = _number(socket, "threshold", 0, 1)
    frame_rate = _number(socket, "frame_rate", 1, 1000)
    if frame_rate is not None and not service.recognizer.card.frame_rate:
        raise _EndError(_POLICY, "frame_rate: this model doesn't know its own; leave it out")
    return threshold, frame_rate


def _number(socket: WebSocket, name: str, least: float, most: float) -> float | None:
    text = socket.query_params.get(name)
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        if least <= float(text) <= most:
            return float(text)
    raise _EndError(_POLICY, f"{name}: give {least} to {most}")


class _Conversation:
    """One live connection that was let in."""

    def __init__(
        self, service: Service, socket: WebSocket, stream: Stream, resources: contextlib.AsyncExitStack
    ) -> None:
        self._service = service
        self._socket = socket
        self._stream = stream
        self._resources = resources
        self._lease: Lease | None = None
        self._score: float | None = None

    async def hold(self) -> None:
        """Answers frame by frame until the client goes."""
        number = 0
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                async with within_limits(self._service):
                    answer = await self._answered(message.get("text"), message.get("bytes"))
            except (WrongLandmarksError, SignportError) as error:
                answer = {"error": str(error)}
            except HTTPException as error:
                answer = {"error": error.detail}
            await self._socket.send_text(json.dumps({"frame": number, **answer}))
            number += 1

    async def _answered(self, text: str | None, picture: bytes | None) -> dict[str, Any]:
        found: dict[str, Any] = {"landmarks": None, "image_size": None}
        if text is not None:
            if len(text) > self._service.settings.max_json_bytes:
                raise _EndError(_TOO_BIG, "too large")
            frame = read_frame(text)
        else:
            picture = picture or b""
            if len(picture) > self._service.settings.max_upload_bytes:
                raise _EndError(_TOO_BIG, "too large")
            frame, image_size = await self._look(picture)
            found = {"landmarks": None if frame is None else _rows(frame), "image_size": image_size}
        return {**await self._service.recognizer.run(self._push, frame), **found}

    def _push(self, frame: Frame) -> dict[str, Any]:
        before = self._stream.label
        said = self._stream.push(frame)
        label = self._stream.label
        if said is not None:
            self._score = said.score
        scores = self._stream.scores
        return {
            "label": label,
            "score": None if label is None else self._score,
            "new": label is not None and label != before,
            "scores": None if scores is None else dict(zip(self._stream.labels, scores.tolist(), strict=True)),
        }

    async def _look(self, picture: bytes) -> tuple[np.ndarray | None, tuple[int, int]]:
        """The landmarks in a picture, None where there are none, and its size."""
        if not self._service.recognizer.is_sequence:
            hands, size = await find_hands(self._service, picture)
            return (hands[0].landmarks if hands else None), size
        check_picture(picture, self._service.settings)
        if self._lease is None:
            try:
                self._lease = await self._resources.enter_async_context(self._service.live_workers.lease())
            except PoolFullError:
                raise _EndError(_TRY_LATER, "all workers for live pictures are taken; try again later") from None
        header, payload = await self._lease.ask("picture", picture)
        require_decoded(header, "picture")
        points = np.frombuffer(payload, "<f4").reshape(-1, 3)
        return (None if np.isnan(points).all() else points), tuple(header["image_size"])


def _rows(points: np.ndarray) -> list[list[float | None]]:
    return [[finite(value) for value in point] for point in points.tolist()]
