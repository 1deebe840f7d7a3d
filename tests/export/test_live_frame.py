"""Frames in the layouts that cameras' loops have them in."""

import numpy as np
import pytest

from signport.errors import SignportError
from signport.export.live_frame import FrameLayout
from signport.landmarks.topology import HOLISTIC_543, ISL_136, UPPER_59

WHOLE = np.random.default_rng(4).random((543, 3), np.float32)
PARTS = {name: WHOLE[HOLISTIC_543.part(name)] for name in ("pose", "left_hand", "right_hand", "face")}


@pytest.mark.parametrize("topology", [ISL_136, UPPER_59])
def test_parts_and_the_whole_body_are_the_same_frame(topology):
    layout = FrameLayout(topology)
    np.testing.assert_array_equal(layout.convert(PARTS), layout.convert(WHOLE))
    np.testing.assert_array_equal(layout.convert(layout.convert(WHOLE)), layout.convert(WHOLE))
    assert layout.convert(WHOLE).shape == (topology.num_points, 3)


def test_iris_points_behind_the_face_are_left_out():
    with_iris = np.concatenate([PARTS["face"], np.full((10, 3), 9, np.float32)])
    layout = FrameLayout(ISL_136)
    np.testing.assert_array_equal(layout.convert({**PARTS, "face": with_iris}), layout.convert(PARTS))


def test_a_part_that_is_not_named_is_missing():
    points = FrameLayout(ISL_136).convert({name: values for name, values in PARTS.items() if name != "face"})
    assert np.isnan(points[ISL_136.part("face")]).all()
    assert np.isfinite(points[ISL_136.part("pose")]).all()


def test_a_named_layout_takes_no_other():
    layout = FrameLayout(UPPER_59, "holistic_543")
    with pytest.raises(SignportError, match="59 points; topology holistic_543 has 543"):
        layout.convert(layout.convert(WHOLE))
    with pytest.raises(SignportError, match="upper_59 lacks 77 points of the model's isl_136, such as"):
        FrameLayout(ISL_136, "upper_59")
