"""A capture from files to cache, with a detector that costs nothing; see `fake_capture`."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from tests.datasets.fake_capture import capture_items, write_items

from signport.child_process import child_environment
from signport.datasets import cache_columns, cache_store, capture
from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.errors import SignportError


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """30 files, of which one holds nothing and one kills the detector."""
    return write_items(tmp_path_factory.mktemp("items"), 30, special={7: "none", 20: "kill detector"})


@pytest.fixture(scope="module")
def captured(items, tmp_path_factory):
    path = tmp_path_factory.mktemp("captured") / "items.parquet"
    capture_items(items, path)
    return path


def test_the_cache_is_the_one_that_its_samples_make_by_themselves(captured, items, tmp_path):
    cache = LandmarkCache.read(captured)
    header = CacheHeader("hand", ("a", "b"), cache.header.extractor, cache.header.skipped)
    samples = []
    for number in set(range(30)) - {7, 20}:
        name = f"{'ab'[number % 2]}/{number:04d}.txt"
        source = os.path.relpath(items / name, captured.parent)
        samples.append(Sample(name, name[0], np.full((1, 21, 3), number, np.float32), source=source))
    LandmarkCache.from_samples(samples, header).write(tmp_path / "made.parquet")
    assert captured.read_bytes() == (tmp_path / "made.parquet").read_bytes()
    assert captured.with_suffix(".json").read_bytes() == (tmp_path / "made.json").read_bytes()


def test_a_file_that_kills_the_detector_is_listed_and_nothing_else_is_lost(captured, items, tmp_path, capsys):
    cache = capture_items(items, tmp_path / "items.parquet", workers=3)
    skipped = [(entry.source, entry.reason) for entry in cache.header.skipped]
    assert skipped == [("a/0020.txt", "killed the detector"), ("b/0007.txt", "nothing")]
    assert (tmp_path / "items.parquet").read_bytes() == captured.read_bytes()
    assert "30/30 items" in (printed := capsys.readouterr().err)
    assert "killed the detector 1 · nothing 1 · number 28 · 3 workers" in printed
    assert not (tmp_path / "items.parquet.partial").exists()


def test_row_groups_do_not_depend_on_partitions(items, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_columns, "_VALUES_IN_A_GROUP", 5 * 63)
    cache = capture_items(items, tmp_path / "items.parquet")
    groups = pq.ParquetFile(tmp_path / "items.parquet")
    assert [groups.metadata.row_group(number).num_rows for number in range(groups.num_row_groups)] == [5] * 5 + [3]
    cache.write(tmp_path / "again.parquet")
    assert (tmp_path / "items.parquet").read_bytes() == (tmp_path / "again.parquet").read_bytes()


def test_a_partitioned_cache_is_a_folder_that_reads_like_a_file(captured, items, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_columns, "_VALUES_IN_A_GROUP", 5 * 63)
    monkeypatch.setattr(cache_store, "_GROUPS_IN_A_PART", 2)
    output = tmp_path / "items.parquet"
    for workers in (1, 2):
        cache = capture_items(items, output, partitioned=True, workers=workers)
        assert sorted(path.name for path in output.iterdir()) == [
            "_header.json", "part-00000.parquet", "part-00001.parquet", "part-00002.parquet"
        ]  # fmt: skip
        digest = LandmarkCache.read(output).digest
        assert digest == cache.digest
    whole = LandmarkCache.read(captured)
    assert len(cache) == 28
    assert cache.per_class() == whole.per_class()
    assert "table" not in vars(cache), "counting has read the landmarks"
    assert cache.header == whole.header
    assert cache.sample_ids == whole.sample_ids
    np.testing.assert_array_equal(cache.landmarks, whole.landmarks)
    np.testing.assert_array_equal(np.stack([cache.clip(row) for row in range(28)]), whole.clips())
    assert pq.read_table(output).num_rows == 28  # as any reader of Parquet data sets opens it


def test_a_partitioned_cache_with_a_part_gone_or_exchanged_is_refused(items, tmp_path, monkeypatch):
    monkeypatch.setattr(cache_columns, "_VALUES_IN_A_GROUP", 20 * 63)
    monkeypatch.setattr(cache_store, "_GROUPS_IN_A_PART", 1)
    capture_items(items, tmp_path / "items.parquet", partitioned=True)
    first, second = (tmp_path / f"items.parquet/part-0000{number}.parquet" for number in range(2))
    first.write_bytes(second.read_bytes())
    with pytest.raises(SignportError, match=r"part-00000\.parquet: not the part that _header\.json tells of"):
        LandmarkCache.read(tmp_path / "items.parquet")
    first.unlink()
    with pytest.raises(SignportError, match=r"part-00000\.parquet: this part of the cache is gone"):
        LandmarkCache.read(tmp_path / "items.parquet")
    with pytest.raises(SignportError, match=r"a folder without _header\.json, so no landmark cache"):
        LandmarkCache.read(tmp_path)


def test_no_folder_but_a_cache_is_overwritten(items, tmp_path):
    (tmp_path / "mine.parquet").mkdir()
    (tmp_path / "mine.parquet/precious").touch()
    (tmp_path / "file.parquet").touch()
    with pytest.raises(SignportError, match=r"mine\.parquet: is a folder, but no landmark cache"):
        capture_items(items, tmp_path / "mine.parquet", partitioned=True)
    with pytest.raises(SignportError, match=r"file\.parquet: is a file, and a partitioned cache is a folder"):
        capture_items(items, tmp_path / "file.parquet", partitioned=True)


def test_what_is_finished_survives_other_groups_and_new_files(items, tmp_path, monkeypatch):
    folder = write_items(tmp_path / "items", 30)
    with monkeypatch.context() as patch:
        patch.setattr(capture, "gather", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            capture_items(folder, tmp_path / "o.parquet")
    parts = {path.name for path in tmp_path.glob("o.parquet.partial/part-*")}
    (folder / "b/0030.txt").write_text("30\n0\n")
    with monkeypatch.context() as patch:
        patch.setattr(capture, "gather", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            capture_items(folder, tmp_path / "o.parquet")
    new = {path.name for path in tmp_path.glob("o.parquet.partial/part-*")} - parts
    assert 1 <= len(new) <= 2
    assert len(parts) > 4


def test_a_damaged_part_is_made_again(items, captured, tmp_path, monkeypatch):
    output = tmp_path / "items.parquet"
    with monkeypatch.context() as patch:
        patch.setattr(capture, "gather", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            capture_items(items, output)
    for place, path in enumerate(sorted(tmp_path.glob("items.parquet.partial/part-*"))[:2]):
        path.write_bytes(b"" if place else path.read_bytes()[:-9])
    capture_items(items, output)
    assert output.with_suffix(".json").read_text() == captured.with_suffix(".json").read_text()
    assert len(LandmarkCache.read(output)) == 28


def test_an_interrupted_capture_leaves_parts_and_no_process(tmp_path):
    # Whole it would take 3 s, and the first part 0.6 s: time enough to interrupt it on a busy machine.
    folder = write_items(tmp_path / "items", 40, seconds=0.15)
    # What a shell starts in the background ignores interrupts, and so does what is started from there unless told.
    code = (
        "import signal, sys; from pathlib import Path; from tests.datasets.fake_capture import capture_items\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "capture_items(*map(Path, sys.argv[1:]), workers=2)\n"
    )
    environment = child_environment()
    arguments = [sys.executable, "-c", code, str(folder), str(tmp_path / "o.parquet")]
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE) as process:
        while not list(tmp_path.glob("o.parquet.partial/part-*")):
            assert process.poll() is None
            time.sleep(0.01)
        detectors = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().rstrip().endswith(b"KeyboardInterrupt")
    assert len(detectors) == 2
    assert len(psutil.wait_procs(detectors, timeout=20)[0]) == 2
    assert list(tmp_path.glob("o.parquet.partial/part-*"))
    assert len(capture_items(folder, tmp_path / "o.parquet", workers=6)) == 40


def test_options_that_do_not_fit_are_refused(items, tmp_path):
    for options, message in (
        ({"workers": 0}, "workers is 0; give 1 or more"),
        ({"workers": 2, "cluster": "tcp://127.0.0.1:1"}, "workers is 2, but a cluster has its own; leave workers out"),
    ):
        with pytest.raises(SignportError, match=message):
            capture_items(items, tmp_path / "o.parquet", **options)
