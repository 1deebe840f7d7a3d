"""What the service answers, as OpenAPI describes it."""

from typing import Any, Literal

from pydantic import BaseModel, Field

Side = Literal["left", "right"]
_LETTER = "The most probable class; null for the background class `None`."
_SCORES = "The probability of each class; with `details`."
_LANDMARKS = "[x, y, z] of the 21 points as MediaPipe gives them, in the picture as it lies after its EXIF orientation."


class Hand(BaseModel):
    """One hand of a picture."""

    letter: str | None = Field(description=_LETTER)
    confidence: float = Field(ge=0, le=1, description="Its probability.")
    handedness: Side = Field(description="Whose hand it is, as the person sees it, if the picture isn't mirrored.")
    scores: dict[str, float] = Field(description="The probability of each class.")
    landmarks: list[list[float]] = Field(description=_LANDMARKS)


class HandRecognition(BaseModel):
    """What one hand says."""

    letter: str | None = Field(description=_LETTER)
    confidence: float = Field(ge=0, le=1, description="Its probability.")
    handedness: Side | None = Field(description="Whose hand it is, as the person sees it; null if unknown.")
    scores: dict[str, float] | None = Field(None, description=_SCORES)
    landmarks: list[list[float | None]] | None = Field(None, description=f"{_LANDMARKS} With `details`.")
    image_size: tuple[int, int] | None = Field(None, description="[width, height]; with `details`.")
    hands: list[Hand] | None = Field(None, description="All hands; with `details`, where more than one is looked for.")


class ClipRecognition(BaseModel):
    """What a clip says."""

    letter: str | None = Field(description=_LETTER)
    confidence: float = Field(ge=0, le=1, description="Its probability.")
    frames: int = Field(ge=1, description="Frames of the clip.")
    scores: dict[str, float] | None = Field(None, description=_SCORES)


class Health(BaseModel):
    """Whether pictures and clips can be answered."""

    status: Literal["ok", "unavailable"]


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str = Field(description="One line.")


_PROBLEMS = {
    401: "The key is wrong or missing",
    413: "The body, the picture or the clip is too large",
    415: "The body is of another type",
    422: "No hand, no picture, no clip, or wrong landmarks",
    500: "Internal error",
    503: "Busy; try again after the seconds of Retry-After",
    504: "It took too long",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of error statuses."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        found[status] = {"model": Problem, "description": _PROBLEMS[status]}
        if status == 503:
            found[status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return found
