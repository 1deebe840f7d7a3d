from dataclasses import replace

import numpy as np
import pytest

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader, Skipped
from signport.datasets.merge import merge_caches
from signport.datasets.sample import Sample
from signport.errors import SignportError


def _cache(path, ids: list[str], value: float, classes: tuple[str, ...], skipped: tuple[Skipped, ...] = ()):
    samples = [
        Sample(name, name[0], np.full((1, 21, 3), value, np.float32), group="ann", source=f"{name}.png") for name in ids
    ]
    return LandmarkCache.from_samples(samples, CacheHeader("hand", classes, {"name": "test"}, skipped)).write(path)


def test_classes_samples_and_skipped_are_joined(tmp_path):
    one = _cache(tmp_path / "one.parquet", ["c1", "a1"], 1, ("c", "a"))
    two = _cache(tmp_path / "two.parquet", ["a2", "b1"], 2, ("a", "b"), (Skipped("b9", "b", "no hand"),))
    merged = merge_caches([one, two])
    assert merged.classes == ("c", "a", "b")
    assert merged.sample_ids == ["a1", "a2", "b1", "c1"]
    assert merged.landmarks[:, 0, 0].tolist() == [1, 2, 2, 1]
    assert [merged.classes[label] for label in merged.labels] == ["a", "a", "b", "c"]
    assert merged.header.skipped == two.header.skipped
    sources = merged.header.extractor["options"]["sources"]
    assert [source["cache_sha256"] for source in sources] == [one.digest, two.digest]
    written = merged.write(tmp_path / "merged.parquet")
    assert LandmarkCache.read(written.path).sample_ids == merged.sample_ids


def test_ids_that_collide_get_the_name_of_their_cache(tmp_path):
    one = _cache(tmp_path / "one.parquet", ["a1", "a2"], 1, ("a",))
    two = _cache(tmp_path / "two.parquet", ["a2", "a3"], 2, ("a",), (Skipped("a9", "a", "no hand"),))
    merged = merge_caches([one, two])
    assert merged.sample_ids == ["one/a1", "one/a2", "two/a2", "two/a3"]
    assert merged.landmarks[:, 0, 0].tolist() == [1, 1, 2, 2]
    assert merged.table["source"].to_pylist()[2] == "two/a2.png"
    assert merged.header.skipped[0].source == "two/a9"
    assert merged.groups == ["ann"] * 4


def test_caches_of_one_name_are_told_apart_by_number(tmp_path):
    one = _cache(tmp_path / "x/hands.parquet", ["a1"], 1, ("a",))
    two = _cache(tmp_path / "y/hands.parquet", ["a1"], 2, ("a",))
    assert merge_caches([one, two]).sample_ids == ["0-hands/a1", "1-hands/a1"]


def test_what_cannot_be_merged_is_refused(tmp_path):
    one = _cache(tmp_path / "one.parquet", ["a1"], 1, ("a",))
    with pytest.raises(SignportError, match="1 cache to merge; give two or more"):
        merge_caches([one])
    body = LandmarkCache(replace(one.header, topology="body"), one.table, tmp_path / "body.parquet")
    with pytest.raises(SignportError, match=r"body\.parquet: topology 'body', but .*one\.parquet has 'hand'"):
        merge_caches([one, body])
    again = one.write(tmp_path / "again.parquet")
    with pytest.raises(SignportError, match=r"again\.parquet: holds the same as .*one\.parquet; give it once"):
        merge_caches([one, again])
