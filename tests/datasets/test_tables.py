from pathlib import Path

import numpy as np
import pytest

from signport.datasets.cache import LandmarkCache
from signport.datasets.npz_table import import_npz
from signport.errors import SignportError
from signport.landmarks.topology import HAND

ASL_AI = Path(__file__).parents[3] / "shared/data/landmarks-asl-ai/asl-ai.npz"
LABELS = np.array([1, 0, 1, 0, 1, 1])
NAMES = np.array(["Yes", "No"])


def _points(rows: int = 6) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(rows, 21, 3)).astype(np.float32)


def _features(points: np.ndarray) -> np.ndarray:
    """The 84 features of design §2, in plain loops: not the code under test."""
    rows = []
    for hand in points.astype(np.float64):
        centred = hand - hand[0]
        scaled = centred / max(float(np.sqrt((point**2).sum())) for point in centred)
        lengths = [float(np.sqrt(((scaled[b] - scaled[a]) ** 2).sum())) for a, b in HAND.edges]
        rows.append([*scaled.ravel(), *lengths])
    return np.array(rows)


def _table(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


def test_features_become_the_scaled_wrist_centred_points(tmp_path):
    features = _features(_points())
    table = _table(tmp_path / "t.npz", features=features, labels=LABELS, label_names=NAMES)
    cache = import_npz(table, tmp_path / "t.parquet")
    assert cache.classes == ("Yes", "No")
    assert cache.labels.tolist() == LABELS.tolist()
    np.testing.assert_allclose(cache.landmarks.reshape(6, 63), features[:, :63], rtol=1e-6)
    assert np.isnan(cache.handedness).all()
    assert np.isnan(cache.world_landmarks).all()
    assert LandmarkCache.read(tmp_path / "t.parquet").digest == cache.digest


def test_features_whose_edge_lengths_disagree_are_refused_with_row_and_value(tmp_path):
    features = _features(_points())
    features[4, 63 + 9] += 0.01
    table = _table(tmp_path / "t.npz", features=features, labels=LABELS)
    with pytest.raises(
        SignportError, match=rf"t\.npz: row 4, features\[72\] is {features[4, 72]:.4f}, but edge \(5, 6\)"
    ):
        import_npz(table, tmp_path / "t.parquet")
    assert not (tmp_path / "t.parquet").exists()


def test_features_rounded_to_four_digits_are_taken(tmp_path):
    table = _table(tmp_path / "t.npz", features=_features(_points()).round(4), labels=LABELS)
    assert len(import_npz(table, tmp_path / "t.parquet")) == 6


@pytest.mark.parametrize("flat", [True, False])
def test_landmarks_keep_their_values_in_row_order(tmp_path, flat):
    points = _points()
    values = points.reshape(6, 63) if flat else points
    cache = import_npz(_table(tmp_path / "t.npz", X=values, y=NAMES[LABELS]), tmp_path / "t.parquet")
    np.testing.assert_array_equal(cache.landmarks, points)
    assert cache.classes == ("No", "Yes")
    assert cache.table["source"].to_pylist() == [f"t.npz:{row}" for row in range(6)]


def test_more_than_ten_rows_stay_in_order(tmp_path):
    points = _points(123)
    cache = import_npz(_table(tmp_path / "t.npz", X=points, y=np.arange(123) % 2), tmp_path / "t.parquet")
    np.testing.assert_array_equal(cache.landmarks, points)


def test_landmarks_without_depth_have_a_missing_z(tmp_path):
    points = _points()[:, :, :2]
    cache = import_npz(_table(tmp_path / "t.npz", X=points.reshape(6, 42), y=LABELS), tmp_path / "t.parquet")
    np.testing.assert_array_equal(cache.landmarks[:, :, :2], points)
    assert np.isnan(cache.landmarks[:, :, 2]).all()


def test_the_shape_of_the_images_behind_a_table_is_kept(tmp_path):
    table = _table(tmp_path / "t.npz", X=_points(), y=LABELS)
    cache = import_npz(table, tmp_path / "t.parquet", image_size=(1280, 720))
    assert np.unique(cache.image_sizes, axis=0).tolist() == [[1280, 720]]
    assert cache.header.extractor["options"]["image_size"] == [1280, 720]
    with pytest.raises(SignportError, match="image size is 0x720; give pixels, such as 1280x720"):
        import_npz(table, tmp_path / "u.parquet", image_size=(0, 720))


def test_whole_number_labels_stand_for_themselves_in_numeric_order(tmp_path):
    labels = np.array([10.0, 9, 2, 10, 9, 2])
    cache = import_npz(_table(tmp_path / "t.npz", X=_points(), y=labels), tmp_path / "t.parquet")
    assert cache.classes == ("2", "9", "10")


def test_groups_and_keys_can_be_named(tmp_path):
    table = _table(tmp_path / "t.npz", a=_points(), b=LABELS, c=NAMES, who=np.array([1, 1, 2, 2, 3, 3]))
    cache = import_npz(table, tmp_path / "t.parquet", features_key="a", labels_key="b", names_key="c", group_key="who")
    assert cache.groups == ["1", "1", "2", "2", "3", "3"]
    with pytest.raises(SignportError, match="no array 'signer' for the groups; it holds a, b, c, who"):
        import_npz(table, tmp_path / "t.parquet", features_key="a", labels_key="b", group_key="signer")
    with pytest.raises(SignportError, match="no array features or X for the features"):
        import_npz(table, tmp_path / "t.parquet")


def _with(values: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    changed = values.astype(np.float64)
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.zeros((6, 64)), "y": LABELS}, r"X has shape \(6, 64\); expected \(rows, 84\) features, \(rows, 63\)"),
        ({"X": np.full((6, 63), "a"), "y": LABELS}, "X has type <U1; it needs numbers"),
        ({"X": _with(_points(), (3, 2, 1), np.inf), "y": LABELS}, r"row 3, column X\[7\]: inf is not a finite number"),
        ({"X": _with(_points(), (5, 0, 0), np.nan), "y": LABELS}, r"row 5, column X\[0\]: nan is not a finite number"),
        ({"X": _points(), "y": _with(LABELS, (2,), np.nan)}, "row 2, column y: nan is not a label"),
        ({"X": _points(), "y": LABELS + 0.5}, "row 0, column y: 1.5 is not a label"),
        ({"X": _points(), "y": np.array([*"ABC", "", *"AB"])}, "row 3, column y: '' is not a label"),
        ({"X": _points(), "y": np.array([*"ABC", "nan", *"AB"])}, "row 3, column y: 'nan' is not a label"),
        ({"X": _points(), "y": LABELS, "classes": NAMES[:1]}, "row 0, column y: 1 is not an index into the 1 label"),
        ({"X": _points(), "y": -LABELS, "classes": NAMES}, "row 0, column y: -1 is not an index"),
        ({"X": _points(), "y": LABELS.astype(str), "classes": NAMES}, "'1' is not one of the label names Yes, No"),
        ({"X": _points(), "y": LABELS, "classes": np.array(["a", "a"])}, "label name 'a' occurs twice"),
        ({"X": _points(), "y": LABELS, "classes": np.array(["a", "b", "c"])}, "class 'c' comes out empty"),
        ({"X": _points(), "y": LABELS[:5]}, "y has 5 entries, but X has 6 rows"),
        ({"X": _points(), "y": LABELS[:, None]}, r"y has shape \(6, 1\); it needs one label a row"),
        ({"X": _points(), "y": LABELS, "groups": np.arange(5)}, "groups has 5 entries, but X has 6 rows"),
        ({"X": _points(0), "y": LABELS[:0]}, "holds no rows"),
        ({"X": _points()}, "no array labels or y for the labels"),
        ({"X": _points(), "y": np.array(["a", None] * 3, object)}, "y is an array of Python objects, which are never"),
    ],
)
def test_a_bad_table_is_refused_with_the_place(tmp_path, arrays, message):
    output = tmp_path / "t.parquet"
    output.write_bytes(b"earlier")
    with pytest.raises(SignportError, match=rf"t\.npz: .*{message}") as raised:
        import_npz(_table(tmp_path / "t.npz", **arrays), output)
    assert "\n" not in str(raised.value)
    assert output.read_bytes() == b"earlier"


