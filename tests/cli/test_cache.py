import json

import numpy as np
import pytest
from tests.run_cli import run_cli

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader, Skipped
from signport.datasets.sample import Sample


@pytest.fixture
def cache(tmp_path):
    samples = [
        Sample(f"{name}/{number}", name, np.zeros((1, 21, 3), np.float32), group=group)
        for name, number, group in (("A", 1, "ann"), ("A", 2, "bob"), ("B", 1, None))
    ]
    header = CacheHeader(
        "hand",
        ("A", "B"),
        {
            "name": "mediapipe hand_landmarker",
            "version": "0.10.21",
            "model_sha256": "f" * 64,
            "options": {"border": 0.25},
        },
        (Skipped("B/2", "B", "no hand"),),
    )
    return LandmarkCache.from_samples(samples, header).write(tmp_path / "hands.parquet")


def test_show_tells_what_a_cache_holds(cache, monkeypatch, capsys):
    assert run_cli(monkeypatch, "cache", "show", cache.path) == 0
    printed = capsys.readouterr().out
    assert "hands.parquet: 3 samples of 2 classes, topology hand" in printed
    assert "mediapipe hand_landmarker 0.10.21" in printed
    assert '{"border": 0.25}' in printed
    assert "f" * 64 in printed
    assert cache.digest in printed
    assert "groups          2 (1 samples without)" in printed
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]
    assert rows == [["A", "2", "0", "100.0%"], ["B", "1", "1", "50.0%"], ["all", "3", "1", "75.0%"]]
    assert "no hand (1): B/2" in printed


def test_show_prints_json_for_programs(cache, monkeypatch, capsys):
    assert run_cli(monkeypatch, "cache", "show", cache.path, "--json", "--list-skipped") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["samples"] == 3
    assert shown["classes"]["B"] == {"samples": 1, "no hand": 1}
    assert shown["digest"] == cache.digest
    assert shown["skipped_inputs"] == [{"source": "B/2", "label": "B", "reason": "no hand"}]


def test_merge_joins_caches(cache, tmp_path, monkeypatch, capsys):
    cache.take(cache.labels == 0).write(tmp_path / "more.parquet")
    paths = [cache.path, tmp_path / "more.parquet", tmp_path / "both.parquet"]
    assert run_cli(monkeypatch, "cache", "merge", *paths) == 0
    assert "both.parquet: 5 samples of 2 classes" in capsys.readouterr().out
    assert LandmarkCache.read(paths[-1]).per_class() == {"A": 4, "B": 1}


def test_a_file_that_is_no_cache_is_one_line_and_status_2(tmp_path, monkeypatch, capsys):
    (tmp_path / "text.parquet").write_text("hello")
    for arguments in (
        ("show", tmp_path / "text.parquet"),
        ("merge", tmp_path / "text.parquet", tmp_path / "o.parquet"),
    ):
        assert run_cli(monkeypatch, "cache", *arguments) == 2
        error = capsys.readouterr().err
        assert "text.parquet: not a Parquet file" in error
        assert error.count("\n") == 1
