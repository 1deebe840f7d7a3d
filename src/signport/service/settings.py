"""What a service can be told: command line first, then environment, then `.env` in the working folder."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from signport.errors import SignportError

_PREFIX = "ASL_"
_SECRETS = ("api_key",)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class ServiceSettings(BaseSettings):
    """Settings of the recognition service; each is read from `ASL_` and its name in capitals.

    Attributes:
        classifier_path: A run, its export folder, or a `.tflite` with its `card.json` beside it.
        format: The exported file, where `classifier_path` is no `.tflite`.
        min_detection_confidence: Least score of the palm and person detectors, 0 to 1.
        min_tracking_confidence: Least score with which a body is followed into the next frame, 0 to 1. Hands are looked
            for anew in every picture, so it says nothing about models of one hand.
        max_num_hands: How many hands are looked for in a picture.
        max_upload_bytes: Largest picture or clip, in bytes.
        max_json_bytes: Largest JSON body or JSON frame, in bytes.
        max_pixels: Largest picture or frame of a clip, width × height.
        max_clip_frames: Longest clip, in frames.
        max_clip_seconds: Longest clip, in seconds.
        request_timeout: Time for one request, its upload included, in seconds.
        workers: Processes that look at pictures and clips.
        queue_length: Pictures and clips that may wait for a worker; the next is answered 503.
        live_connections: Live connections at a time.
        live_workers: Live connections at a time that send pictures to a model of bodies: each has a process for itself.
        cors_origins: Origins of pages of other servers that may use this one, such as `https://example.org`; in the
            environment separated by commas.
        api_key: What clients must send as `X-API-Key`; None: nothing.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_file=".env", extra="ignore", env_ignore_empty=True)

    classifier_path: Path
    format: Literal["float32", "float16", "dynamic", "int8"] = "int8"
    min_detection_confidence: float = Field(0.5, ge=0, le=1)
    min_tracking_confidence: float = Field(0.5, ge=0, le=1)
    max_num_hands: int = Field(1, ge=1, le=8)
    max_upload_bytes: int = Field(10 * 2**20, ge=1024, le=2**30)
    max_json_bytes: int = Field(4 * 2**20, ge=1024, le=2**28)
    max_pixels: int = Field(25_000_000, ge=1024, le=2**28)
    max_clip_frames: int = Field(300, ge=1, le=100_000)
    max_clip_seconds: float = Field(20.0, gt=0, le=3600)
    request_timeout: float = Field(30.0, gt=0, le=3600)
    workers: int = Field(default_factory=_cores, ge=1, le=256)
    queue_length: int = Field(16, ge=0, le=10_000)
    live_connections: int = Field(16, ge=0, le=10_000)
    live_workers: int = Field(2, ge=0, le=256)
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    api_key: SecretStr | None = Field(None, min_length=1)

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(one.strip().rstrip("/") for one in value.split(",") if one.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            scheme, _, host = origin.partition("://")
            if scheme not in ("http", "https") or not host or "/" in host or "*" in host:
                raise ValueError(f"{origin!r} is no origin; write it as https://example.org")
        return value

    @field_validator("api_key")
    @classmethod
    def _is_sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not all("!" <= letter <= "~" for letter in value.get_secret_value()):
            raise ValueError("use letters, digits and signs of ASCII without spaces: it travels in an HTTP header")
        return value


def read_settings(**options: Any) -> ServiceSettings:
    """Reads the settings.

    Args:
        **options: What the command line says, by the settings' names; None stands for nothing said.

    Raises:
        SignportError: A setting is missing or wrong; the message names its variable.
    """
    said = {name: value for name, value in options.items() if value is not None}
    try:
        return ServiceSettings(**said)
    except ValidationError as error:
        raise SignportError(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    variable = f"{_PREFIX}{name.upper()}"
    if name == "classifier_path" and first["type"] == "missing":
        return f"which model? give a run (signport serve RUN) or set {variable} to one, in the environment or in .env"
    value = "" if name in _SECRETS else f" {first['input']!r}"
    cause = first["msg"].removeprefix("Value error, ")
    return (
        f"{variable}{value}: {cause[0].lower()}{cause[1:]}; correct it in the environment, .env or on the command line"
    )
