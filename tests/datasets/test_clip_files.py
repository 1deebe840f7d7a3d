import json
from pathlib import Path

import numpy as np
import pytest

from signport.datasets.clip_files import import_clips
from signport.errors import SignportError
from signport.landmarks.topology import HOLISTIC_543, ISL_136, POSE_HANDS_75


def _clip(path: Path, frames: int = 5, width: int = 408, seed: int = 0) -> np.ndarray:
    clip = np.random.default_rng(seed).uniform(0.1, 0.9, (frames, width)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, clip)
    return clip


@pytest.fixture
def data(tmp_path) -> Path:
    """Two labels with two clips of 408 numbers, of 5 to 8 frames."""
    for number, name in enumerate(["yes/b", "yes/a", "no/c", "no/d"]):
        _clip(tmp_path / "D" / f"{name}.npy", 5 + number, seed=number)
    return tmp_path / "D"


@pytest.fixture
def flat(tmp_path) -> Path:
    """Four clips in one folder, without labels."""
    for number, name in enumerate("abcd"):
        _clip(tmp_path / "F" / f"{name}.npy", seed=number)
    return tmp_path / "F"


def _label(folder: Path, labels: object) -> None:
    (folder / "file_to_label.json").write_text(json.dumps(labels))


def test_folders_are_labels_and_lengths_are_kept(tmp_path, data):
    cache = import_clips(data, tmp_path / "o.parquet")
    assert cache.sample_ids == ["no/c.npy", "no/d.npy", "yes/a.npy", "yes/b.npy"]
    assert cache.per_class() == {"no": 2, "yes": 2}
    assert cache.num_frames.tolist() == [7, 8, 6, 5]
    assert cache.header.topology == "isl_136"
    np.testing.assert_array_equal(cache.clip(2).reshape(6, 408), np.load(data / "yes/a.npy"))
    assert not (data / "file_to_label.json").exists()


def test_labels_from_folders_can_be_written_and_are_read_again(tmp_path, data):
    first = import_clips(data, tmp_path / "o.parquet", write_labels=True)
    assert json.loads((data / "file_to_label.json").read_text()) == {
        "no/c.npy": "no",
        "no/d.npy": "no",
        "yes/a.npy": "yes",
        "yes/b.npy": "yes",
    }
    assert import_clips(data, tmp_path / "again.parquet").digest == first.digest


@pytest.mark.parametrize("key", ["{}.npy", "{}"])
def test_a_file_of_labels_names_files_with_or_without_suffix(tmp_path, flat, key):
    _label(flat, {key.format(name): label for name, label in zip("abcd", ("x", 7, "x", 7), strict=True)})
    cache = import_clips(flat, tmp_path / "o.parquet")
    assert cache.sample_ids == ["a.npy", "b.npy", "c.npy", "d.npy"]
    assert [cache.classes[label] for label in cache.labels] == ["x", "7", "x", "7"]


def test_a_file_of_labels_overrules_folders_and_names_what_is_read(tmp_path, data):
    (tmp_path / "labels.json").write_text(json.dumps({"yes/a": "p", "b.npy": "p", "gone.npy": "p"}))
    cache = import_clips(data, tmp_path / "o.parquet", labels=tmp_path / "labels.json")
    assert (cache.sample_ids, cache.classes) == (["yes/a.npy", "yes/b.npy"], ("p",))
    assert [(each.source, each.reason) for each in cache.header.skipped] == [("gone.npy", "no such file")]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "not a JSON object of file names and labels"),
        ({}, "not a JSON object of file names and labels"),
        ({"a": None}, "the label of 'a' is None; give a name"),
        ({"a": True}, "the label of 'a' is True"),
        ({"a": " "}, "the label of 'a' is ' '"),
        ({"x": "1", "y": "1"}, r"none of its 2 entries names a file of .*F, such as 'a.npy'"),
        ({"a": "1", "a.npy": "2"}, r"a\.npy is labelled '1' and '2'"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, flat, labels, message):
    _label(flat, labels)
    with pytest.raises(SignportError, match=rf"file_to_label\.json: {message}"):
        import_clips(flat, tmp_path / "o.parquet")


def test_a_name_that_two_files_have_is_refused(tmp_path, data):
    _clip(data / "no/a.npy")
    _label(data, {"a": "p", "b": "p"})
    with pytest.raises(SignportError, match=r"'a' could be no/a\.npy or yes/a\.npy; name files by their path"):
        import_clips(data, tmp_path / "o.parquet")


def test_clips_without_labels_are_refused(tmp_path, flat):
    with pytest.raises(SignportError, match=r"4 clips, but nothing tells their labels; expected DIR/<label>"):
        import_clips(flat, tmp_path / "o.parquet")
    (tmp_path / "none").mkdir()
    with pytest.raises(SignportError, match=r"holds no \.npy file; expected DIR/<label>"):
        import_clips(tmp_path / "none", tmp_path / "o.parquet")
    with pytest.raises(SignportError, match=r"gone\.json: no such file"):
        import_clips(flat, tmp_path / "o.parquet", labels=tmp_path / "gone.json")


