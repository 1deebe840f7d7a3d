"""What a picture or clip is, and how large, told by its first bytes and without decoding it."""

import struct

# Start-of-frame markers of JPEG (ITU T.81, table B.1): all of C0 to CF but the tables C4 (DHT), C8 (JPG) and CC (DAC).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9)))
# Bit 1 of VP8X's flags: the file is an animation.
_WEBP_ANIMATION = 0x02


def picture_type(content: bytes) -> str | None:
    """`jpeg`, `png` or `webp`, by the first bytes; None for all else."""
    if content[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if content[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def clip_type(content: bytes) -> str | None:
    """`mp4` (MP4, MOV), `webm` (WebM, Matroska) or `avi`, by the first bytes; None for all else."""
    if content[4:8] == b"ftyp":
        return "mp4"
    if content[:4] == b"\x1aE\xdf\xa3":
        return "webm"
    return "avi" if content[:4] == b"RIFF" and content[8:12] == b"AVI " else None


def picture_size(content: bytes) -> tuple[int, int] | None:
    """Width and height as the header states them, before an EXIF orientation; None where no decoder would find them.

    An animated WebP has none: it is no picture.
    """
    kind = picture_type(content)
    size = None
    try:
        if kind == "jpeg":
            size = _jpeg_size(content)
        elif kind == "png":
            size = struct.unpack(">II", content[16:24]) if content[12:16] == b"IHDR" else None
        elif kind == "webp":
            size = _webp_size(content)
    except (struct.error, IndexError):
        return None
    return (size[0], size[1]) if size is not None and min(size) > 0 else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """From the first start of frame, which is the one that decoders go by."""
    place = 2
    while place < len(content):
        # libjpeg skips what is no marker, and any number of fill bytes before one.
        place = content.find(b"\xff", place)
        if place < 0:
            return None
        while content[place] == 0xFF:
            place += 1
        marker = content[place]
        place += 1
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", content[place + 3 : place + 7])
            return width, height
        if marker == 0xDA:
            return None
        if marker and marker not in _JPEG_WITHOUT_LENGTH:
            place += struct.unpack(">H", content[place : place + 2])[0]
    return None


def _webp_size(content: bytes) -> tuple[int, int] | None:
    """From the first chunk (WebP container specification; RFC 6386 §9.1; WebP lossless §3)."""
    chunk, data = content[12:16], content[20:30]
    if chunk == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[6:10])
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L" and data[0] == 0x2F:
        bits = struct.unpack("<I", data[1:5])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X" and len(data) == 10 and not data[0] & _WEBP_ANIMATION:
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    return None
