import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signport.datasets import cache_columns
from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader, Skipped
from signport.datasets.cache_summary import class_counts, skipped_rows, summarize
from signport.datasets.sample import Sample
from signport.errors import SignportError
from signport.landmarks.topology import HAND, HOLISTIC_543, ISL_136, POSE_HANDS_75, UPPER_59

HEADER = CacheHeader(
    "hand", ("b", "a"), {"name": "test"}, (Skipped("b/9.png", "b", "no hand"), Skipped("x.png", None, "loose"))
)


def _hand(value: float) -> np.ndarray:
    return np.full((1, 21, 3), value, np.float32)


def _samples() -> list[Sample]:
    return [
        Sample("b/2", "b", _hand(2), group="ann", world_landmarks=_hand(0.02), handedness=0.25, image_size=(640, 480)),
        Sample("a/1", "a", _hand(np.nan)),
        Sample("b/1", "b", _hand(1), group="bob", source="one.png"),
    ]


@pytest.fixture
def cache():
    return LandmarkCache.from_samples(_samples(), HEADER)


def test_what_is_written_is_read_back(cache, tmp_path):
    cache.write(tmp_path / "hands.parquet")
    read = LandmarkCache.read(tmp_path / "hands.parquet")
    assert read.header == cache.header == HEADER
    assert read.sample_ids == ["a/1", "b/1", "b/2"]
    assert read.labels.tolist() == [1, 0, 0]
    assert read.groups == [None, "bob", "ann"]
    np.testing.assert_array_equal(read.landmarks[:, 0, 0], [np.nan, 1, 2])
    assert read.landmarks.dtype == np.float32
    assert np.isnan(read.world_landmarks[:2]).all()
    assert (read.world_landmarks[2] == np.float32(0.02)).all()
    np.testing.assert_array_equal(read.handedness, np.array([np.nan, np.nan, 0.25], np.float32))
    assert read.image_sizes.tolist() == [[0, 0], [0, 0], [640, 480]]


def test_the_order_of_samples_does_not_change_the_bytes(cache, tmp_path):
    cache.write(tmp_path / "one.parquet")
    LandmarkCache.from_samples(_samples()[::-1], HEADER).write(tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_the_header_beside_the_cache_is_for_people(cache, tmp_path):
    cache.write(tmp_path / "hands.parquet")
    beside = json.loads((tmp_path / "hands.json").read_text())
    assert beside["samples"] == 3
    assert beside["per_class"] == {"b": 2, "a": 1}
    assert beside["topology"] == "hand"


def test_a_cache_survives_a_failure_to_write_the_next(cache, tmp_path, monkeypatch):
    path = tmp_path / "hands.parquet"
    cache.write(path)
    before = path.read_bytes()
    (tmp_path / "hands.json").unlink()
    (tmp_path / "hands.json").mkdir()
    with pytest.raises(SignportError, match=r"hands\.json: cannot write"):
        cache.take(np.array([1, 2])).write(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (Sample("c/1", "c", _hand(0)), "label 'c' is not among the cache's classes: b, a"),
        (Sample("b/1", "b", _hand(0)), "sample id 'b/1' occurs twice"),
        (Sample("b/3", "b", np.zeros((21, 3), np.float32)), r"sample 'b/3': landmarks of shape \(21, 3\)"),
        (Sample("b/3", "b", np.zeros((1, 20, 3), np.float32)), r"'hand' has \(frames, 21, 3\)"),
        (Sample("b/3", "b", _hand(0), world_landmarks=np.zeros((2, 21, 3))), r"shape \(2, 21, 3\)"),
    ],
)
def test_samples_that_do_not_fit_are_refused(sample, message):
    with pytest.raises(SignportError, match=message):
        LandmarkCache.from_samples([*_samples(), sample], HEADER)


def test_a_class_without_a_sample_is_refused_with_the_reasons():
    with pytest.raises(SignportError, match=r"class 'b' comes out empty \(1 x no hand\)"):
        LandmarkCache.from_samples(_samples()[1:2], HEADER)


