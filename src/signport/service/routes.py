"""The paths of the HTTP API. What the model cannot answer is refused with the path that can, and not documented."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from signport.service import uploads
from signport.service.answers import ClipRecognition, HandRecognition, Health, problems
from signport.service.landmark_json import LandmarksBody, WrongLandmarksError
from signport.service.page_files import page_file
from signport.service.recognition import (
    Service,
    recognize_clip,
    recognize_clip_file,
    recognize_picture,
    within_limits,
)

API = "/api/v1/asl/recognitions"
_PICTURES, _CLIPS = "image/jpeg, image/png, image/webp", "video/mp4, video/quicktime, video/webm, video/x-msvideo"
_LIMITS = (413, 415, 422, 500, 503, 504)

_Details = Annotated[bool, Query(description="Whether scores, and what was found in a picture, are answered too.")]


def recognition_routes(service: Service) -> APIRouter:
    """The routes that recognize."""
    router = APIRouter(prefix=API, tags=["recognition"])
    kept = (401, *_LIMITS) if service.settings.api_key else _LIMITS
    is_sequence = service.recognizer.is_sequence
    body = LandmarksBody(service.recognizer.card, service.settings.max_clip_frames)
    common: dict[str, Any] = {"responses": problems(*kept), "response_model_exclude_unset": True}
    answer = ClipRecognition if is_sequence else HandRecognition

    async def recognize_landmarks(content: bytes, *, details: bool) -> dict[str, Any]:
        try:
            landmarks, handedness = body.read(content)
        except WrongLandmarksError as error:
            raise HTTPException(422, str(error)) from None
        if is_sequence:
            return await recognize_clip(service, landmarks, details=details)
        said = await service.recognizer.recognize(landmarks)
        found = {"letter": said.letter, "confidence": said.confidence, "handedness": handedness}
        return found | {"scores": said.scores} if details else found

    async def picture(request: Request, details: _Details = False) -> Any:
        """Recognize the hand in a picture: JPEG, PNG or WebP."""
        async with within_limits(service):
            if is_sequence:
                raise HTTPException(422, f"this model takes clips, not pictures; use {API}/clips")
            with service.pool.admit():
                content = await uploads.read_file(request, service.settings.max_upload_bytes)
                return await recognize_picture(service, content, details=details)

    async def landmarks(request: Request, details: _Details = False) -> Any:
        """Recognize landmarks that the client found itself, with MediaPipe."""
        async with within_limits(service):
            content = await uploads.read_json_body(request, service.settings.max_json_bytes)
            return await recognize_landmarks(content, details=details)

    async def clips(request: Request, details: _Details = False) -> Any:
        """Recognize the sign in a short video (MP4, MOV, WebM, AVI), or in the landmarks of its frames."""
        async with within_limits(service):
            if not is_sequence:
                raise HTTPException(422, f"this model takes pictures, not clips; use {API}")
            if uploads.media_type(request) == "application/json":
                content = await uploads.read_json_body(request, service.settings.max_json_bytes)
                return await recognize_landmarks(content, details=details)
            with service.pool.admit():
                content = await uploads.read_file(request, service.settings.max_upload_bytes)
                return await recognize_clip_file(service, content, details=details)

    def add(path: str, endpoint: Callable, response: type, content: dict[str, Any], *, documented: bool = True) -> None:
        documentation = {"requestBody": {"required": True, "content": content}}
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=response,
            openapi_extra=documentation,
            include_in_schema=documented,
            **common,
        )

    json_body = {"application/json": {"schema": body.schema}}
    add("", picture, HandRecognition, _multipart(_PICTURES), documented=not is_sequence)
    add("/landmarks", landmarks, answer, json_body)
    add("/clips", clips, ClipRecognition, {**_multipart(_CLIPS), **json_body}, documented=is_sequence)
    return router


def _multipart(types: str) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    schema = {"type": "object", "properties": {"file": file}, "required": ["file"], "additionalProperties": False}
    return {"multipart/form-data": {"schema": schema, "encoding": {"file": {"contentType": types}}}}


def service_routes(service: Service) -> APIRouter:
    """The routes that tell about the service, and its page."""
    router = APIRouter(tags=["service"])
    kept = problems(*((401,) if service.settings.api_key else ()), 500)
    card = service.recognizer.described()

    @router.get("/health", responses={503: {"model": Health, "description": "No worker answers"}})
    async def health() -> Health:
        """Whether pictures and clips can be answered."""
        if await service.pool.is_healthy():
            return Health(status="ok")
        return JSONResponse({"status": "unavailable"}, 503)  # type: ignore[return-value]

    @router.get("/model", responses=kept)
    async def model() -> dict[str, Any]:
        """The model's card, with the edges of its landmark layout as `connections`."""
        return card

    @router.get("/metrics", responses={**kept, 200: {"content": {"text/plain": {}}}}, response_class=Response)
    async def metrics() -> Response:
        """Figures in Prometheus' text format."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @router.get("/", include_in_schema=False)
    @router.get("/page/{name}", include_in_schema=False)
    async def page(name: str = "index.html") -> FileResponse:
        file = page_file(name)
        if file is None:
            raise HTTPException(404, "there is no such page")
        return FileResponse(file)

    return router
