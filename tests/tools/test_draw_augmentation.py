import draw_augmentation
import matplotlib.image
import numpy as np
import pytest
from tests.datasets.made_up_clips import made_up_clip

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.errors import SignportError
from signport.landmarks.topology import POSE_HANDS_75


@pytest.fixture
def cache(tmp_path):
    samples = [Sample(name, name, made_up_clip(POSE_HANDS_75, 55, 55, seed)) for seed, name in enumerate("ab")]
    header = CacheHeader(POSE_HANDS_75.name, ("a", "b"))
    return LandmarkCache.from_samples(samples, header).write(tmp_path / "clips.parquet")


def test_the_picture_shows_before_and_after_and_is_small(cache, tmp_path):
    path = tmp_path / "augmentation.png"
    draw_augmentation.draw(cache, "b", path)
    picture = matplotlib.image.imread(path)
    assert picture.shape[0] > 800
    assert path.stat().st_size < 300_000
    colours = {tuple(np.round(255 * pixel[:3]).astype(int)) for pixel in picture.reshape(-1, picture.shape[-1])}
    for colour in (draw_augmentation.GREY, *draw_augmentation.HAND_COLOURS.values()):
        wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
        assert min(np.abs(np.array(one) - wanted).max() for one in colours) < 12


@pytest.mark.parametrize("name", ["time_warp", "noise", "rotation", "scaling", "masking", "temporal_shift", "mixup"])
def test_what_is_drawn_is_changed(cache, name):
    clips = cache.clips(frames=draw_augmentation.FRAMES)
    assert not np.array_equal(draw_augmentation.augmented(name, clips, cache.topology), clips[0], equal_nan=True)


def test_an_unknown_sample_is_named(cache, tmp_path):
    with pytest.raises(SignportError, match=r"--sample 'c': .*clips\.parquet has none such; for example 'a'"):
        draw_augmentation.draw(cache, "c", tmp_path / "augmentation.png")
