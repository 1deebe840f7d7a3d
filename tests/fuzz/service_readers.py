"""Readers of what clients send to the service, and of pictures and videos."""

import asyncio
import contextlib
import io
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz import texts
from tests.fuzz.scratch import scratch


def picture(content: bytes) -> None:
    """As the service and capture read pictures: the header first; decoders see what it lets pass."""
    from signport.landmarks.hand_worker import read_image
    from signport.service.picture_header import clip_type
    from signport.service.recognition import check_picture
    from signport.service.worker import _decoded

    clip_type(content)
    check_picture(content, _settings())
    _decoded(content)
    path = scratch() / "picture"
    path.write_bytes(content)
    read_image(path)


@cache
def _settings() -> Any:
    from signport.service.settings import ServiceSettings

    return ServiceSettings(classifier_path=Path("model.tflite"), max_pixels=10_000)


def video(path: Path) -> None:
    from signport.landmarks.video_file import VideoFile

    video = VideoFile(path)
    if video.is_open:
        for _, _frame in zip(range(50), video.frames(), strict=False):
            pass
        _ = video.is_cut_short, video.stated_frames


def upload(content: bytes) -> None:
    from starlette.requests import Request

    from signport.service.uploads import read_file

    pieces = [content[start : start + 40] for start in range(0, len(content), 40)]

    async def receive() -> dict[str, Any]:
        body = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": body, "more_body": bool(pieces)}

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    asyncio.run(read_file(Request({"type": "http", "method": "POST", "headers": headers}, receive), 1000))


@cache
def _bodies() -> list[Any]:
    from signport.export.stream_card import StreamCard
    from signport.service.landmark_json import LandmarksBody

    paths = [scratch() / f"card{number}.json" for number in range(2)]
    for path, content in zip(paths, texts.card(), strict=True):
        path.write_bytes(content)
    return [LandmarksBody(StreamCard.read(path), 10) for path in paths]


def body(content: bytes) -> None:
    from signport.service.landmark_json import WrongLandmarksError

    for body in _bodies():
        with contextlib.suppress(WrongLandmarksError):
            body.read(content)


def frame(content: bytes) -> None:
    from signport.export.live_frame import FrameLayout
    from signport.landmarks.topology import POSE_HANDS_75
    from signport.service.landmark_json import read_frame

    frame = read_frame(content.decode("utf-8", "replace"))
    FrameLayout(POSE_HANDS_75).convert(frame)


def message(content: bytes) -> None:
    from signport.service.messages import read

    stream = io.BytesIO(content)
    while read(stream) is not None:
        pass
