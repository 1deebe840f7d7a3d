import numpy as np
import pytest
from tests.drawn_clips import hand_frames, write_clip
from tests.drawn_hands import drawn_hand, hand_folder, write_image
from tests.run_cli import run_cli

from signport.datasets.cache import LandmarkCache


def test_capture_prints_statistics_a_class_and_what_was_skipped(tmp_path, monkeypatch, capsys):
    folder = hand_folder(tmp_path / "photos", images=2, classes=("A",))
    for number in range(7):
        write_image(folder / f"A/grey{number}.png", np.full((40, 40, 3), 90, np.uint8))
    write_image(folder / "[b]/1.png", drawn_hand(spread=1.3))
    (folder / "[b]/bad.png").write_bytes(b"bad")
    assert run_cli(monkeypatch, "capture", "images", folder, tmp_path / "o.parquet", "--workers", 2) == 0
    printed = capsys.readouterr()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.out.splitlines() if "│" in line]
    assert ["A", "2", "7", "0", "22.2%"] in rows
    assert ["[b]", "1", "0", "1", "50.0%"] in rows
    assert ["all", "3", "7", "1", "27.3%"] in rows
    assert "no hand (7): A/grey0.png, A/grey1.png, A/grey2.png, A/grey3.png, A/grey4.png and 2 more" in printed.out
    assert "unreadable (1): [b]/bad.png" in printed.out
    assert "capture hands: 11/11 images" in printed.err
    assert "found 3 · no hand 7 · unreadable 1" in printed.err


def test_list_skipped_names_every_image(tmp_path, monkeypatch, capsys):
    folder = hand_folder(tmp_path / "photos", images=1, classes=("A",))
    for number in range(7):
        write_image(folder / f"A/grey{number}.png", np.full((40, 40, 3), 90, np.uint8))
    assert run_cli(monkeypatch, "capture", "images", folder, tmp_path / "o.parquet", "--list-skipped") == 0
    printed = capsys.readouterr().out
    assert all(f"\n  A/grey{number}.png\n" in printed for number in range(7))


def test_options_reach_the_library(tmp_path, monkeypatch):
    folder = hand_folder(tmp_path / "photos", images=1, classes=("A", "B", "C"))
    options = [
        "--border",
        "0.25",
        "--min-detection-confidence",
        "0.4",
        "--classes",
        "C, A",
        "--group-regex",
        r"(\d+)\.png",
    ]
    assert run_cli(monkeypatch, "capture", "images", folder, tmp_path / "o.parquet", *options) == 0
    cache = LandmarkCache.read(tmp_path / "o.parquet")
    assert cache.classes == ("C", "A")
    assert cache.groups == ["00", "00"]
    assert cache.header.extractor["options"] == {"min_detection_confidence": 0.4, "border": 0.25}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--border", "wide"], "--border is 'wide'; give a fraction such as 0.25, or auto"),
        (["--min-detection-confidence", "7"], "min_detection_confidence is 7.0; give a number from 0 to 1"),
        (["--model", "gone.task"], "gone.task: no such file; give the path of a .task bundle"),
        (["--classes", "Q"], "no class folder 'Q'; there are: A"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, monkeypatch, capsys, options, message):
    folder = hand_folder(tmp_path / "photos", images=1, classes=("A",))
    assert run_cli(monkeypatch, "capture", "images", folder, tmp_path / "o.parquet", *options) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("signport: error: ")
    assert message in printed.err
    assert printed.out == ""


def test_an_empty_class_and_a_missing_folder_are_status_2(tmp_path, monkeypatch, capsys):
    assert run_cli(monkeypatch, "capture", "images", tmp_path / "gone", tmp_path / "o.parquet") == 2
    assert "gone: No such file or directory" in capsys.readouterr().err
    write_image(tmp_path / "photos/None/1.png", np.full((40, 40, 3), 90, np.uint8))
    assert run_cli(monkeypatch, "capture", "images", tmp_path / "photos", tmp_path / "o.parquet") == 2
    assert "class 'None' comes out empty, 1 x no hand" in capsys.readouterr().err
    assert not (tmp_path / "o.parquet").exists()


def test_video_prints_statistics_and_hands_its_options_on(tmp_path, monkeypatch, capsys):
    write_clip(tmp_path / "videos/a/ann_1.mp4", hand_frames(2))
    write_clip(tmp_path / "videos/b/bob_1.mp4", hand_frames(2, first=3))
    write_clip(tmp_path / "videos/c/cid_1.mp4", hand_frames(1))
    (tmp_path / "videos/b/bob_2.mp4").write_bytes(b"bad")
    options = ["--topology", "upper_59", "--classes", "b,a", "--group-regex", "/([a-z]+)_", "--list-skipped"]
    options += ["--min-detection-confidence", "0.4", "--workers", "2"]
    assert run_cli(monkeypatch, "capture", "video", tmp_path / "videos", tmp_path / "o.parquet", *options) == 0
    cache = LandmarkCache.read(tmp_path / "o.parquet")
    assert cache.header.topology == "upper_59"
    assert cache.classes == ("b", "a")
    assert cache.groups == ["ann", "bob"]
    assert cache.header.extractor["options"]["min_detection_confidence"] == 0.4
    printed = capsys.readouterr()
    assert "unreadable (1):\n  b/bob_2.mp4\n" in printed.out
    assert printed.out.endswith("o.parquet: 2 samples of 2 classes\n")
    assert "capture videos: 3/3 videos" in printed.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--topology", "hand"], "'hand' is no body layout; choose one of: pose_hands_75"),
        (["--workers", "0"], "workers is 0; give 1 or more"),
        (["--groups", "gone.csv"], "gone.csv: not readable as CSV"),
        (["--classes", "Q"], "no class folder 'Q'; there are: a"),
    ],
)
def test_bad_video_input_is_one_line_and_status_2(tmp_path, monkeypatch, capsys, options, message):
    (tmp_path / "videos/a").mkdir(parents=True)
    (tmp_path / "videos/a/1.mp4").write_bytes(b"")
    assert run_cli(monkeypatch, "capture", "video", tmp_path / "videos", tmp_path / "o.parquet", *options) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert printed.out == ""
