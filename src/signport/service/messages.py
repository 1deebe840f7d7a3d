"""What goes over the pipes between the service and its workers: a JSON header and bytes, both with their lengths."""

import asyncio
import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct(">II")


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """A message as it is written: two lengths, big-endian uint32, then the header as JSON, then the payload."""
    text = json.dumps(header).encode()
    return b"".join((_LENGTHS.pack(len(text), len(payload)), text, payload))


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Waits for a message; None where the stream has ended."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    text, payload = _LENGTHS.unpack(lengths)
    content = stream.read(text + payload)
    return None if len(content) < text + payload else (json.loads(content[:text]), content[text:])


async def read_async(stream: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    """Waits for a message.

    Raises:
        asyncio.IncompleteReadError: The stream has ended.
    """
    text, payload = _LENGTHS.unpack(await stream.readexactly(_LENGTHS.size))
    header = json.loads(await stream.readexactly(text))
    return header, await stream.readexactly(payload)
