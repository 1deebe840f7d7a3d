"""What a person can get wrong ends in one line, status 2 and untouched earlier outputs."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.drawn_hands import hand_folder
from tests.run_cli import run_cli

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.landmarks.asset_bundle import bundle_bytes

SIGNPORT = Path(sys.executable).parent / "signport"


def refused(*arguments: object, folder: Path) -> str:
    """Runs signport, checks that it refuses as it should, and returns the line."""
    done = subprocess.run(
        [SIGNPORT, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("signport: error: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """A cache to train on."""
    random = np.random.default_rng(0)
    samples = [
        Sample(f"{name}/{number}", name, random.random((1, 21, 3), np.float32)) for name in "AB" for number in range(20)
    ]
    path = tmp_path_factory.mktemp("cache") / "hands.parquet"
    LandmarkCache.from_samples(samples, CacheHeader("hand", ("A", "B"))).write(path)
    return path


def test_an_empty_folder(tmp_path):
    (tmp_path / "photos").mkdir()
    assert "photos" in refused("capture", "images", "photos", "hands.parquet", folder=tmp_path)


def test_a_class_without_a_hand_and_the_earlier_output(tmp_path):
    hand_folder(tmp_path / "photos", 1, ("A",))
    (tmp_path / "photos" / "B").mkdir()
    (tmp_path / "photos" / "B" / "torn.png").write_bytes(b"no picture")
    (tmp_path / "hands.parquet").write_bytes(b"earlier")
    line = refused("capture", "images", "photos", "hands.parquet", folder=tmp_path)
    assert "'B'" in line
    assert "unreadable" in line
    assert (tmp_path / "hands.parquet").read_bytes() == b"earlier"


def test_a_table_of_the_wrong_width(tmp_path):
    (tmp_path / "table.csv").write_text("label," + ",".join(f"v{i}" for i in range(50)) + "\nA" + ",0.5" * 50 + "\n")
    line = refused("import", "csv", "table.csv", "hands.parquet", folder=tmp_path)
    assert "51 columns" in line
    assert "63" in line


def test_nan_labels(tmp_path):
    np.savez(tmp_path / "table.npz", features=np.zeros((3, 63), np.float32), labels=np.array([0, np.nan, 1]))
    assert "label" in refused("import", "npz", "table.npz", "hands.parquet", folder=tmp_path)


@pytest.mark.parametrize("broken", ["truncated", "without models"])
def test_a_bundle_that_is_none(tmp_path, cache, broken):
    whole = bundle_bytes({"hand_landmarker.task": b"x" * 500, "hand_gesture_recognizer.task": b"y" * 500})
    content = whole[:700] if broken == "truncated" else bundle_bytes({"readme.txt": b"nothing else"})
    (tmp_path / "g.task").write_bytes(content)
    line = refused("train", "gesture_head", "--data", cache, "--base-bundle", "g.task", folder=tmp_path)
    assert "g.task" in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_checkpoint_of_another_recipe(tmp_path, cache):
    quick = ["--set", "training.epochs=1", "--set", "logging.tensorboard=false", "--set", "data.augmentation.copies=0"]
    subprocess.run(
        [SIGNPORT, "train", "mlp", "--data", cache, "--name", "one", *quick],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    shutil.copytree(tmp_path / "runs" / "one", tmp_path / "runs" / "two")
    recipe = tmp_path / "runs" / "two" / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("dropout: 0.3", "dropout: 0.4"))
    record = tmp_path / "runs" / "two" / "run.json"
    record.write_text(record.read_text().replace('"finished": true', '"finished": false'))
    assert "another recipe" in refused("train", "--resume", "runs/two", folder=tmp_path)


@pytest.mark.parametrize("verb", ["export", "bundle", "parity", "inspect"])
def test_a_run_that_is_none(tmp_path, verb):
    assert "nothing-here" in refused(verb, "nothing-here", folder=tmp_path)


def test_an_output_that_cannot_be_written(tmp_path):
    hand_folder(tmp_path / "photos", 1, ("A",))
    line = refused("capture", "images", "photos", "/proc/signport/hands.parquet", folder=tmp_path)
    assert "/proc/signport" in line


def test_an_output_that_cannot_be_written_is_told_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    for command, output in (
        (("import", "clips", "nothing"), "file/signs.parquet"),
        (("render", "signs"), "file/signs.parquet"),
        (("render", "signs", "signs.parquet", "--preview"), "file/signs.gif"),
        (("parity", "nothing", "--junit"), "file/report.xml"),
    ):
        assert run_cli(monkeypatch, *command, output) == 2
        line = capsys.readouterr().err
        assert line.startswith(f"signport: error: {output}: cannot write (Not a directory)"), line
        assert line.count("\n") == 1


def test_a_full_disk(tmp_path, cache):
    """A file size limit stands in for the disk: writes fail in the middle, as on a full one."""
    output = tmp_path / "merged.parquet"
    output.write_bytes(b"earlier")
    other = tmp_path / "other.parquet"
    LandmarkCache.read(cache).take(np.arange(30)).write(other)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        f"sys.argv = ['signport', 'cache', 'merge', {str(cache)!r}, {str(other)!r}, {str(output)!r}];"
        "from signport.cli.main import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "merged.parquet" in done.stderr
    assert "Traceback" not in done.stderr
    assert output.read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["merged.parquet", "other.json", "other.parquet"]


def test_a_layer_that_is_to_be_kept_as_nothing_known(tmp_path):
    line = refused("export", "runs/mlp-001", "--keep", "logits=int4", folder=tmp_path)
    assert "--keep logits=int4: expected LAYER=float or LAYER=int16" in line


@pytest.mark.parametrize(
    ("raised", "status", "line"),
    [
        (KeyboardInterrupt(), 130, "interrupted; finished work is kept"),
        (IsADirectoryError(21, "Is a directory", "somewhere"), 2, "somewhere: Is a directory"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
    ],
)
def test_what_nobody_foresaw_and_ctrl_c_are_one_line(monkeypatch, capsys, raised, status, line):
    def surveyed():
        raise raised

    monkeypatch.setattr("signport.environment.survey", surveyed)
    assert run_cli(monkeypatch, "doctor") == status
    assert capsys.readouterr().err == f"signport: error: {line}\n"
