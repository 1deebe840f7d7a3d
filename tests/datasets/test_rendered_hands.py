"""`render_hands`: files, resume, refusals, and what the real detector says."""

import csv
import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from signport.cli.render import app
from signport.datasets.cache import LandmarkCache
from signport.datasets.rendered import RenderedHands, hands, pictures, render_hands, vocabulary
from signport.errors import SignportError
from signport.files import read_json

TINY = {"classes": "canned", "per_class": 2, "seed": 5, "size": 96}


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> RenderedHands:
    return render_hands(tmp_path_factory.mktemp("rendered") / "letters", classes="letters", per_class=3, seed=1)


def test_the_real_detector_finds_the_hands(letters):
    assert list(letters.detection_rates) == list(vocabulary("letters"))
    assert letters.overall_rate >= 0.9
    assert letters.cache is not None
    assert len(letters.cache) == round(letters.overall_rate * 27 * 3)


def test_the_landmarks_found_lie_on_the_joints_drawn(letters):
    assert letters.landmark_error < 0.12
    assert letters.wrong_share < 0.06


def test_the_cache_knows_signer_and_class(letters):
    cache = LandmarkCache.read(letters.folder / "landmarks.parquet")
    assert cache.classes == vocabulary("letters")
    assert set(cache.groups) == {"signer00", "signer01", "signer02"}
    assert all(
        name.split("/")[1].startswith(str(group)) for name, group in zip(cache.sample_ids, cache.groups, strict=True)
    )


def test_truth_and_groups_cover_every_image(letters):
    files = sorted(path.relative_to(letters.folder).as_posix() for path in letters.folder.glob("*/*.png"))
    with (letters.folder / "groups.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == files
    with np.load(letters.folder / "truth.npz", allow_pickle=False) as truth:
        assert sorted(truth["files"].tolist()) == files
        assert truth["joints"].shape == (81, 21, 3)
        assert truth["joint_angles"].shape == (81, 21)


def test_the_contact_sheet_shows_every_class(letters):
    sheet = cv2.imread(str(letters.folder / "contact_sheet.png"))
    # Nine rows of three classes, each at least one picture high.
    assert sheet.shape[0] > 9 * 140
    assert sheet.std() > 20


def test_a_finished_folder_is_left_as_it_is(letters, monkeypatch):
    before = digests(letters.folder)
    monkeypatch.setattr("signport.datasets.image_folder.capture_images", None)
    again = render_hands(letters.folder, classes="letters", per_class=3, seed=1)
    assert again.detection_rates == letters.detection_rates
    assert digests(letters.folder) == before


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path):
    render_hands(tmp_path / "one", **TINY, detect=False)
    render_hands(tmp_path / "two", **TINY, detect=False, workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len(digests(tmp_path / "one")) == 8 * 2 + 3


def test_a_script_without_a_main_guard_may_use_workers(tmp_path):
    script = tmp_path / "plain.py"
    script.write_text(
        "from signport.datasets.rendered import render_hands\n"
        f"render_hands({str(tmp_path / 'out')!r}, 'canned', per_class=1, size=96, workers=2, detect=False)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*/*.png"))) == 8


@pytest.mark.parametrize("workers", [1, 2])
def test_a_picture_that_cannot_be_written_is_named(tmp_path, workers):
    render_hands(tmp_path / "out", **TINY, detect=False)
    for picture in (tmp_path / "out" / "Victory").glob("*.png"):
        picture.unlink()
    (tmp_path / "out" / "Victory").rmdir()
    (tmp_path / "out" / "Victory").write_text("in the way")
    with pytest.raises(SignportError, match=r"Victory.*cannot write"):
        render_hands(tmp_path / "out", **TINY, detect=False, workers=workers)


def test_picture_i_does_not_depend_on_how_many_there_are(tmp_path):
    render_hands(tmp_path / "two", **TINY, detect=False)
    render_hands(tmp_path / "one", **{**TINY, "per_class": 1}, detect=False)
    two, one = digests(tmp_path / "two"), digests(tmp_path / "one")
    pictures = [name for name in one if name.endswith(".png")]
    assert {name: one[name] for name in pictures} == {name: two[name] for name in pictures}


def test_an_interrupted_render_goes_on_to_the_same_end(tmp_path, monkeypatch):
    render_hands(tmp_path / "whole", **TINY, detect=False)
    encode, left = pictures.encode_png, [5]

    def pull_the_plug(image: np.ndarray) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return encode(image)

    monkeypatch.setattr(pictures, "encode_png", pull_the_plug)
    with pytest.raises(KeyboardInterrupt):
        render_hands(tmp_path / "torn", **TINY, detect=False)
    assert len(list((tmp_path / "torn").glob("*/*.png"))) == 5
    monkeypatch.undo()
    render_hands(tmp_path / "torn", **TINY, detect=False)
    assert digests(tmp_path / "torn") == digests(tmp_path / "whole")


@pytest.mark.parametrize(("name", "value"), [("seed", 6), ("per_class", 3), ("size", 128), ("classes", "digits")])
def test_a_folder_of_other_arguments_is_refused_untouched(tmp_path, name, value):
    folder = tmp_path / "hands"
    render_hands(folder, **{**TINY, "per_class": 1}, detect=False)
    before = digests(folder)
    with pytest.raises(SignportError, match="another folder or delete it"):
        render_hands(folder, **{**TINY, "per_class": 1, name: value}, detect=False)
    assert digests(folder) == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SignportError, match="holds other files"):
        render_hands(tmp_path, **TINY, detect=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("name", "value"), [("per_class", 0), ("seed", -1), ("size", 8), ("workers", 0), ("classes", "runes")]
)
def test_a_bad_argument_is_named(tmp_path, name, value):
    with pytest.raises(SignportError, match=f"{name}.*{value}"):
        render_hands(tmp_path / "out", **{**TINY, name: value})
    assert not (tmp_path / "out").exists()


def test_a_class_without_a_hand_is_refused_by_name(tmp_path, monkeypatch):
    draw = pictures.Drawing.scene

    def without_victory(drawing, label, index):
        scene = draw(drawing, label, index)
        away = replace(scene.view, center=(-9000.0, -9000.0))
        return replace(scene, view=away) if label == "Victory" else scene

    monkeypatch.setattr(pictures.Drawing, "scene", without_victory)
    with pytest.raises(SignportError, match="Victory"):
        render_hands(tmp_path / "out", classes="canned", per_class=1, seed=5)


def test_the_command_renders_and_reports(tmp_path):
    arguments = ["hands", "--classes", "canned", "--per-class", "2", "--seed", "3", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "ILoveYou" in result.output
    assert "all" in result.output
    report = read_json(tmp_path / "out" / hands.MANIFEST)
    assert report["overall_rate"] >= 0.75
    assert (tmp_path / "out" / "contact_sheet.png").is_file()
    assert json.dumps(report)
