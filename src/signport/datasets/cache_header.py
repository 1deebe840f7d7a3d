"""A cache's header: what its samples are, where they came from, and which inputs gave none."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from signport.errors import SignportError

_FORMAT_VERSION = 1
_KINDS = {"topology": str, "classes": list, "extractor": dict, "skipped": list}


@dataclass(frozen=True)
class Skipped:
    """An input that gave no sample.

    Attributes:
        source: The file, relative to the folder that was read.
        label: The class it would have had, if known.
        reason: A short, countable reason, such as `no hand` or `unreadable`.
    """

    source: str
    label: str | None
    reason: str


@dataclass(frozen=True)
class CacheHeader:
    """What a cache holds and how it came to be.

    Attributes:
        topology: Name of the landmark layout.
        classes: Class names in the order of their indices.
        extractor: `name`, `version`, `model_sha256` and `options` of what found the landmarks.
        skipped: Inputs that gave no sample, and why.
    """

    topology: str
    classes: tuple[str, ...]
    extractor: dict[str, Any] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"format_version": _FORMAT_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, value: Any, path: Path) -> "CacheHeader":
        """Reads a header.

        Raises:
            SignportError: It is of another version, or a part of it is missing or of another kind.
        """
        if not isinstance(value, dict):
            raise SignportError(f"{path}: the cache's header is {type(value).__name__}, no object; capture it again")
        if value.get("format_version") != _FORMAT_VERSION:
            raise SignportError(
                f"{path}: cache format {value.get('format_version')!r}, this signport reads {_FORMAT_VERSION}; "
                "capture or import it again"
            )
        for name, kind in _KINDS.items():
            if not isinstance(value.get(name), kind):
                raise SignportError(
                    f"{path}: the cache's header: {name}: missing, or no {kind.__name__}; capture it again"
                )
        if not all(isinstance(name, str) for name in value["classes"]):
            raise SignportError(f"{path}: the cache's header: classes: one is no text; capture it again")
        try:
            skipped = tuple(Skipped(**entry) for entry in value["skipped"])
        except TypeError as error:
            raise SignportError(f"{path}: the cache's header: skipped: {error}; capture it again") from error
        if not all(isinstance(text, str) for one in skipped for text in (one.source, one.reason, one.label or "")):
            raise SignportError(f"{path}: the cache's header: skipped: holds more than text; capture it again")
        return cls(value["topology"], tuple(value["classes"]), value["extractor"], skipped)