def test_what_is_no_cache_is_refused(cache, tmp_path):
    with pytest.raises(SignportError, match="no such landmark cache"):
        LandmarkCache.read(tmp_path / "gone.parquet")
    (tmp_path / "text.parquet").write_text("a,b")
    with pytest.raises(SignportError, match=r"text\.parquet: not a Parquet file"):
        LandmarkCache.read(tmp_path / "text.parquet")
    path = cache.write(tmp_path / "cut.parquet").path
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SignportError, match=r"cut\.parquet: not a Parquet file"):
        LandmarkCache.read(path)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    with pytest.raises(SignportError, match="not a signport landmark cache"):
        LandmarkCache.read(tmp_path / "other.parquet")


def test_a_cache_of_another_format_version_is_refused(cache, tmp_path):
    path = cache.write(tmp_path / "hands.parquet").path
    table = pq.read_table(path)
    header = json.loads(table.schema.metadata[b"signport"])
    pq.write_table(table.replace_schema_metadata({b"signport": json.dumps({**header, "format_version": 99})}), path)
    with pytest.raises(SignportError, match="cache format 99, this signport reads 1"):
        LandmarkCache.read(path)


def test_a_name_that_is_no_parquet_is_refused(cache, tmp_path):
    with pytest.raises(SignportError, match=r"call it hands\.json\.parquet"):
        cache.write(tmp_path / "hands.json")


def test_rows_are_taken_in_cache_order(cache):
    assert cache.take(np.array([2, 0])).sample_ids == ["a/1", "b/2"]
    assert cache.take(np.array([False, True, False])).sample_ids == ["b/1"]


def test_sequences_are_refused_where_single_frames_are_needed():
    sample = Sample("a/1", "a", np.zeros((2, 21, 3), np.float32))
    cache = LandmarkCache.from_samples([sample], CacheHeader("hand", ("a",)))
    with pytest.raises(SignportError, match="holds sequences"):
        _ = cache.landmarks


def test_the_digest_tells_caches_apart(cache):
    same = LandmarkCache.from_samples(_samples(), HEADER)
    other = LandmarkCache.from_samples([*_samples()[:2], Sample("b/1", "b", _hand(1.5), source="one.png")], HEADER)
    assert cache.digest == same.digest
    assert cache.digest != other.digest


def test_the_summary_counts_samples_skipped_inputs_groups_and_missing_points(cache):
    flat = _hand(1)
    flat[0, :, 2] = np.nan
    cache = LandmarkCache.from_samples([*_samples(), Sample("a/2", "a", flat)], HEADER)
    summary = summarize(cache)
    assert class_counts(cache) == {"b": {"samples": 2, "no hand": 1}, "a": {"samples": 2, "no hand": 0}}
    assert summary["skipped"] == {"no hand": 1, "loose": 1}
    assert (summary["groups"], summary["ungrouped"]) == (2, 2)
    assert (summary["missing_points"], summary["missing_z"]) == (0.25, 0.25)
    assert summary["frames"] == [1, 1]
    assert skipped_rows(cache)[1] == {"source": "x.png", "label": None, "reason": "loose"}


def _sequences() -> list[np.ndarray]:
    """Four clips of 1, 7, 3 and 10 frames; every number its own."""
    clips, start = [], 1
    for frames in (1, 7, 3, 10):
        size = frames * POSE_HANDS_75.num_points * 3
        clips.append(np.arange(start, start + size, dtype=np.float32).reshape(frames, -1, 3))
        start += size
    clips[1][2] = np.nan
    return clips


@pytest.fixture
def signs() -> LandmarkCache:
    """The clips of `_sequences` as samples 0 to 3."""
    samples = [Sample(f"{row}", "a", clip, frame_rate=25.0 + row) for row, clip in enumerate(_sequences())]
    return LandmarkCache.from_samples(samples, CacheHeader("pose_hands_75", ("a",)))


