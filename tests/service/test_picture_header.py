import struct
import zlib

import cv2
import numpy as np
import pytest
from tests.drawn_clips import BLACK, write_clip
from tests.service.serving import encoded

from signport.service.picture_header import clip_type, picture_size, picture_type

IMAGE = np.random.default_rng(1).integers(0, 255, (30, 47, 3), np.uint8)
ENCODED = {
    "baseline": encoded(IMAGE, ".jpg"),
    "progressive": encoded(IMAGE, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "restarts": encoded(IMAGE, ".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
    "png": encoded(IMAGE, ".png"),
    "vp8": encoded(IMAGE, ".webp", cv2.IMWRITE_WEBP_QUALITY, 50),
    "vp8l": encoded(IMAGE, ".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
}


def png_of_zeros(width, height):
    """A black PNG of one bit a pixel, made without holding its pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packing = zlib.compressobj(9)
    row = bytes(width // 8 + 2)
    pixels = b"".join(packing.compress(row) for _ in range(height)) + packing.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _jpeg_with(marker):
    """The baseline JPEG with another start of frame, fill bytes and a comment that looks like one before it."""
    content = ENCODED["baseline"]
    place = content.index(b"\xff\xc0")
    comment = b"\xff\xfe\x00\x09\xff\xc0\x00\x11\x08\x00\x01"
    return content[:2] + comment + content[2:place] + b"\xff\xff\xff" + bytes([marker]) + content[place + 2 :]


def _extended_webp(flags):
    canvas = bytes([flags, 0, 0, 0]) + (46).to_bytes(3, "little") + (29).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<I", 10) + canvas + ENCODED["vp8"][12:]
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


@pytest.mark.parametrize("name", ENCODED)
def test_the_size_is_told_as_the_decoder_finds_it(name):
    assert picture_size(ENCODED[name]) == (47, 30)


@pytest.mark.parametrize("marker", sorted({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}))
def test_every_start_of_frame_of_jpeg_is_known(marker):
    assert picture_size(_jpeg_with(marker)) == (47, 30)


def test_extended_webp_has_its_canvas_and_animations_have_none():
    assert picture_size(_extended_webp(0)) == (47, 30)
    assert cv2.imdecode(np.frombuffer(_extended_webp(0), np.uint8), cv2.IMREAD_COLOR).shape == (30, 47, 3)
    assert picture_size(_extended_webp(0x02)) is None


def test_a_bomb_shows_its_size():
    assert picture_size(png_of_zeros(20_000, 100)) == (20_000, 100)


@pytest.mark.parametrize("name", ENCODED)
def test_no_cut_and_no_flipped_byte_makes_it_fail(name):
    content = ENCODED[name]
    for length in range(min(len(content), 700)):
        assert picture_size(content[:length]) in (None, (47, 30))
    for place in range(3, min(len(content), 300)):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        picture_size(bytes(damaged))


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"GIF89a" + bytes(20), b"RIFF\0\0\0\0WAVE" + bytes(30)])
def test_what_is_no_picture_has_no_size(content):
    assert picture_size(content) is None


def test_types_are_told_by_the_first_bytes(tmp_path):
    assert [picture_type(content) for content in ENCODED.values()] == ["jpeg"] * 3 + ["png"] + ["webp"] * 2
    for ending, kind in ((".mp4", "mp4"), (".webm", "webm"), (".avi", "avi")):
        content = write_clip(tmp_path / f"clip{ending}", [BLACK] * 3).read_bytes()
        assert (clip_type(content), picture_type(content)) == (kind, None)
    assert clip_type(b"#EXTM3U\nfile:///etc/passwd\n") is None
    assert [clip_type(content) for content in ENCODED.values()] == [None] * 6
