import tarfile
from pathlib import Path

import numpy as np
import pytest

from signport.datasets.cache import LandmarkCache
from signport.datasets.frame_files import import_frames
from signport.datasets.sequence_import import removed_classes
from signport.errors import SignportError
from signport.landmarks.topology import HOLISTIC_543, POSE_HANDS_75, topology_named

SHARED = Path(__file__).parents[3] / "shared/data"
ILKER = SHARED / "sequences-ilker/MP_Data.tar.xz"
MSL150 = SHARED / "sequences-msl150/sample_npy.tar.gz"


def _sequence(folder: Path, numbers, width: int = 225, seed: int = 0, pattern: str = "{}.npy") -> np.ndarray:
    """Writes a frame file for each number and returns the frames as written."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    frames = random.uniform(0.1, 0.9, (len(numbers), width))
    for number, frame in zip(numbers, frames, strict=True):
        np.save(folder / pattern.format(number), frame)
    return frames


@pytest.fixture
def data(tmp_path) -> Path:
    """Two actions of two sequences with twelve frames of 225 numbers."""
    for seed, name in enumerate(["hello/0", "hello/1", "bye/0", "bye/1"]):
        _sequence(tmp_path / "DATA" / name, range(12), seed=seed)
    return tmp_path / "DATA"


def test_frames_come_in_the_order_of_their_numbers(tmp_path, data):
    cache = import_frames(data, tmp_path / "o.parquet")
    assert cache.sample_ids == ["bye/0", "bye/1", "hello/0", "hello/1"]
    assert cache.classes == ("bye", "hello")
    assert cache.header.topology == "pose_hands_75"
    assert cache.num_frames.tolist() == [12] * 4
    written = np.stack([np.load(data / "hello/1" / f"{number}.npy") for number in range(12)])
    np.testing.assert_array_equal(cache.clip(3).reshape(12, 225), written.astype(np.float32))
    assert LandmarkCache.read(tmp_path / "o.parquet").digest == cache.digest
    assert cache.groups == [None] * 4
    assert np.isnan(cache.frame_rates).all()


def test_a_missing_number_is_a_missing_frame(tmp_path, data):
    frames = _sequence(data / "bye/2", [7, 9, 10, 12], seed=9, pattern="frame_{:04}.npy")
    cache = import_frames(data, tmp_path / "o.parquet", frame_rate=30)
    clip = cache.clip(2)
    assert len(clip) == 6
    assert np.isnan(clip[[1, 4]]).all()
    np.testing.assert_array_equal(clip[[0, 2, 3, 5]].reshape(4, 225), frames.astype(np.float32))
    assert (cache.frame_rates == 30).all()


@pytest.mark.parametrize(
    ("width", "topology"),
    [(225, "pose_hands_75"), (226, "pose_hands_75"), (258, "pose_hands_75"), (1662, "holistic_543")],
)
def test_each_width_has_its_topology_and_a_hand_of_zeros_is_missing(tmp_path, width, topology):
    for name in ("a/0", "a/1"):
        _sequence(tmp_path / "D" / name, range(2), width)
    path = tmp_path / "D/a/0/1.npy"
    frame = np.load(path)
    frame[-63:] = 0
    np.save(path, frame)
    cache = import_frames(tmp_path / "D", tmp_path / "o.parquet")
    assert cache.header.topology == topology
    right = topology_named(topology).part("right_hand")
    assert np.isnan(cache.clip(0)[1, right]).all()
    np.testing.assert_array_equal(cache.clip(0)[1, :1, 0], np.float32(frame[0]))
    np.testing.assert_array_equal(cache.clip(1)[0, right].ravel(), np.load(tmp_path / "D/a/1/0.npy")[-63:].astype("f4"))


def test_a_smaller_topology_keeps_its_points(tmp_path):
    for name in ("a/0", "a/1"):
        _sequence(tmp_path / "D" / name, range(2), 1662)
    whole = import_frames(tmp_path / "D", tmp_path / "whole.parquet")
    part = import_frames(tmp_path / "D", tmp_path / "part.parquet", topology="pose_hands_75")
    np.testing.assert_array_equal(part.clip(1), whole.clip(1)[:, POSE_HANDS_75.indices_in(HOLISTIC_543)])


def test_the_number_of_workers_does_not_change_the_bytes(tmp_path, data):
    import_frames(data, tmp_path / "one.parquet")
    import_frames(data, tmp_path / "three.parquet", workers=3)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "three.parquet").read_bytes()


def test_groups_come_from_names_or_a_table(tmp_path, data):
    cache = import_frames(data, tmp_path / "o.parquet", group_regex=r"/(\d)")
    assert cache.groups == ["0", "1", "0", "1"]
    (data / "groups.csv").write_text("file,group\nbye/0,ann\nbye/1,bob\nhello/0,ann\nhello/1,bob\n")
    assert import_frames(data, tmp_path / "o.parquet").groups == ["ann", "bob", "ann", "bob"]
    with pytest.raises(SignportError, match=r"group regex '.*' does not match clip 'bye/0'"):
        import_frames(data, tmp_path / "o.parquet", group_regex=r"(signer\d)")


def test_a_sequence_that_cannot_be_read_is_skipped_and_named(tmp_path, data):
    (data / "bye/2").mkdir()
    (data / "bye/2/notes.txt").write_text("not a frame")
    for number, content in enumerate([b"", b"no array", (data / "bye/0/3.npy").read_bytes()[:300]], start=3):
        _sequence(data / f"bye/{number}", range(3))
        (data / f"bye/{number}/1.npy").write_bytes(content)
    _sequence(data / "hello/2", range(3))
    np.save(data / "hello/2/0.npy", np.array([{"x": 1}], object), allow_pickle=True)
    _sequence(data / "hello/3", range(2))
    for number in range(2):
        np.save(data / f"hello/3/{number}.npy", np.zeros(225))
    _sequence(data / "hello/4", range(2))
    np.save(data / "hello/4/1.npy", np.full(225, "x"))
    np.save(data / "hello/5.npy", np.zeros((3, 225)))
    cache = import_frames(data, tmp_path / "o.parquet")
    assert cache.sample_ids == ["bye/0", "bye/1", "hello/0", "hello/1"]
    assert {entry.source: entry.reason for entry in cache.header.skipped} == {
        "bye/2": "empty",
        "bye/3": "frame file: unreadable",
        "bye/4": "frame file: unreadable",
        "bye/5": "frame file: unreadable",
        "hello/2": "frame file: Python objects",
        "hello/3": "no landmark",
        "hello/4": "frame file: no numbers",
        "hello/5.npy": "not in a sequence folder",
    }


def test_classes_with_fewer_than_two_samples_are_removed_and_named(tmp_path, data):
    _sequence(data / "once/0", range(3))
    (data / "never/0").mkdir(parents=True)
    cache = import_frames(data, tmp_path / "o.parquet")
    assert cache.classes == ("bye", "hello")
    assert removed_classes(cache) == ["never", "once"]
    assert ("once/0", "class of fewer than 2 samples") in [(each.source, each.reason) for each in cache.header.skipped]


def test_classes_are_read_in_the_order_given(tmp_path, data):
    assert import_frames(data, tmp_path / "o.parquet", classes=["hello", "bye"]).classes == ("hello", "bye")
    assert import_frames(data, tmp_path / "o.parquet", classes=["hello"]).sample_ids == ["hello/0", "hello/1"]
    with pytest.raises(SignportError, match=r"no clip of class 'why'; the classes are: bye, hello"):
        import_frames(data, tmp_path / "o.parquet", classes=["why"])


def _replace(data: Path, name: str, content: np.ndarray) -> None:
    np.save(data / name, content)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bye/0/5.npy", np.ones(224), r"5\.npy: 224 numbers, but 0\.npy has 225; give frames of one width"),
        ("bye/0/5.npy", np.full(225, np.inf), r"5\.npy: value \[0\] is inf; give a finite coordinate"),
        ("bye/0/5.npy", np.full(225, 1e60), r"5\.npy: value \[0\] is 1e\+60"),
        ("bye/0/05.npy", np.ones(225), r"5\.npy: frame 5 is there twice, the other is 0?5\.npy"),
        ("bye/0/notes.npy", np.ones(225), r"notes\.npy: not numbered"),
        ("bye/0/30000.npy", np.ones(225), r"30000\.npy: frame 30000, while the sequence starts at 0"),
    ],
)
def test_a_file_that_does_not_fit_is_an_error_that_names_it(tmp_path, data, name, content, message):
    _replace(data, name, content)
    (tmp_path / "o.parquet").write_bytes(b"earlier")
    with pytest.raises(SignportError, match=message) as raised:
        import_frames(data, tmp_path / "o.parquet")
    assert "\n" not in str(raised.value)
    assert (tmp_path / "o.parquet").read_bytes() == b"earlier"


def test_sequences_of_another_width_are_an_error(tmp_path, data):
    _sequence(data / "hello/2", range(3), 258)
    with pytest.raises(SignportError, match=r"2: 258 numbers a frame, but .*0 has 225; import files of one width"):
        import_frames(data, tmp_path / "o.parquet")
    with pytest.raises(
        SignportError, match=r"bye/0: 225 numbers a frame; expected 258, as layout pose_visibility_hands"
    ):
        import_frames(data, tmp_path / "o.parquet", layout="pose_visibility_hands")


def test_a_width_found_late_is_an_error_too(tmp_path, data):
    for number in range(2, 12):
        _sequence(data / f"bye/{number:02}", range(1))
    _sequence(data / "hello/2", range(3), 258)
    with pytest.raises(SignportError, match="2: 258 numbers a frame; expected 225, as layout pose_hands_75 has"):
        import_frames(data, tmp_path / "o.parquet")


def test_a_folder_of_another_kind_is_refused(tmp_path):
    with pytest.raises(
        SignportError, match=r"No such file.*; give a folder that holds DIR/<action>/<sequence>/<number>"
    ):
        import_frames(tmp_path / "gone", tmp_path / "o.parquet")
    (tmp_path / "flat/a").mkdir(parents=True)
    np.save(tmp_path / "flat/a/0.npy", np.ones((3, 225)))
    with pytest.raises(SignportError, match=r"no sequence folder; expected .*import clips"):
        import_frames(tmp_path / "flat", tmp_path / "o.parquet")
    _sequence(tmp_path / "wide/a/0", range(2), 300)
    with pytest.raises(SignportError, match=r"wide/a/0: 300 numbers a frame; expected 226 .*, 225 \(pose_hands_75\)"):
        import_frames(tmp_path / "wide", tmp_path / "o.parquet")
    (tmp_path / "torn/a/0").mkdir(parents=True)
    (tmp_path / "torn/a/0/0.npy").write_bytes(b"")
    with pytest.raises(SignportError, match=r"none of 1 clips can be read .*a/0: frame file: unreadable"):
        import_frames(tmp_path / "torn", tmp_path / "o.parquet")
    _sequence(tmp_path / "single/a/0", range(2))
    with pytest.raises(SignportError, match=r"no class has 2 clips \(1 x class of fewer than 2 samples, first a/0\)"):
        import_frames(tmp_path / "single", tmp_path / "o.parquet")
    with pytest.raises(SignportError, match="workers is 0"):
        import_frames(tmp_path / "single", tmp_path / "o.parquet", workers=0)


def _unpack(archive: Path, folder: Path, wanted: tuple[str, ...]) -> Path:
    """Unpacks the files below the folders that are wanted, up to the last of them."""
    found = 0
    with tarfile.open(archive) as file:
        for member in file:
            if member.isfile() and member.name.rsplit("/", 1)[0] in wanted:
                file.extract(member, folder, filter="data")
                found += 1
            if found == 30 * len(wanted):
                break
    return folder / wanted[0].split("/")[0]


def _distances(cache: LandmarkCache, side: str, pose_side: str) -> np.ndarray:
    """Of every frame with this hand: how far its wrist is from the pose's wrist of one side, in image sizes."""
    clips, points = cache.clips(), cache.topology.index
    hand, wrist = (clips[:, :, points[name], :2] for name in (f"{side}_hand.wrist", f"pose.{pose_side}_wrist"))
    distances = np.linalg.norm(hand - wrist, axis=-1)
    return distances[np.isfinite(distances)]


