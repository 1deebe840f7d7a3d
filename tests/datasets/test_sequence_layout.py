import numpy as np
import pytest

from signport.datasets.sequence_layout import LAYOUTS, columns_of, layout_for, layout_named
from signport.errors import SignportError
from signport.landmarks.topology import HOLISTIC_543, ISL_136, POSE_HANDS_75, topology_named


def _vectors(name: str, frames: int = 3) -> np.ndarray:
    """Every number its own: 1, 2, 3, … over all frames."""
    width = LAYOUTS[name].width
    return np.arange(1, frames * width + 1, dtype=np.float64).reshape(frames, width)


def _body(frames: int = 4) -> np.ndarray:
    """Landmarks of a body whose face, pose and hands lie where a person's do, (frames, 543, 3)."""
    random = np.random.default_rng(3)
    points = random.normal(0.5, 0.2, (frames, 543, 3))
    for pose, other in (("left_wrist", "left_hand.wrist"), ("right_wrist", "right_hand.wrist"), ("nose", "face.1")):
        points[:, HOLISTIC_543.index[f"pose.{pose}"]] = points[:, HOLISTIC_543.index[other]] + 0.01
    return points


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("pose_hands_75", 225),
        ("pose25_visibility_hands", 226),
        ("pose_visibility_hands", 258),
        ("isl_136", 408),
        ("holistic_543", 1629),
        ("kaggle_543", 1629),
        ("holistic_visibility", 1662),
    ],
)
def test_widths_are_those_of_the_published_formats(name, width):
    assert layout_named(name).width == width


def test_the_split_of_1662_numbers_is_pose_face_left_right():
    vectors = _vectors("holistic_visibility")
    landmarks = LAYOUTS["holistic_visibility"].landmarks(vectors)
    pose, face = vectors[:, :132].reshape(3, 33, 4), vectors[:, 132:1536].reshape(3, 468, 3)
    left, right = vectors[:, 1536:1599].reshape(3, 21, 3), vectors[:, 1599:].reshape(3, 21, 3)
    np.testing.assert_array_equal(landmarks, np.concatenate([pose[:, :, :3], face, left, right], axis=1))
    assert landmarks.dtype == np.float32


def test_the_split_of_258_numbers_leaves_visibility_out():
    vectors = _vectors("pose_visibility_hands")
    landmarks = LAYOUTS["pose_visibility_hands"].landmarks(vectors)
    assert landmarks[0, :2].tolist() == [[1, 2, 3], [5, 6, 7]]
    np.testing.assert_array_equal(landmarks[:, 33:], vectors[:, 132:].reshape(3, 42, 3))


def test_a_pose_of_25_points_leaves_the_legs_missing():
    vectors = _vectors("pose25_visibility_hands")
    landmarks = LAYOUTS["pose25_visibility_hands"].landmarks(vectors)
    assert landmarks.shape == (3, 75, 3)
    assert np.isnan(landmarks[:, 25:33]).all()
    assert landmarks[0, POSE_HANDS_75.index["pose.right_hip"]].tolist() == [97, 98, 99]
    assert landmarks[0, POSE_HANDS_75.index["left_hand.wrist"]].tolist() == [101, 102, 103]
    assert landmarks[0, POSE_HANDS_75.index["right_hand.wrist"]].tolist() == [164, 165, 166]


def test_kaggles_order_is_face_left_pose_right():
    vectors = _vectors("kaggle_543")
    landmarks = LAYOUTS["kaggle_543"].landmarks(vectors)
    rows = vectors.reshape(3, 543, 3)
    for part, start in (("face", 0), ("left_hand", 468), ("pose", 489), ("right_hand", 522)):
        where = HOLISTIC_543.part(part)
        np.testing.assert_array_equal(landmarks[:, where], rows[:, start : start + where.stop - where.start])


@pytest.mark.parametrize(
    "order", [("pose", "face", "left_hand", "right_hand"), ("face", "left_hand", "pose", "right_hand")]
)
def test_which_order_543_points_have_shows_in_the_points(order):
    body = _body()
    body[1:, HOLISTIC_543.part("left_hand")] = np.nan
    vectors = np.concatenate([body[:, HOLISTIC_543.part(part)] for part in order], axis=1).reshape(len(body), -1)
    found = layout_for([vectors[:1], vectors[1:]], "x.npy")
    assert found.name == ("holistic_543" if order[0] == "pose" else "kaggle_543")
    np.testing.assert_array_equal(found.landmarks(vectors), body.astype(np.float32))


def test_a_part_of_zeros_was_not_found_but_a_zero_is_a_coordinate():
    vectors = _vectors("isl_136")
    vectors[1, 99:162] = 0
    vectors[2, 99:101] = 0
    landmarks = LAYOUTS["isl_136"].landmarks(vectors)
    left = landmarks[:, ISL_136.part("left_hand")]
    assert np.isnan(left[1]).all()
    assert left[2, 0].tolist() == [0, 0, vectors[2, 101]]
    assert not np.isnan(np.delete(landmarks, np.s_[33:54], axis=1)).any()


def test_an_unknown_width_is_refused_with_those_that_are_known():
    with pytest.raises(
        SignportError, match=r"a\.npy: 126 numbers a frame; expected 226 .*1662 \(holistic_visibility\)"
    ):
        layout_for([np.zeros((2, 126))], "a.npy")
    with pytest.raises(SignportError, match=r"layout 'x' is unknown; choose one of: .*kaggle_543"):
        layout_named("x")


def test_a_smaller_topology_is_picked_by_name():
    layout = LAYOUTS["holistic_visibility"]
    topology, columns = columns_of("isl_136", layout)
    assert topology is ISL_136
    assert [layout.topology.points[column] for column in columns] == list(ISL_136.points)
    assert columns_of(None, layout) == (HOLISTIC_543, None)


@pytest.mark.parametrize(
    ("layout", "topology", "message"),
    [
        ("pose_hands_75", "isl_136", "61 points that the files do not hold .*first is face.61.*upper_59"),
        ("pose25_visibility_hands", "isl_136", "69 points .*choose one of: pose_hands_75, upper_59"),
        ("isl_136", "hand", "21 points that the files do not hold"),
        ("isl_136", "holistic_543", "407 points"),
        ("isl_136", "elbow", "topology 'elbow' is unknown"),
    ],
)
def test_a_topology_with_other_points_is_refused(layout, topology, message):
    with pytest.raises(SignportError, match=message):
        columns_of(topology, LAYOUTS[layout])


def test_a_pose_of_25_points_has_all_that_upper_59_wants():
    topology, columns = columns_of("upper_59", LAYOUTS["pose25_visibility_hands"])
    assert topology is topology_named("upper_59")
    assert len(columns) == 59
