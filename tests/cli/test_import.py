import numpy as np
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
    options = ["--label-position", "last"]
    assert run_cli(monkeypatch, "import", "csv", tmp_path / "t.csv", tmp_path / "o.parquet", *options) == 0
    assert "o.parquet: 4 samples of 2 classes" in capsys.readouterr().out
    cache = LandmarkCache.read(tmp_path / "o.parquet")
    assert cache.per_class() == {"1": 1, "3": 3}
    np.testing.assert_array_equal(cache.landmarks.reshape(4, 63), POINTS)


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
