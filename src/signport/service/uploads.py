"""Request bodies, read up to their limit and kept in memory: Starlette's own form parser writes large files to disk."""

from collections.abc import AsyncIterator

from fastapi import HTTPException, Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

_FILE = "file"
# What goes around the file in a multipart body: boundaries and the part's headers.
_ENVELOPE = 8192


async def read_json_body(request: Request, limit: int) -> bytes:
    """The body of a JSON request.

    Raises:
        HTTPException: 413 too large, 415 another type.
    """
    if media_type(request) != "application/json":
        raise HTTPException(415, "send application/json")
    return b"".join([chunk async for chunk in _chunks(request, limit)])


async def read_file(request: Request, limit: int) -> bytes:
    """The one file of a multipart request.

    Raises:
        HTTPException: 413 too large, 415 another type, 422 no multipart body with one part called `file`.
    """
    if media_type(request) != "multipart/form-data":
        raise HTTPException(415, "send multipart/form-data with one part called file")
    _, options = parse_options_header(request.headers["content-type"])
    form = _Form()
    try:
        parser = MultipartParser(
            options.get(b"boundary", b""),
            {
                "on_part_begin": form.begin,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.header_end,
                "on_headers_finished": form.headers_end,
                "on_part_data": form.data,
                "on_end": form.end,
            },
        )
        async for chunk in _chunks(request, limit, _ENVELOPE):
            parser.write(chunk)
        parser.finalize()
    except FormParserError:
        raise HTTPException(422, "the multipart body is damaged") from None
    if not form.is_whole:
        raise HTTPException(422, "the multipart body is damaged or empty: its last boundary is missing")
    if form.content is None:
        raise HTTPException(422, "no file: send one part called file")
    if len(form.content) > limit:
        raise too_large(limit)
    if not form.content:
        raise HTTPException(422, "the file is empty")
    return bytes(form.content)


def media_type(request: Request) -> str:
    """The type of a request's body, without parameters, in small letters."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "send the body as it is, without a Content-Encoding")
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def too_large(limit: int) -> HTTPException:
    """What a body over its limit is answered."""
    return HTTPException(413, f"too large: at most {limit} bytes")


async def _chunks(request: Request, limit: int, envelope: int = 0) -> AsyncIterator[bytes]:
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limit + envelope:
        raise too_large(limit)
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit + envelope:
            raise too_large(limit)
        yield chunk


class _Form:
    """Takes the one file out of a multipart body as it comes."""

    def __init__(self) -> None:
        self.content: bytearray | None = None
        self.is_whole = False
        self._name = self._value = b""
        self._disposition = b""

    def begin(self) -> None:
        if self.content is not None:
            raise HTTPException(422, "more than one part: send one part called file")
        self._name = self._value = self._disposition = b""

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def headers_end(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or options.get(b"name") != _FILE.encode():
            raise HTTPException(422, "a part of another name: send one part called file")
        self.content = bytearray()

    def data(self, data: bytes, start: int, end: int) -> None:
        assert self.content is not None
        self.content += data[start:end]

    def end(self) -> None:
        self.is_whole = True
