"""What goes over the pipes between the service and its workers: a JSON header and bytes, both with their lengths."""

import asyncio
import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct(">II")


class BrokenMessageError(Exception):
    """What came over a pipe is no message: who wrote it has lost its way, and cannot be asked any more."""


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """A message as it is written: two lengths, big-endian uint32, then the header as JSON, then the payload."""
    text = json.dumps(header).encode()
    return b"".join((_LENGTHS.pack(len(text), len(payload)), text, payload))


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Waits for a message; None where the stream has ended.

    Raises:
        BrokenMessageError: What came is none.
    """
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    text, payload = _LENGTHS.unpack(lengths)
    content = stream.read(text + payload)
    return None if len(content) < text + payload else (_header(content[:text]), content[text:])


async def read_async(stream: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """Waits for a message.

    Raises:
        asyncio.IncompleteReadError: The stream has ended.
        BrokenMessageError: What came is none.
    """
    text, payload = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
    header = _header(await stream.readexactly(text))
    return header, await stream.readexactly(payload)


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise BrokenMessageError("its header is no JSON") from None
    if not isinstance(header, dict):
        raise BrokenMessageError("its header is no object")
    return header
