import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.drawn_clips import BLACK, hand_frames, write_clip

from signport.child_process import child_environment
from signport.datasets.cache import LandmarkCache
from signport.datasets.video_folder import capture_videos
from signport.errors import SignportError
from signport.landmarks.holistic_detector import HolisticDetector
from signport.landmarks.topology import HOLISTIC_543, ISL_136
from signport.landmarks.video_file import VideoFile

CLIPS = Path(__file__).parents[3] / "shared/data/videos-msl150"


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two classes with clips in several containers, some that give nothing, and one in no class."""
    folder = tmp_path_factory.mktemp("videos")
    write_clip(folder / "hello/one.mp4", hand_frames(4), rate=30)
    write_clip(folder / "hello/ann/two.MOV", [BLACK, *hand_frames(2, first=4), BLACK], rate=15)
    write_clip(folder / "thanks/one.webm", [frame[:, ::-1] for frame in hand_frames(3)])
    write_clip(folder / "thanks/black.mkv", [BLACK] * 2)
    cut = write_clip(folder / "thanks/cut.avi", hand_frames(8))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (folder / "thanks/empty.mp4").write_bytes(b"")
    (folder / "thanks/notes.txt").write_text("not a video")
    write_clip(folder / "loose.mp4", [BLACK])
    return folder


@pytest.fixture(scope="module")
def captured(videos, tmp_path_factory):
    path = tmp_path_factory.mktemp("captured") / "clips.parquet"
    capture_videos(videos, path)
    return path


def test_every_video_becomes_a_sample_with_what_the_detector_said(captured, videos):
    cache = LandmarkCache.read(captured)
    assert cache.topology is ISL_136
    assert cache.classes == ("hello", "thanks")
    assert cache.sample_ids == ["hello/ann/two.MOV", "hello/one.mp4", "thanks/one.webm"]
    assert cache.num_frames.tolist() == [4, 4, 3]
    np.testing.assert_allclose(cache.frame_rates, [15, 30, 25])
    assert cache.image_sizes.tolist() == [[160, 160]] * 3
    assert cache.groups == [None] * 3
    with HolisticDetector() as detector:
        wanted = np.stack(list(detector.follow(VideoFile(videos / "hello/one.mp4").frames())))
        assert cache.header.extractor["model_sha256"] == detector.model_sha256
        assert cache.header.extractor["version"] == detector.version
    np.testing.assert_array_equal(cache.clip(1), wanted[:, ISL_136.indices_in(HOLISTIC_543)])
    source = (captured.parent / cache.table["source"][1].as_py()).resolve()
    assert source == (videos / "hello/one.mp4").resolve()


def test_missing_parts_and_frames_stay_missing(captured):
    cache = LandmarkCache.read(captured)
    left, right = ISL_136.part("left_hand"), ISL_136.part("right_hand")
    missing = np.isnan(cache.clip(0)).all(axis=(1, 2))
    assert missing.tolist() == [True, False, False, True]
    assert not np.isnan(cache.clip(1)[:, left]).any()
    assert np.isnan(cache.clip(1)[:, right]).all()
    assert not np.isnan(cache.clip(2)[:, right]).any()  # the mirrored hand
    assert np.isnan(cache.clip(2)[:, left]).all()


def test_what_gave_no_sample_is_listed_with_its_reason(captured):
    skipped = {(entry.source, entry.label, entry.reason) for entry in LandmarkCache.read(captured).header.skipped}
    assert skipped == {
        ("thanks/black.mkv", "thanks", "no landmarks"),
        ("thanks/cut.avi", "thanks", "cut short"),
        ("thanks/empty.mp4", "thanks", "unreadable"),
        ("loose.mp4", None, "not in a class folder"),
    }


def test_two_workers_give_the_same_bytes_and_a_decoders_complaints_stay_off_the_terminal(
    captured, videos, tmp_path, capfd
):
    capture_videos(videos, tmp_path / "clips.parquet", workers=2)
    assert (tmp_path / "clips.parquet").read_bytes() == captured.read_bytes()
    assert (tmp_path / "clips.json").read_bytes() == captured.with_suffix(".json").read_bytes()
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("capture videos: 6/6 videos in")
    assert "frames · found 3 · skipped 3" in printed.err


def test_a_killed_capture_goes_on_where_it_was_and_ends_with_the_same_bytes(tmp_path):
    folder, output, partial = (tmp_path / name for name in ("videos", "o.parquet", "o.parquet.partial"))
    for number in range(10):
        write_clip(folder / f"a/clip{number:02d}.mp4", hand_frames(4, first=number))
    capture_videos(folder, tmp_path / "whole.parquet", workers=2)
    code = "import sys; from signport.datasets.video_folder import capture_videos; capture_videos(*sys.argv[1:])"
    environment = child_environment()
    with subprocess.Popen([sys.executable, "-c", code, str(folder), str(output)], env=environment) as process:
        while process.poll() is None and len(list(partial.glob("part-*"))) < 2:
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -9, "the capture ended before it could be killed"
    assert not output.exists()
    assert 2 <= len(list(partial.glob("part-*"))) < 10

    # A clip that is known is not looked at again: could it be, it would be found to be no video.
    first = folder / "a/clip00.mp4"
    stat = first.stat()
    first.write_bytes(bytes(stat.st_size))
    os.utime(first, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert len(capture_videos(folder, output)) == 10
    assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert not partial.exists()


@pytest.fixture
def listed(tmp_path):
    """Three clips beside a list; writes the list and returns its path."""
    for name in ("clips/1.mp4", "clips/2.mp4", "more/3.mp4"):
        write_clip(tmp_path / name, hand_frames(1))

    def write(text):
        path = tmp_path / "lists/videos.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_a_list_gives_labels_and_signers_and_may_name_what_is_not_there(listed, tmp_path):
    absolute = tmp_path / "more/3.mp4"
    path = listed(
        "path,label,signer,note\n../clips/2.mp4,b,ann,x\n../lists/../clips/1.mp4,a,bob,\n"
        f"{absolute},a,ann,\n../gone.mp4,a,ann,\n"
    )
    cache = capture_videos(path, tmp_path / "o.parquet", topology="pose_hands_75")
    assert cache.sample_ids == ["../clips/1.mp4", "../clips/2.mp4", "../more/3.mp4"]
    assert cache.classes == ("a", "b")
    assert cache.groups == ["bob", "ann", "ann"]
    assert cache.clip(0).shape == (1, 75, 3)
    assert [(entry.source, entry.label, entry.reason) for entry in cache.header.skipped] == [
        ("../gone.mp4", "a", "no file")
    ]


def test_classes_choose_and_groups_override_in_a_list(listed, tmp_path):
    path = listed("path,label,signer\n../clips/1.mp4,a,ann\n../clips/2.mp4,b,ann\n../more/3.mp4,c,bob\n")
    cache = capture_videos(path, tmp_path / "o.parquet", classes=["c", "a"], group_regex=r"/(\d)\.")
    assert cache.classes == ("c", "a")
    assert cache.groups == ["1", "3"]
    with pytest.raises(SignportError, match=r"videos\.csv: lists no video of class 'z'"):
        capture_videos(path, tmp_path / "o.parquet", classes=["a", "z"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\n1.mp4,a\n", "columns are file, label; a list of videos needs path and label"),
        ("", "columns are none"),
        ("path,label\n", "lists no video"),
        ("path,label\n1.mp4,a\n2.mp4,\n", "line 3: label is empty"),
        ("path,label\n1.mp4\n", "line 2: label is empty"),
        ("path,label,signer\n1.mp4,a,\n", "line 2: signer is empty"),
        ("path,label\n1.mp4,a\n2.mp4,a\nx/../1.mp4,b\n", "line 4: path '1.mp4' stands in line 2 too"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tmp_path, text, message):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(SignportError, match=rf"list\.csv: {message}"):
        capture_videos(tmp_path / "list.csv", tmp_path / "o.parquet")


def test_a_video_in_place_of_a_list_is_refused(tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"\0\0\0\x18ftypmp42\xff\xfe" * 9)
    with pytest.raises(SignportError, match=r"clip\.mp4: .*CSV") as raised:
        capture_videos(clip, tmp_path / "o.parquet")
    assert "\n" not in str(raised.value)


def test_folders_and_options_that_do_not_fit_are_refused(tmp_path):
    output = tmp_path / "o.parquet"
    with pytest.raises(
        SignportError, match="gone: No such file or directory; give a folder that holds one folder of v"
    ):
        capture_videos(tmp_path / "gone", output)
    (tmp_path / "in/a").mkdir(parents=True)
    with pytest.raises(SignportError, match=r"in/a: holds no video \(\.mp4, \.mov"):
        capture_videos(tmp_path / "in", output)
    (tmp_path / "in/a/1.mp4").write_bytes(b"")
    with pytest.raises(SignportError, match="'hand' is no body layout"):
        capture_videos(tmp_path / "in", output, topology="hand")
    with pytest.raises(SignportError, match="workers is 0"):
        capture_videos(tmp_path / "in", output, workers=0)
    with pytest.raises(SignportError, match=r"no group for video 'a/1\.mp4'"):
        capture_videos(tmp_path / "in", output, groups={"x": "ann"})
    with pytest.raises(SignportError, match=r"in/a: class 'a' comes out empty, 1 x unreadable; add videos"):
        capture_videos(tmp_path / "in", output)
    assert not output.exists()


@pytest.mark.skipif(not CLIPS.is_dir(), reason="../shared/data/videos-msl150 is not on this machine")
def test_real_clips_hold_a_person_in_every_frame_and_the_signing_hand_in_nearly_all(tmp_path):
    names = ("hoy", "yo")
    (tmp_path / "list.csv").write_text(
        "path,label\n" + "".join(f"{CLIPS.resolve()}/{name}_001.mp4,{name}\n" for name in names)
    )
    cache = capture_videos(tmp_path / "list.csv", tmp_path / "o.parquet", workers=2)
    assert cache.num_frames.tolist() == [64, 55]
    np.testing.assert_allclose(cache.frame_rates, 29.97, atol=0.02)
    for row in range(2):
        clip = cache.clip(row)
        assert not np.isnan(clip[:, ISL_136.part("pose")]).any()
        assert np.isnan(clip[:, ISL_136.part("right_hand").start, 0]).mean() < 0.05
        assert np.isnan(clip[:, ISL_136.part("left_hand")]).all()  # it hangs down, out of the picture
