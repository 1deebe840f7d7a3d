"""From a client's bytes to a recognition: checks before anything is decoded, a worker's look, the model's answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from fastapi import HTTPException

from signport.landmarks.topology import HAND
from signport.service.metrics import Metrics
from signport.service.picture_header import clip_type, picture_size, picture_type
from signport.service.recognizer import Recognition, Recognizer
from signport.service.settings import ServiceSettings
from signport.service.worker_pool import LiveWorkers, PoolFullError, WorkerPool
from signport.service.worker_process import WorkerDiedError, WorkerTimeoutError

_RETRY_AFTER = {"Retry-After": "1"}
_LEFT = 0.5
_UNREADABLE = "damaged: it cannot be decoded"


@dataclass(frozen=True)
class Service:
    """What routes work with; one an application."""

    settings: ServiceSettings
    recognizer: Recognizer
    pool: WorkerPool
    live_workers: LiveWorkers
    metrics: Metrics


@dataclass(frozen=True, eq=False)
class SeenHand:
    """A hand that a worker found.

    Attributes:
        landmarks: float32 (21, 3).
        handedness: `left` or `right`, the person's own.
    """

    landmarks: np.ndarray
    handedness: str


@contextlib.asynccontextmanager
async def within_limits(service: Service) -> AsyncIterator[None]:
    """Turns what can go wrong on the way to an answer into the status that clients are promised."""
    try:
        async with asyncio.timeout(service.settings.request_timeout):
            yield
    except PoolFullError:
        raise HTTPException(503, "busy; try again", _RETRY_AFTER) from None
    except WorkerDiedError:
        raise HTTPException(503, "the process that looked at this ended; try again", _RETRY_AFTER) from None
    except (TimeoutError, WorkerTimeoutError):
        raise HTTPException(504, f"no answer within {service.settings.request_timeout:g} s") from None


def check_picture(content: bytes, settings: ServiceSettings) -> None:
    """Refuses what is no picture, or too large a one, by its header alone.

    Raises:
        HTTPException: 413 or 422.
    """
    if picture_type(content) is None:
        raise HTTPException(422, "not a JPEG, PNG or WebP picture")
    size = picture_size(content)
    if size is None:
        raise HTTPException(422, f"the picture is {_UNREADABLE}")
    if size[0] * size[1] > settings.max_pixels:
        raise HTTPException(
            413, f"the picture has {size[0]} × {size[1]} pixels; at most {settings.max_pixels} are read"
        )


def require_decoded(header: dict[str, Any], item: str) -> None:
    """Refuses what a worker could not decode.

    Raises:
        HTTPException: 422.
    """
    if header["status"] != "looked":
        raise HTTPException(422, f"the {item} is {_UNREADABLE}")


async def find_hands(service: Service, content: bytes) -> tuple[list[SeenHand], tuple[int, int]]:
    """The hands of a picture, the one that the detector is surest of first, and the picture's (width, height).

    Raises:
        HTTPException: 413 or 422: no picture, or too large a one.
    """
    check_picture(content, service.settings)
    header, payload = await service.pool.ask("picture", content)
    require_decoded(header, "picture")
    points = np.frombuffer(payload, "<f4").reshape(-1, HAND.num_points, 3)
    hands = [
        SeenHand(landmarks, "left" if left > _LEFT else "right")
        for landmarks, left in zip(points, header["left"], strict=True)
    ]
    return hands, tuple(header["image_size"])


async def recognize_picture(service: Service, content: bytes, *, details: bool) -> dict[str, Any]:
    """Answers a picture; of several hands, the one that is surest to say a letter.

    Raises:
        HTTPException: 413 or 422: no picture, too large a one, or no hand in it.
    """
    hands, image_size = await find_hands(service, content)
    if not hands:
        raise HTTPException(422, "no hand found in the picture")
    said = [await service.recognizer.recognize(hand.landmarks) for hand in hands]
    best = max(range(len(hands)), key=lambda row: (said[row].letter is not None, said[row].confidence))
    described = [_described(hand, recognition) for hand, recognition in zip(hands, said, strict=True)]
    if not details:
        return {name: described[best][name] for name in ("letter", "confidence", "handedness")}
    several = {"hands": described} if service.settings.max_num_hands > 1 else {}
    return {**described[best], "image_size": image_size, **several}


def _described(hand: SeenHand, said: Recognition) -> dict[str, Any]:
    return {
        "letter": said.letter,
        "confidence": said.confidence,
        "handedness": hand.handedness,
        "scores": said.scores,
        "landmarks": hand.landmarks.tolist(),
    }


async def recognize_clip_file(service: Service, content: bytes, *, details: bool) -> dict[str, Any]:
    """Answers a video.

    Raises:
        HTTPException: 413 or 422: no video, too large or too long a one, or nobody in it.
    """
    if clip_type(content) is None:
        raise HTTPException(422, "not an MP4, MOV, WebM, Matroska or AVI video")
    settings = service.settings
    header, payload = await service.pool.ask("clip", content)
    if header["status"] == "too many pixels":
        raise HTTPException(413, f"the clip's frames are too large; at most {settings.max_pixels} pixels are read")
    if header["status"] == "too long":
        most = f"{settings.max_clip_frames} frames and {settings.max_clip_seconds:g} s"
        raise HTTPException(422, f"the clip is too long; at most {most} are read")
    if header["status"] == "cut short":
        raise HTTPException(422, "the clip is cut short: it ends before its stated duration")
    require_decoded(header, "clip")
    landmarks = np.frombuffer(payload, "<f4").reshape(header["frames"], -1, 3)
    if np.isnan(landmarks).all():
        raise HTTPException(422, "nobody found in the clip")
    return await recognize_clip(service, landmarks, details=details)


async def recognize_clip(service: Service, landmarks: np.ndarray, *, details: bool) -> dict[str, Any]:
    """Answers a clip's landmarks, float32 (frames, points, 3)."""
    said = await service.recognizer.recognize(landmarks)
    answer = {"letter": said.letter, "confidence": said.confidence, "frames": len(landmarks)}
    return answer | {"scores": said.scores} if details else answer