def test_sequences_of_any_length_are_read_back(signs, tmp_path):
    signs.write(tmp_path / "signs.parquet")
    for cache in (signs, LandmarkCache.read(tmp_path / "signs.parquet"), signs.take(np.arange(4))):
        assert cache.num_frames.tolist() == [1, 7, 3, 10]
        assert cache.frame_rates.tolist() == [25, 26, 27, 28]
        for row, clip in enumerate(_sequences()):
            np.testing.assert_array_equal(cache.clip(row), clip)
    with pytest.raises(ValueError, match="read-only"):
        signs.clip(0)[0] = 0


def test_a_part_of_the_samples_has_its_own_clips(signs):
    part = signs.take(np.array([1, 3]))
    np.testing.assert_array_equal(part.clip(1), _sequences()[3])
    assert part.clips().shape == (2, 10, 75, 3)


def test_big_caches_lie_in_chunks_that_read_as_one(monkeypatch, tmp_path):
    monkeypatch.setattr(cache_columns, "_VALUES_IN_A_GROUP", 5 * 225)
    samples = [Sample(f"{row}", "a", clip) for row, clip in enumerate(_sequences())]
    cache = LandmarkCache.from_samples(samples, CacheHeader("pose_hands_75", ("a",)))
    assert cache.table["landmarks"].num_chunks == 4
    cache.write(tmp_path / "signs.parquet")
    assert pq.ParquetFile(tmp_path / "signs.parquet").num_row_groups == 4
    for found in (cache, LandmarkCache.read(tmp_path / "signs.parquet")):
        for row, clip in enumerate(_sequences()):
            np.testing.assert_array_equal(found.clip(row), clip)


def test_short_clips_end_in_missing_frames_and_long_ones_are_thinned_out(signs):
    written = _sequences()
    whole = signs.clips()
    assert whole.shape == (4, 10, 75, 3)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole[2, :3], written[2])
    assert np.isnan(whole[2, 3:]).all()
    short = signs.clips(frames=4)
    np.testing.assert_array_equal(short[3], written[3][[0, 3, 6, 9]])
    np.testing.assert_array_equal(short[1], written[1][[0, 2, 4, 6]])
    np.testing.assert_array_equal(short[0, :1], written[0])
    assert np.isnan(short[0, 1:]).all()


def test_clips_are_picked_by_point_names(signs):
    found = signs.clips(UPPER_59, 10)
    where = [POSE_HANDS_75.points.index(name) for name in UPPER_59.points]
    np.testing.assert_array_equal(found, signs.clips(frames=10)[:, :, where])
    wider = signs.clips(ISL_136, 3)
    assert np.isnan(wider[:, :, ISL_136.part("face")]).all()
    np.testing.assert_array_equal(wider[2, :, ISL_136.part("left_hand")], _sequences()[2][:, 33:54])
    with pytest.raises(
        SignportError, match="topology 'pose_hands_75' has no point of 'hand'; capture or import it again"
    ):
        signs.clips(HAND)


def test_every_body_layout_can_be_taken_from_holistic_landmarks():
    clip = np.arange(2 * 543 * 3, dtype=np.float32).reshape(2, 543, 3)
    cache = LandmarkCache.from_samples([Sample("0", "a", clip)], CacheHeader("holistic_543", ("a",)))
    for topology in (POSE_HANDS_75, UPPER_59, ISL_136):
        where = [HOLISTIC_543.points.index(name) for name in topology.points]
        np.testing.assert_array_equal(cache.clips(topology)[0], clip[:, where])


def test_a_cache_from_before_frame_rates_still_opens(cache, tmp_path):
    path = cache.write(tmp_path / "hands.parquet").path
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["frame_rate"]), path)
    read = LandmarkCache.read(path)
    assert np.isnan(read.frame_rates).all()
    np.testing.assert_array_equal(read.landmarks, cache.landmarks)
    assert read.write(tmp_path / "again.parquet").table.schema.names[-1] == "frame_rate"


def test_no_frame_rate_is_nan(cache):
    assert np.isnan(cache.frame_rates).all()
    assert cache.frame_rates.dtype == np.float32