def test_a_file_that_is_no_npz_is_refused(tmp_path):
    path = tmp_path / "t.npz"
    with pytest.raises(SignportError, match="no such file"):
        import_npz(path, tmp_path / "t.parquet")
    path.write_text("x,y,label")
    with pytest.raises(SignportError, match="not an npz file"):
        import_npz(path, tmp_path / "t.parquet")
    with path.open("wb") as file:
        np.save(file, _points())
    with pytest.raises(SignportError, match="a single array, not an npz table"):
        import_npz(path, tmp_path / "t.parquet")
    whole = _table(tmp_path / "w.npz", X=_points(), y=LABELS).read_bytes()
    path.write_bytes(whole[:1000])
    with pytest.raises(SignportError, match="not an npz file"):
        import_npz(path, tmp_path / "t.parquet")
    path.write_bytes(whole[:500] + b"\xff" + whole[501:])
    with pytest.raises(SignportError, match="X is damaged"):
        import_npz(path, tmp_path / "t.parquet")


@pytest.mark.skipif(not ASL_AI.is_file(), reason="../shared/data/landmarks-asl-ai is not on this machine")
def test_the_asl_ai_table_is_read_whole(tmp_path):
    cache = import_npz(ASL_AI, tmp_path / "asl.parquet")
    assert len(cache) == 10_508
    assert "".join(cache.classes) == "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    assert set(cache.per_class().values()) <= set(range(400, 412))
    with np.load(ASL_AI, allow_pickle=False) as table:
        np.testing.assert_array_equal(cache.landmarks.reshape(-1, 63), table["X"])
        assert [cache.classes[label] for label in cache.labels] == table["y"].tolist()
