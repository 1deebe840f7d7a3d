import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.drawn_hands import drawn_hand, hand_folder, write_image

from signport.child_process import child_environment
from signport.datasets import capture
from signport.datasets.cache import LandmarkCache
from signport.datasets.capture_folder import CaptureFolder
from signport.datasets.image_folder import capture_images
from signport.errors import SignportError
from signport.landmarks import worker_pool
from signport.landmarks.hand_detector import HandDetector, hand_landmarker_task

GREY = np.full((50, 60, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes with hands in several formats, one image without a hand, one unreadable."""
    folder = hand_folder(tmp_path_factory.mktemp("photos"), images=3)
    write_image(folder / "A/signer2/deep/extra.JPG", drawn_hand(spread=1.2))
    write_image(folder / "B/one.webp", drawn_hand(spread=1.1))
    write_image(folder / "B/two.bmp", drawn_hand(spread=1.15))
    write_image(folder / "A/grey.png", GREY)
    (folder / "B/broken.jpeg").write_bytes(b"\xff\xd8\xff no image")
    (folder / "B/notes.txt").write_text("not an image")
    write_image(folder / "A/.hidden.png", GREY)
    write_image(folder / "loose.png", GREY)
    return folder


@pytest.fixture(scope="module")
def captured(photos, tmp_path_factory):
    path = tmp_path_factory.mktemp("captured") / "hands.parquet"
    capture_images(photos, path)
    return path


def test_every_hand_becomes_a_sample_with_what_the_detector_said(captured, photos):
    cache = LandmarkCache.read(captured)
    assert cache.classes == ("A", "B")
    assert cache.per_class() == {"A": 4, "B": 5}
    assert "A/signer2/deep/extra.JPG" in cache.sample_ids
    with HandDetector() as detector:
        wanted = detector.detect(drawn_hand(spread=0.7))
        sha256, version = detector.model_sha256, detector.version
    row = cache.sample_ids.index("A/hand00.png")
    np.testing.assert_array_equal(cache.landmarks[row], wanted.landmarks)
    np.testing.assert_array_equal(cache.world_landmarks[row], wanted.world_landmarks)
    assert cache.handedness[row] == np.float32(wanted.handedness)
    assert cache.image_sizes[row].tolist() == [160, 160]
    assert cache.header.extractor["model_sha256"] == sha256
    assert cache.header.extractor["version"] == version


def test_what_gave_no_sample_is_listed_with_its_reason(captured):
    skipped = {(entry.source, entry.label, entry.reason) for entry in LandmarkCache.read(captured).header.skipped}
    assert skipped == {
        ("A/grey.png", "A", "no hand"),
        ("B/broken.jpeg", "B", "unreadable"),
        ("loose.png", None, "not in a class folder"),
    }


def test_the_bytes_do_not_depend_on_the_number_of_workers(captured, photos, tmp_path):
    capture_images(photos, tmp_path / "hands.parquet", workers=2)
    assert (tmp_path / "hands.parquet").read_bytes() == captured.read_bytes()
    assert (tmp_path / "hands.json").read_bytes() == captured.with_suffix(".json").read_bytes()


def test_a_killed_capture_goes_on_where_it_was_and_ends_with_the_same_bytes(tmp_path):
    folder = hand_folder(tmp_path / "photos", images=60, classes=("A",))
    output, partial = tmp_path / "hands.parquet", tmp_path / "hands.parquet.partial"
    capture_images(folder, tmp_path / "whole.parquet", workers=2)
    code = "import sys; from signport.datasets.image_folder import capture_images; capture_images(*sys.argv[1:])"
    environment = child_environment()
    with subprocess.Popen([sys.executable, "-c", code, str(folder), str(output)], env=environment) as process:
        while process.poll() is None and not list(partial.glob("part-*")):
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -9, "the capture ended before it could be killed"
    assert not output.exists()
    assert list(partial.glob("part-*"))

    # An image that is known is not looked at again: could it be, the black square would be found to hold no hand.
    first = folder / "A/hand00.png"
    stat = first.stat()
    black = write_image(tmp_path / "black.png", np.zeros((8, 8, 3), np.uint8)).read_bytes()
    first.write_bytes(black.ljust(stat.st_size, b"\0"))
    os.utime(first, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    cache = capture_images(folder, output)
    assert len(cache) == 60
    assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not partial.exists()


def test_an_image_that_kills_the_detector_is_skipped_and_all_others_captured(tmp_path, monkeypatch):
    """The real detector, killed at two images by whoever watches it: once each time it comes to the first of them."""
    folder = hand_folder(tmp_path / "photos", images=12, classes=("A",))
    capture_images(folder, tmp_path / "whole.parquet")
    killed: list[str] = []
    ask = worker_pool._Worker.ask

    def watched(worker, path):
        name = Path(path).name
        if name == "hand03.png" or (name == "hand07.png" and name not in killed):
            killed.append(name)
            worker.stop()
        return ask(worker, path)

    monkeypatch.setattr(worker_pool._Worker, "ask", watched)
    cache = capture_images(folder, tmp_path / "hands.parquet")
    assert killed == ["hand03.png", "hand03.png", "hand07.png"]
    whole = LandmarkCache.read(tmp_path / "whole.parquet")
    assert cache.sample_ids == [name for name in whole.sample_ids if name != "A/hand03.png"]
    np.testing.assert_array_equal(cache.landmarks, np.delete(whole.landmarks, 3, axis=0))
    assert [(entry.source, entry.reason) for entry in cache.header.skipped] == [("A/hand03.png", "killed the detector")]


def _parts_of_a_failed_capture(tmp_path, monkeypatch, **options):
    """Captures two images, of which writing the cache fails; returns folder and output."""
    folder = hand_folder(tmp_path / "photos", images=1)
    output = tmp_path / "hands.parquet"

    def full(*_args, **_options):
        raise SignportError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(capture, "write_rows", full)
        with pytest.raises(SignportError, match="disk full"):
            capture_images(folder, output, **options)
    return folder, output


def test_an_image_that_changed_is_looked_at_again(tmp_path, monkeypatch):
    folder, output = _parts_of_a_failed_capture(tmp_path, monkeypatch)
    write_image(folder / "A/hand00.png", drawn_hand(size=200, spread=1.3))
    cache = capture_images(folder, output)
    assert cache.image_sizes.tolist() == [[200, 200], [160, 160]]


def test_other_options_start_anew(tmp_path, monkeypatch):
    folder, output = _parts_of_a_failed_capture(tmp_path, monkeypatch)
    bordered = capture_images(folder, output, border=0.25)
    capture_images(folder, tmp_path / "fresh.parquet", border=0.25)
    assert output.read_bytes() == (tmp_path / "fresh.parquet").read_bytes()
    assert bordered.header.extractor["options"]["border"] == 0.25


def test_two_captures_do_not_write_to_one_output(tmp_path):
    folder = hand_folder(tmp_path / "photos", images=1)
    with (
        CaptureFolder(tmp_path / "hands.parquet.partial"),
        pytest.raises(SignportError, match="another capture is writing here"),
    ):
        capture_images(folder, tmp_path / "hands.parquet")


def test_unless_told_otherwise_a_second_look_finds_what_is_cropped_too_tightly_and_leaves_the_rest(tmp_path):
    whole = drawn_hand()
    folder = tmp_path / "photos"
    write_image(folder / "A/whole.png", whole)
    write_image(folder / "A/tight.png", whole[26:90, 50:110])
    plain = capture_images(folder, tmp_path / "plain.parquet", border=0)
    auto = capture_images(folder, tmp_path / "auto.parquet")
    assert plain.sample_ids == ["A/whole.png"]
    assert auto.sample_ids == ["A/tight.png", "A/whole.png"]
    np.testing.assert_array_equal(auto.landmarks[1], plain.landmarks[0])


def test_a_users_own_models_are_used_and_recorded(photos, captured, tmp_path):
    model = tmp_path / "mine.task"
    model.write_bytes(hand_landmarker_task())
    capture_images(photos, tmp_path / "hands.parquet", model=model)
    assert (tmp_path / "hands.parquet").read_bytes() == captured.read_bytes()
    model.write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(SignportError, match=r"mine\.task: a damaged zip archive"):
        capture_images(photos, tmp_path / "hands.parquet", model=model)


def test_classes_choose_and_order(photos, tmp_path):
    cache = capture_images(photos, tmp_path / "b.parquet", classes=["B"])
    assert cache.classes == ("B",)
    assert {entry.label for entry in cache.header.skipped} == {"B", None}
    with pytest.raises(SignportError, match="no class folder 'Z'; there are: A, B"):
        capture_images(photos, tmp_path / "z.parquet", classes=["A", "Z"])
    with pytest.raises(SignportError, match="class 'A' is named twice"):
        capture_images(photos, tmp_path / "z.parquet", classes=["A", "A"])


def test_groups_come_from_a_file_in_the_folder(tmp_path):
    folder = hand_folder(tmp_path / "photos", images=2, classes=("A",))
    (folder / "groups.csv").write_text("file,group\nA/hand00.png,ann\nA/hand01.png,bob\nA/gone.png,ann\n")
    assert capture_images(folder, tmp_path / "hands.parquet").groups == ["ann", "bob"]


def test_folders_without_images_are_refused_by_name(tmp_path):
    output = tmp_path / "out.parquet"
    with pytest.raises(SignportError, match="gone: No such file or directory"):
        capture_images(tmp_path / "gone", output)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SignportError, match="empty: holds nothing"):
        capture_images(empty, output)
    write_image(empty / "1.png", GREY)
    with pytest.raises(SignportError, match="empty: holds 1 images and no folder"):
        capture_images(empty, output)
    (empty / "A").mkdir()
    with pytest.raises(SignportError, match="empty/A: holds no image"):
        capture_images(empty, output)
    assert not output.exists()
    assert not list(tmp_path.glob("*.partial"))


def test_a_class_in_which_no_hand_is_found_is_refused_and_the_earlier_output_stays(tmp_path):
    folder = hand_folder(tmp_path / "photos", images=1, classes=("A",))
    output = tmp_path / "hands.parquet"
    capture_images(folder, output)
    before = output.read_bytes()
    write_image(folder / "None/noise.png", GREY)
    (folder / "None/broken.png").write_bytes(b"")
    with pytest.raises(SignportError, match=r"photos/None: class 'None' comes out empty, 1 x unreadable, 1 x no hand"):
        capture_images(folder, output)
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"border": -1}, "border is -1"),
        ({"border": "much"}, "border is 'much'"),
        ({"min_detection_confidence": 2}, "min_detection_confidence is 2"),
    ],
)
def test_bad_options_are_refused(photos, tmp_path, options, message):
    with pytest.raises(SignportError, match=message):
        capture_images(photos, tmp_path / "out.parquet", **options)


def test_an_output_that_cannot_be_written_is_refused_before_any_detection(photos, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SignportError, match=r"file/out.parquet: cannot write"):
        capture_images(photos, tmp_path / "file/out.parquet")
    with pytest.raises(SignportError, match=r"call it out.csv.parquet"):
        capture_images(photos, tmp_path / "out.csv")
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(SignportError, match=r"folder\.parquet: is a folder"):
        capture_images(photos, tmp_path / "folder.parquet")


def test_a_full_disk_leaves_the_earlier_output_and_what_was_finished(tmp_path):
    folder = hand_folder(tmp_path / "photos", images=60, classes=("A",))
    output, partial = tmp_path / "hands.parquet", tmp_path / "hands.parquet.partial"
    output.write_bytes(b"earlier")
    # The largest file that the process may write stands in for a disk that fills up: the system call fails likewise. A
    # part of these images takes at most half of it, and the cache twice as much.
    code = (
        "import resource, sys\n"
        "from signport.datasets.image_folder import capture_images\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (25_000, 25_000))\n"
        "capture_images(*sys.argv[1:], workers=2)\n"
    )
    environment = child_environment()
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(output)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "SignportError" in done.stderr.splitlines()[-1]
    assert "cannot write" in done.stderr.splitlines()[-1]
    assert output.read_bytes() == b"earlier"
    assert list(partial.glob("part-*"))

    capture_images(folder, output, workers=2)
    capture_images(folder, tmp_path / "fresh.parquet", workers=2)
    assert output.read_bytes() == (tmp_path / "fresh.parquet").read_bytes()
