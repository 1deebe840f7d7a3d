"""Stick figures that open as pictures, from made-up signers and from any body cache."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.run_cli import run_cli

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.datasets.signing import render_signs
from signport.datasets.signing.preview import draw_preview
from signport.errors import SignportError
from signport.landmarks.topology import topology_named

FIRST = "sign_00/signer_00/take_0"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> LandmarkCache:
    return render_signs(tmp_path_factory.mktemp("signs") / "signs.parquet", classes=3, signers=1, takes=1)


def colored(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    """Pixels of about one colour, in a picture (height, width, 3) RGB."""
    return int((np.abs(picture.astype(int) - color).max(axis=2) < 30).sum())


def test_a_gif_shows_every_frame_in_its_own_time(cache, tmp_path):
    path = draw_preview(cache, tmp_path / "sign.gif", [FIRST])
    with Image.open(path) as picture:
        assert picture.n_frames == cache.num_frames[0]
        assert picture.info["duration"] == 40
        assert picture.size == (480, 360)
        hands = 0
        for frame in range(picture.n_frames):
            picture.seek(frame)
            shown = np.asarray(picture.convert("RGB"))
            hands += colored(shown, (255, 158, 70)) + colored(shown, (72, 200, 210)) > 100
            assert shown.std() > 5
    found = np.isfinite(cache.clip(0)[:, 33:75, 0]).any(axis=1).sum()
    assert abs(hands - found) <= 6


def test_an_mp4_opens_as_a_video(cache, tmp_path):
    video = cv2.VideoCapture(str(draw_preview(cache, tmp_path / "sign.mp4", [FIRST])))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == cache.num_frames[0]
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(25)
    read, frame = video.read()
    assert read
    assert frame.shape == (360, 480, 3)


def test_several_clips_stand_side_by_side(cache, tmp_path):
    path = draw_preview(cache, tmp_path / "signs.gif", cache.sample_ids[:2])
    with Image.open(path) as picture:
        assert picture.size == (2 * 480, 360)
        assert picture.n_frames == cache.num_frames[:2].max()


@pytest.mark.parametrize("layout", ["upper_59", "pose_hands_75", "holistic_543"])
def test_any_body_layout_is_drawn_missing_frames_and_all(tmp_path, layout):
    points = np.random.default_rng(0).uniform(0, 1, (4, topology_named(layout).num_points, 3))
    points[1] = np.nan
    points[2, :5] = np.nan
    cache = LandmarkCache.from_samples([Sample("a/0", "a", points)], CacheHeader(layout, ("a",)))
    with Image.open(draw_preview(cache, tmp_path / "clip.gif")) as picture:
        assert picture.n_frames == 4


def test_what_cannot_be_drawn_is_refused(cache, tmp_path):
    with pytest.raises(SignportError, match=r"clip\.avi.*gif or \.mp4"):
        draw_preview(cache, tmp_path / "clip.avi")
    with pytest.raises(SignportError, match="no sample 'sign_77'"):
        draw_preview(cache, tmp_path / "clip.gif", ["sign_77"])
    with pytest.raises(SignportError, match="13 samples"):
        draw_preview(cache, tmp_path / "clip.gif", [FIRST] * 13)
    hand = LandmarkCache.from_samples([Sample("a/0", "a", np.zeros((1, 21, 3)))], CacheHeader("hand", ("a",)))
    with pytest.raises(SignportError, match="'hand' has no body"):
        draw_preview(hand, tmp_path / "clip.gif")
    assert not any(tmp_path.iterdir())


def test_the_command_draws_a_sample(cache, tmp_path, monkeypatch, capsys):
    output = tmp_path / "clip.gif"
    assert run_cli(monkeypatch, "cache", "preview", cache.path, output, "--sample", "sign_01/signer_00/take_0") == 0
    assert "clip.gif" in capsys.readouterr().out
    assert Path(output).read_bytes().startswith(b"GIF89a")
