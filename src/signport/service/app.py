"""The application: settings → FastAPI, with its workers started and ended by its lifespan."""

import contextlib
from collections.abc import AsyncIterator
from importlib import metadata
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware

from signport.service.guard import KEY_HEADER, Guard
from signport.service.live import serve_live
from signport.service.metrics import Metrics
from signport.service.recognition import Service
from signport.service.recognizer import Recognizer
from signport.service.routes import API, recognition_routes, service_routes
from signport.service.settings import ServiceSettings
from signport.service.worker import LookingOptions
from signport.service.worker_pool import LiveWorkers, WorkerPool


def create_app(settings: ServiceSettings) -> FastAPI:
    """The recognition service of one exported model.

    The model is loaded here; the workers that find landmarks start with the application, and `/health` says when they
    are there.

    Args:
        settings: See `settings.read_settings`.

    Raises:
        SignportError: `classifier_path` holds no model that the service can serve.
    """
    service = _service(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.pool.start()
        try:
            yield
        finally:
            await service.live_workers.close()
            await service.pool.close()
            service.recognizer.close()

    app = FastAPI(
        title="signport",
        summary="Recognition of signs in pictures, clips and landmarks.",
        version=metadata.version("signport"),
        docs_url=None,  # they load their scripts from other servers
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.include_router(recognition_routes(service))
    app.include_router(service_routes(service))
    app.add_exception_handler(RequestValidationError, _wrong_parameter)

    @app.websocket(f"{API}/live")
    async def live(socket: WebSocket) -> None:
        await serve_live(service, socket)

    key = settings.api_key.get_secret_value() if settings.api_key else None
    app.add_middleware(Guard, metrics=service.metrics, key=key)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=[KEY_HEADER, "Content-Type"],
            expose_headers=["Retry-After"],
        )
    if key:
        _document_key(app)
    return app


def _service(settings: ServiceSettings) -> Service:
    recognizer = Recognizer(settings.classifier_path, settings.format)
    options = LookingOptions(
        topology=recognizer.card.topology.name,
        min_detection_confidence=settings.min_detection_confidence,
        min_tracking_confidence=settings.min_tracking_confidence,
        max_num_hands=settings.max_num_hands,
        max_pixels=settings.max_pixels,
        max_clip_frames=settings.max_clip_frames,
        max_clip_seconds=settings.max_clip_seconds,
    )
    pool = WorkerPool(options, settings.workers, settings.queue_length, settings.request_timeout)
    live_workers = LiveWorkers(options, settings.live_workers, settings.request_timeout)
    return Service(settings, recognizer, pool, live_workers, Metrics(pool))


async def _wrong_parameter(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return JSONResponse({"detail": f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}"}, 422)


def _document_key(app: FastAPI) -> None:
    """Says in the OpenAPI document that the API takes a key."""
    plain = app.openapi

    def with_key() -> dict[str, Any]:
        document = plain()
        document["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": KEY_HEADER}}
        for operations in document["paths"].values():
            for operation in operations.values():
                if "401" in operation["responses"]:
                    operation["security"] = [{"key": []}]
        return document

    app.openapi = with_key  # type: ignore[method-assign]
