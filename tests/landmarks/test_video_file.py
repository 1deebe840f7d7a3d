import math

import numpy as np
import pytest
from tests.drawn_clips import hand_frames, write_clip

from signport.landmarks.video_file import VideoFile


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi", ".mkv", ".webm"])
def test_frames_come_in_order_as_rgb_with_rate_and_size(tmp_path, suffix):
    colours = [(220, 30, 30), (30, 220, 30), (30, 30, 220), (220, 220, 30)]
    frames = [np.full((96, 160, 3), colour, np.uint8) for colour in colours]
    video = VideoFile(write_clip(tmp_path / f"clip{suffix}", frames, rate=12.5))
    assert video.is_open
    assert video.frame_rate == pytest.approx(12.5)
    read = list(video.frames())
    assert video.num_frames == len(read) == 4
    assert video.image_size == (160, 96)
    for frame, colour in zip(read, colours, strict=True):
        assert frame.shape == (96, 160, 3)
        assert frame.dtype == np.uint8
        np.testing.assert_allclose(frame.mean(axis=(0, 1)), colour, atol=25)
    assert not video.is_cut_short
    assert video.stated_frames == 4


@pytest.mark.parametrize("suffix", [".avi", ".mkv", ".webm"])
def test_a_video_that_was_cut_off_is_told_from_a_whole_one(tmp_path, suffix):
    whole = write_clip(tmp_path / f"whole{suffix}", hand_frames(20)).read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(whole[: len(whole) // 2])
    video = VideoFile(tmp_path / f"cut{suffix}")
    assert 0 < len(list(video.frames())) < 15
    assert video.is_cut_short


@pytest.mark.parametrize("content", [b"", b"no video", b"\0" * 5000])
def test_what_is_no_video_is_not_open_and_has_no_frames(tmp_path, content):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    video = VideoFile(path)
    assert not video.is_open
    assert math.isnan(video.frame_rate)
    assert list(video.frames()) == []
    assert not video.is_cut_short
    assert video.stated_frames == 0


def test_a_name_that_looks_like_a_pattern_or_an_address_is_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("clip%02d.mp4", "http:clip.mp4", "ein Zeichen ä.mp4"):
        write_clip(tmp_path / "clip.mp4", hand_frames(2)).rename(name)
        assert len(list(VideoFile(name).frames())) == 2
