import numpy as np
import pytest
from tests.parity.faked_run import CLASSES, clips, fresh_clip_run
from tests.run_cli import run_cli

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_clip_run(tmp_path_factory, tmp_path)


@pytest.fixture
def cache(tmp_path):
    values, labels, lengths = clips(8, seed=11)
    samples = [
        Sample(f"clip-{row}", CLASSES[label], values[row, :length])
        for row, (label, length) in enumerate(zip(labels, lengths, strict=True))
    ]
    return LandmarkCache.from_samples(samples, CacheHeader("pose_hands_75", CLASSES)).write(tmp_path / "c.parquet")


def test_clips_are_played_and_summed_up(run, cache, monkeypatch, capsys):
    assert run_cli(monkeypatch, "stream", run, cache.path, "--hold", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert lines[1].split()[:4] == ["clip-1", str(cache.num_frames[1]), "frames", "right"]
    assert "A: A @2 (" in lines[1]
    assert lines[0].endswith("None: -")
    assert lines[-1].startswith("8 of 8 clips right at their end (1.0000), 2 without a label; ")


def test_a_threshold_that_is_never_reached_gives_no_label(run, cache, monkeypatch, capsys):
    assert run_cli(monkeypatch, "stream", run, cache.path, "--threshold", 1, "--limit", 4) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["clip-0", "clip-2", "clip-4", "clip-6"]
    assert "4 without a label" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--stride", "0"], "stride 0"), (["--limit", "0"], "limit 0"), (["--format", "int8"], "model_int8.tflite")],
)
def test_bad_options_are_status_2_and_one_line(run, cache, monkeypatch, capsys, arguments, words):
    assert run_cli(monkeypatch, "stream", run, cache.path, *arguments) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert shown.count("\n") == 1


def test_a_cache_of_another_layout_is_refused(run, tmp_path, monkeypatch, capsys):
    hands = [Sample("a", "A", np.zeros((1, 21, 3), np.float32))]
    LandmarkCache.from_samples(hands, CacheHeader("hand", ("A",))).write(tmp_path / "hands.parquet")
    assert run_cli(monkeypatch, "stream", run, tmp_path / "hands.parquet") == 2
    assert "topology hand lacks 75 points of the model's pose_hands_75" in capsys.readouterr().err
