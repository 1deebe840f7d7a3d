"""Landmarks as clients send them in JSON: checked strictly, refused with one line that says where and why."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic_core import from_json

from signport.export.live_frame import Frame
from signport.export.stream_card import StreamCard

# Coordinates are in image widths and heights, or metres: what is farther out is no landmark, and squares of what is
# much farther out are no numbers.
_FARTHEST = 1000.0
# The largest part of a frame: MediaPipe's face mesh with its irises; a whole layout has at most 543.
_MOST_POINTS = 543

_Coordinate = Annotated[float, Field(ge=-_FARTHEST, le=_FARTHEST, allow_inf_nan=False, strict=True)] | None
_Point = tuple[_Coordinate, _Coordinate, _Coordinate]
_Part = Annotated[list[_Point], Field(max_length=_MOST_POINTS)]

_WHOLE: TypeAdapter[Any] = TypeAdapter(_Part)
_PARTS: TypeAdapter[Any] = TypeAdapter(Annotated[dict[str, _Part | None], Field(max_length=4)])


class WrongLandmarksError(Exception):
    """What was sent is not what was asked for; the message is one line for the client."""


class LandmarksBody:
    """The body of a request with landmarks for one model.

    Attributes:
        schema: Its JSON schema.
    """

    def __init__(self, card: StreamCard, max_frames: int) -> None:
        """Describes the body: one hand's points, or at most `max_frames` frames of the model's layout."""
        size = card.topology.num_points
        points = Annotated[list[_Point], Field(min_length=size, max_length=size)]
        self._missing = [(None, None, None)] * size
        self._model = _clip_body(card, points, max_frames) if len(card.shape) == 4 else _hand_body(points)
        self.schema = self._model.model_json_schema()

    def read(self, content: bytes) -> tuple[np.ndarray, str | None]:
        """Landmarks out of a request's JSON.

        Returns:
            float32 (points, 3) of a hand or (frames, points, 3) of a clip, NaN where missing; and the handedness.

        Raises:
            WrongLandmarksError: The JSON is none, or another.
        """
        try:
            read: Any = self._model.model_validate_json(content)
        except ValidationError as error:
            raise WrongLandmarksError(one_line(error)) from None
        rows = [self._missing if row is None else row for row in read.landmarks]
        return np.array(rows, np.float32), getattr(read, "handedness", None)


def _hand_body(points: Any) -> type[BaseModel]:
    text = "The 21 points of one hand, [x, y, z] as MediaPipe gives them; null for a coordinate that is missing."
    hand = Annotated[points, Field(description=text)]
    side_text = "Whose hand it is, as the person sees it; the answer says it again."
    side = Annotated[Literal["left", "right"] | None, Field(description=side_text)]
    settings = ConfigDict(extra="forbid")
    return create_model("HandLandmarks", __config__=settings, landmarks=(hand, ...), handedness=(side, None))


def _clip_body(card: StreamCard, points: Any, max_frames: int) -> type[BaseModel]:
    text = (
        f"Frames of {card.topology.num_points} {card.topology.name} points, [x, y, z] as MediaPipe gives them; null "
        "for a coordinate or a frame that is missing."
    )
    frames = Annotated[list[points | None], Field(min_length=1, max_length=max_frames, description=text)]
    return create_model("ClipLandmarks", __config__=ConfigDict(extra="forbid"), landmarks=(frames, ...))


def read_frame(text: str) -> Frame:
    """A frame as `Stream.push` takes it, out of a live connection's JSON.

    Raises:
        WrongLandmarksError: It is no JSON, or no frame.
    """
    try:
        message = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise WrongLandmarksError(f"no JSON: {error}") from None
    if not isinstance(message, dict):
        raise WrongLandmarksError('send an object: {"landmarks": [[x, y, z], …]}, or null in place of the list')
    landmarks = message.get("landmarks") if "landmarks" in message else message
    if landmarks is None:
        return None
    try:
        if isinstance(landmarks, dict):
            if not landmarks:
                raise WrongLandmarksError("landmarks: missing; send a list of points, parts by name, or null")
            return {name: _points(part) for name, part in _PARTS.validate_python(landmarks).items()}
        return _points(_WHOLE.validate_python(landmarks))
    except ValidationError as error:
        raise WrongLandmarksError(one_line(error, "landmarks")) from None


def _points(rows: Any) -> np.ndarray | None:
    return None if rows is None else np.array(rows, np.float32).reshape(-1, 3)


def one_line(error: ValidationError, place: str = "") -> str:
    """What is wrong first, and where; nothing of what was sent is repeated."""
    first = error.errors(include_url=False, include_input=False)[0]
    for step in first["loc"]:
        if isinstance(step, int):
            place += f"[{step}]"
        elif not any(sign in step for sign in "[]()-"):  # pydantic's own names of the branches of a union
            place += f".{step}" if place else step
    message = first["msg"].removeprefix("Value error, ")
    return f"{place[:80]}: {message}" if place else message