@pytest.mark.parametrize("width", [225, 226, 258, 408, 1629, 1662])
def test_every_width_is_read(tmp_path, width):
    for name in ("a/0", "a/1"):
        _clip(tmp_path / "D" / f"{name}.npy", 3, width)
    cache = import_clips(tmp_path / "D", tmp_path / "o.parquet")
    assert cache.header.extractor["options"]["numbers_a_frame"] == width
    assert cache.clips().shape == (2, 3, {408: 136, 1629: 543, 1662: 543}.get(width, 75), 3)


def test_points_may_have_an_axis_of_their_own(tmp_path, data):
    flat = import_clips(data, tmp_path / "flat.parquet")
    for path in data.glob("*/*.npy"):
        np.save(path, np.load(path).reshape(-1, 136, 3))
    assert import_clips(data, tmp_path / "points.parquet").digest == flat.digest


def test_kaggles_order_can_be_demanded(tmp_path):
    for name in ("a/0", "a/1"):
        clip = _clip(tmp_path / "D" / f"{name}.npy", 3, 1629)
    cache = import_clips(tmp_path / "D", tmp_path / "o.parquet", layout="kaggle_543", topology="pose_hands_75")
    left = clip.reshape(3, 543, 3)[:, 468:489]
    np.testing.assert_array_equal(cache.clip(0)[:, POSE_HANDS_75.part("left_hand")], left)
    with pytest.raises(SignportError, match="1629 numbers a frame; expected 408, as layout isl_136 has"):
        import_clips(tmp_path / "D", tmp_path / "o.parquet", layout="isl_136")


def test_parts_of_zeros_and_missing_numbers_are_missing(tmp_path, data):
    clip = np.load(data / "no/c.npy")
    clip[2, 99:162] = 0
    clip[3] = np.nan
    np.save(data / "no/c.npy", clip)
    found = import_clips(data, tmp_path / "o.parquet").clip(0)
    assert np.isnan(found[2, ISL_136.part("left_hand")]).all()
    assert np.isnan(found[3]).all()
    assert not np.isnan(found[[0, 1, 4, 5, 6]]).any()


def test_a_clip_that_cannot_be_read_is_skipped_and_named(tmp_path, data):
    (data / "yes/torn.npy").write_bytes((data / "yes/a.npy").read_bytes()[:-100])
    np.save(data / "yes/objects.npy", np.array([[1], [2, 3]], object), allow_pickle=True)
    np.save(data / "yes/zeros.npy", np.zeros((4, 408)))
    np.save(data / "yes/none.npy", np.zeros((0, 408)))
    np.save(data / "loose.npy", np.ones((4, 408)))
    _clip(data / "once/x.npy")
    cache = import_clips(data, tmp_path / "o.parquet", workers=2)
    assert len(cache) == 4
    assert {each.source: each.reason for each in cache.header.skipped} == {
        "loose.npy": "not in a class folder",
        "once/x.npy": "class of fewer than 2 samples",
        "yes/none.npy": "empty",
        "yes/objects.npy": "Python objects",
        "yes/torn.npy": "unreadable",
        "yes/zeros.npy": "no landmark",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.ones((3, 407)), r"yes/z\.npy: 407 numbers a frame, but .*c\.npy has 408"),
        (np.ones((3, 75, 3)), r"yes/z\.npy: 225 numbers a frame, but .*c\.npy has 408"),
        (np.ones(408), r"yes/z\.npy: shape \(408,\); expected \(frames, numbers\) or \(frames, points, 3\)"),
        (np.full((3, 408), -np.inf), r"yes/z\.npy: value \[0, 0\] is -inf; give a finite coordinate"),
    ],
)
def test_a_clip_that_does_not_fit_is_an_error_that_names_it(tmp_path, data, content, message):
    np.save(data / "yes/z.npy", content)
    with pytest.raises(SignportError, match=message) as raised:
        import_clips(data, tmp_path / "o.parquet")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "o.parquet").exists()


def test_python_objects_alone_are_refused_with_what_to_do(tmp_path):
    (tmp_path / "D/a").mkdir(parents=True)
    for name in "01":
        np.save(tmp_path / f"D/a/{name}.npy", np.array([None], object), allow_pickle=True)
    with pytest.raises(SignportError, match=r"none of 2 clips can be read \(the last is a/1\.npy: Python objects\)"):
        import_clips(tmp_path / "D", tmp_path / "o.parquet")


def test_a_bigger_topology_than_the_format_has_is_refused(tmp_path, data):
    with pytest.raises(SignportError, match="topology 'holistic_543' has 407 points that the files do not hold"):
        import_clips(data, tmp_path / "o.parquet", topology=HOLISTIC_543.name)
