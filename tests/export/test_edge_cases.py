import numpy as np
import pytest

from signport.export.edge_cases import edge_cases
from signport.landmarks.topology import HAND, POSE_HANDS_75


def test_a_hand_has_no_other_hand_to_miss():
    hands = np.random.default_rng(0).random((3, 21, 3), np.float32)
    cases = edge_cases({"landmarks": hands}, HAND)
    assert list(cases) == ["all zeros", "all missing", "huge coordinates", "tiny coordinates"]
    assert all(case["landmarks"].shape == (1, 21, 3) for case in cases.values())
    assert all(case["landmarks"].dtype == np.float32 for case in cases.values())
    assert np.isnan(cases["all missing"]["landmarks"]).all()
    np.testing.assert_allclose(cases["huge coordinates"]["landmarks"], hands[:1] * 1e6, rtol=1e-6)


@pytest.mark.parametrize(("case", "side"), [("left hand missing", "left_hand"), ("right hand missing", "right_hand")])
def test_a_missing_hand_is_missing_in_every_frame_and_nothing_else_is(case, side):
    clips = np.random.default_rng(0).random((2, 5, 75, 3), np.float32)
    found = edge_cases({"landmarks": clips}, POSE_HANDS_75)[case]["landmarks"]
    gone = np.zeros(75, bool)
    gone[POSE_HANDS_75.part(side)] = True
    assert np.isnan(found[:, :, gone]).all()
    np.testing.assert_array_equal(found[:, :, ~gone], clips[:1, :, ~gone])


def test_one_frame_is_a_clip_that_ends_at_once():
    clips = np.random.default_rng(0).random((2, 5, 75, 3), np.float32)
    found = edge_cases({"landmarks": clips}, POSE_HANDS_75)["one frame"]["landmarks"]
    np.testing.assert_array_equal(found[:, 0], clips[:1, 0])
    assert np.isnan(found[:, 1:]).all()


def test_what_is_no_landmark_stays_as_it_is_but_for_zeros():
    inputs = {"hand": np.ones((2, 21, 3), np.float32), "handedness": np.full((2, 1), 0.7, np.float32)}
    cases = edge_cases(inputs, HAND)
    assert cases["all missing"]["handedness"][0, 0] == np.float32(0.7)
    assert cases["all zeros"]["handedness"][0, 0] == 0
    assert list(edge_cases({"embedding": np.ones((2, 128), np.float32)}, HAND)) == ["all zeros"]