@pytest.mark.skipif(not ILKER.is_file(), reason="../shared/data/sequences-ilker is not on this machine")
def test_real_sequences_of_1662_numbers_have_their_hands_at_the_wrists(tmp_path):
    data = _unpack(ILKER, tmp_path, ("MP_Data/hello/1", "MP_Data/hello/2"))
    cache = import_frames(data, tmp_path / "o.parquet", topology="isl_136")
    assert cache.num_frames.tolist() == [30, 30]
    for side, other in (("left", "right"), ("right", "left")):
        assert len(_distances(cache, side, side)) > 10
        assert np.median(_distances(cache, side, side)) < 0.1 < np.median(_distances(cache, side, other))


@pytest.mark.skipif(not MSL150.is_file(), reason="../shared/data/sequences-msl150 is not on this machine")
def test_real_sequences_of_226_numbers_have_the_left_hand_first(tmp_path):
    data = _unpack(
        MSL150, tmp_path, ("sample_npy/ambulancia/1", "sample_npy/ambulancia/12", "sample_npy/ambulancia/13")
    )
    cache = import_frames(data, tmp_path / "o.parquet")
    assert cache.header.extractor["options"]["layout"] == "pose25_visibility_hands"
    assert np.isnan(cache.clips()[:, :, 25:33]).all()
    for side, other in (("left", "right"), ("right", "left")):
        assert np.median(_distances(cache, side, side)) < 0.08 < np.median(_distances(cache, side, other))
