from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.run_cli import run_cli

from signport.datasets.cache import LandmarkCache

POINTS = np.random.default_rng(5).normal(size=(4, 63)).astype(np.float32)


def test_an_npz_table_is_imported_and_counted(tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "t.npz", pts=POINTS, y=[0, 1, 1, 1], classes=["yes", "no"], who=[1, 1, 2, 2])
    options = ["--features-key", "pts", "--group-key", "who"]
    assert run_cli(monkeypatch, "import", "npz", tmp_path / "t.npz", tmp_path / "o.parquet", *options) == 0
    assert "o.parquet: 4 samples of 2 classes" in capsys.readouterr().out
    cache = LandmarkCache.read(tmp_path / "o.parquet")
    assert cache.per_class() == {"yes": 1, "no": 3}
    assert cache.groups == ["1", "1", "2", "2"]


def test_a_csv_table_is_imported_and_counted(tmp_path, monkeypatch, capsys):
    lines = [",".join(map(repr, [*row.tolist(), index])) for index, row in zip((3, 1, 3, 3), POINTS, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    options = ["--label-position", "last", "--image-size", "1280x720"]
    assert run_cli(monkeypatch, "import", "csv", tmp_path / "t.csv", tmp_path / "o.parquet", *options) == 0
    assert "o.parquet: 4 samples of 2 classes" in capsys.readouterr().out
    cache = LandmarkCache.read(tmp_path / "o.parquet")
    assert cache.per_class() == {"1": 1, "3": 3}
    np.testing.assert_array_equal(cache.landmarks.reshape(4, 63), POINTS)
    assert cache.image_sizes[0].tolist() == [1280, 720]


def test_an_image_size_that_is_none_is_one_line_and_status_2(tmp_path, monkeypatch, capsys):
    assert run_cli(monkeypatch, "import", "npz", "t.npz", tmp_path / "o.parquet", "--image-size", "wide") == 2
    assert "--image-size is 'wide'; give width and height in pixels, such as 1280x720" in capsys.readouterr().err


def test_a_bad_table_is_one_line_and_status_2(tmp_path, monkeypatch, capsys):
    np.savez(tmp_path / "t.npz", X=POINTS[:, :60], y=[0, 1, 1, 1])
    assert run_cli(monkeypatch, "import", "npz", tmp_path / "t.npz", tmp_path / "o.parquet") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "t.npz: X has shape (4, 60); expected (rows, 84) features" in error
    (tmp_path / "t.csv").write_text("label,x\nA,1\n")
    assert run_cli(monkeypatch, "import", "csv", tmp_path / "t.csv", tmp_path / "o.parquet") == 2
    assert "t.csv: has 2 columns; expected a label and 63 coordinates" in capsys.readouterr().err
    assert not (tmp_path / "o.parquet").exists()


def _write_frames(folder: Path, names: tuple[str, ...]) -> None:
    random = np.random.default_rng(0)
    for name in names:
        (folder / name).mkdir(parents=True)
        for frame in range(3):
            np.save(folder / name / f"{frame}.npy", random.uniform(0.1, 0.9, 225))


def _write_clips(folder: Path, names: tuple[str, ...]) -> None:
    random = np.random.default_rng(0)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / name, random.uniform(0.1, 0.9, (4, 408)))


def _write_parquet(folder: Path, signs: dict[str, str]) -> None:
    folder.mkdir()
    rows = {"type": ["left_hand"] * 42, "landmark_index": [*range(21)] * 2, "frame": [1] * 21 + [2] * 21}
    for name in signs:
        pq.write_table(pa.table({**rows, **dict.fromkeys("xyz", np.linspace(0.1, 0.9, 42))}), folder / name)
    lines = [f"{name},{sign},{number}" for number, (name, sign) in enumerate(signs.items())]
    (folder / "train.csv").write_text("\n".join(["path,sign,sequence_id", *lines]))


def test_frame_files_are_imported_and_removed_classes_named(tmp_path, monkeypatch, capsys):
    _write_frames(tmp_path / "DATA", ("hello/s1_0", "hello/s2_1", "bye/s1_0", "bye/s2_1", "once/s1_0"))
    options = ["--topology", "upper_59", "--group-regex", r"/(s\d)_", "--frame-rate", 30, "--workers", 2]
    assert run_cli(monkeypatch, "import", "frames", tmp_path / "DATA", tmp_path / "o.parquet", *options) == 0
    printed = capsys.readouterr().out
    assert "o.parquet: 4 samples of 2 classes, topology upper_59, 3 to 3 frames, 2 signers or recordings" in printed
    assert "removed, with fewer than 2 samples: once" in printed
    assert "class of fewer than 2 samples (1): once/s1_0" in printed
    cache = LandmarkCache.read(tmp_path / "o.parquet")
    assert cache.groups == ["s1", "s2", "s1", "s2"]
    assert (cache.frame_rates == 30).all()


def test_clip_files_are_imported_in_the_classes_given(tmp_path, monkeypatch, capsys):
    _write_clips(tmp_path / "D", ("yes/0.npy", "yes/1.npy", "no/0.npy", "no/1.npy", "why/0.npy"))
    options = ["--classes", "yes, no", "--write-labels"]
    assert run_cli(monkeypatch, "import", "clips", tmp_path / "D", tmp_path / "o.parquet", *options) == 0
    assert "4 samples of 2 classes, topology isl_136, 4 to 4 frames, signers unknown" in capsys.readouterr().out
    assert LandmarkCache.read(tmp_path / "o.parquet").classes == ("yes", "no")
    assert (tmp_path / "D/file_to_label.json").is_file()


def test_parquet_clips_are_imported_by_their_gloss_map(tmp_path, monkeypatch, capsys):
    _write_parquet(tmp_path / "D", {"1.parquet": "book", "2.parquet": "book", "3.parquet": "tree"})
    (tmp_path / "map.csv").write_text("gloss,label\nbook,0\n")
    arguments = ["import", "parquet", tmp_path / "D", tmp_path / "o.parquet", "--gloss-map", tmp_path / "map.csv"]
    assert run_cli(monkeypatch, *arguments) == 2
    assert "sign 'tree' is not in" in capsys.readouterr().err
    assert run_cli(monkeypatch, *arguments, "--only-mapped", "--topology", "pose_hands_75") == 0
    printed = capsys.readouterr().out
    assert "gloss not in the gloss map (1): 3.parquet" in printed
    assert "2 samples of 1 classes, topology pose_hands_75, 2 to 2 frames" in printed


@pytest.mark.parametrize("verb", ["frames", "clips", "parquet"])
def test_a_folder_that_does_not_fit_is_one_line_and_status_2(tmp_path, monkeypatch, capsys, verb):
    (tmp_path / "D").mkdir()
    assert run_cli(monkeypatch, "import", verb, tmp_path / "D", tmp_path / "o.parquet") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "expected" in error or "no such file" in error
    assert not (tmp_path / "o.parquet").exists()
