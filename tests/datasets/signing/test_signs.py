"""`render_signs`: the cache, its determinism and its refusals."""

from pathlib import Path

import numpy as np
import pytest
from tests.run_cli import run_cli

from signport.datasets.cache import LandmarkCache
from signport.datasets.signing import render_signs
from signport.datasets.splits import split
from signport.errors import SignportError
from signport.landmarks.topology import UPPER_59

SMALL = {"classes": 4, "signers": 3, "takes": 2, "seed": 5}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> LandmarkCache:
    return render_signs(tmp_path_factory.mktemp("signs") / "signs.parquet", **SMALL)


def clips_by_id(cache: LandmarkCache) -> dict[str, np.ndarray]:
    return {sample_id: cache.clip(row) for row, sample_id in enumerate(cache.sample_ids)}


def test_every_signer_performs_every_sign(cache):
    assert cache.classes == ("sign_00", "sign_01", "sign_02", "sign_03")
    assert cache.per_class() == dict.fromkeys(cache.classes, 6)
    assert set(cache.groups) == {"signer_00", "signer_01", "signer_02"}
    assert "sign_02/signer_01/take_1" in cache.sample_ids
    assert all(
        sample_id.split("/")[1] == group for sample_id, group in zip(cache.sample_ids, cache.groups, strict=True)
    )


def test_clips_are_as_long_as_signs_are(cache):
    assert cache.num_frames.min() >= 25
    assert cache.num_frames.max() <= 90
    assert len(set(cache.num_frames)) > 5
    np.testing.assert_array_equal(cache.frame_rates, 25)


def test_landmarks_are_where_mediapipe_would_put_them(cache):
    clips = cache.clips()
    nose, left, right, wrist = (
        clips[:, :, cache.topology.index[name]]
        for name in ("pose.nose", "pose.left_shoulder", "pose.right_shoulder", "right_hand.wrist")
    )
    assert np.nanmedian(left[..., 0] - right[..., 0]) == pytest.approx(0.28, abs=0.05)
    assert np.nanmax(nose[..., 1] - left[..., 1]) < 0
    assert np.nanmin(nose[..., 1]) > 0
    assert np.nanmax(nose[..., 2]) < 0
    assert np.nanmax(np.abs(wrist[..., 2])) < 1e-5


def test_missing_points_are_nan_and_never_zero(cache):
    values = np.concatenate([cache.clip(row) for row in range(len(cache))])
    hands = np.isnan(values[:, cache.topology.part("right_hand")]).all(axis=(1, 2))
    frames = np.isnan(values).all(axis=(1, 2))
    assert 0.02 < hands.mean() < 0.9
    assert 0 < frames.mean() < 0.1
    assert not (values == 0).any()


def test_the_same_arguments_give_the_same_bytes(cache, tmp_path):
    again = render_signs(tmp_path / "again.parquet", **SMALL)
    assert cache.path is not None
    assert again.path.read_bytes() == cache.path.read_bytes()
    assert render_signs(tmp_path / "other.parquet", **{**SMALL, "seed": 6}).digest != cache.digest


def test_more_classes_signers_and_takes_only_add_clips(cache, tmp_path):
    more = clips_by_id(render_signs(tmp_path / "more.parquet", classes=5, signers=4, takes=3, seed=5))
    assert len(more) == 60
    for sample_id, clip in clips_by_id(cache).items():
        np.testing.assert_array_equal(clip, more[sample_id])


def test_other_layouts_are_selections(cache, tmp_path):
    upper = render_signs(tmp_path / "upper.parquet", **SMALL, topology="upper_59")
    np.testing.assert_array_equal(upper.clips(), cache.clips(UPPER_59))


def test_the_header_says_what_each_sign_is_made_of(cache):
    extractor = LandmarkCache.read(cache.path).header.extractor
    assert extractor["name"] == "kinematic signers"
    assert extractor["options"] == {**SMALL, "frame_rate": 25.0}
    assert list(extractor["signs"]) == list(cache.classes)
    assert len(set(extractor["signs"].values())) == 4


def test_splits_keep_signers_apart(cache):
    parts = split(cache, 0.3, 0.3)
    groups = [{cache.groups[row] for row in parts.rows(part)} for part in ("train", "validation", "test")]
    assert [len(group) for group in groups] == [1, 1, 1]
    assert len(set.union(*groups)) == 3


def test_frame_rate_changes_sampling_not_duration(tmp_path, cache):
    double = render_signs(tmp_path / "double.parquet", **SMALL, frame_rate=50.0)
    np.testing.assert_allclose(double.num_frames / 50, cache.num_frames / 25, atol=0.03)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", 1), ("classes", 401), ("signers", 0), ("takes", 0), ("seed", -1), ("frame_rate", 0.0),
        ("frame_rate", float("nan")), ("topology", "hand"), ("topology", "holistic_543"), ("topology", "octopus"),
        ("preview", "signs.avi"),
    ],
)  # fmt: skip
def test_a_bad_argument_is_named_before_any_work(tmp_path, monkeypatch, name, value):
    monkeypatch.setattr("signport.datasets.signing.signs.make_signs", None)
    with pytest.raises(SignportError, match=f"{value}".replace(".", r"\.")) as refused:
        render_signs(tmp_path / "out.parquet", **{**SMALL, name: value})
    assert "\n" not in str(refused.value)
    assert not any(tmp_path.iterdir())


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(SignportError, match=r"signs\.csv"):
        render_signs(tmp_path / "signs.csv", **SMALL)


def test_the_command_writes_cache_and_preview(tmp_path, monkeypatch, capsys):
    output, preview = tmp_path / "signs.parquet", tmp_path / "signs.gif"
    arguments = ["--classes", 2, "--signers", 1, "--takes", 1, "--topology", "pose_hands_75", "--preview", preview]
    assert run_cli(monkeypatch, "render", "signs", output, *arguments) == 0
    assert "2 clips of 2 signs" in capsys.readouterr().out
    assert len(LandmarkCache.read(output)) == 2
    assert Path(preview).read_bytes().startswith(b"GIF89a")


def test_the_command_refuses_in_one_line(tmp_path, monkeypatch, capsys):
    assert run_cli(monkeypatch, "render", "signs", tmp_path / "signs.parquet", "--classes", 1) == 2
    assert "classes is 1; give 2 to" in capsys.readouterr().err
