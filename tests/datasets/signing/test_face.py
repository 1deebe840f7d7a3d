"""The face is a face: symmetrical, and each numbered point in its place."""

import numpy as np

from signport.datasets.signing.face import Expression, face_points, make_expression
from signport.landmarks.topology import FACE_61

CALM = Expression(np.array([0.1]), np.array([2.5]), np.array([1.0]), np.array([0.0]))


def at(expression: Expression, number: int) -> np.ndarray:
    return face_points(expression)[0, FACE_61.index(number)]


def test_left_and_right_mirror():
    for right, left in ((61, 291), (78, 308), (33, 263), (133, 362), (70, 300), (107, 336), (98, 327), (159, 386)):
        np.testing.assert_allclose(at(CALM, right) * [-1, 1, 1], at(CALM, left), atol=1e-9)
        assert at(CALM, left)[0] > 0


def test_top_to_bottom():
    heights = [at(CALM, number)[1] for number in (105, 159, 145, 1, 2, 0, 13, 14, 17)]
    assert heights == sorted(heights, reverse=True)


def test_the_nose_is_in_front():
    points = face_points(CALM)[0]
    assert FACE_61[points[:, 2].argmax()] == 1


def test_mouth_and_eyes_open():
    wide = Expression(np.array([1.5]), np.array([2.5]), np.array([0.0]), np.array([0.0]))
    assert at(wide, 13)[1] - at(wide, 14)[1] > 1.4 > at(CALM, 13)[1] - at(CALM, 14)[1]
    assert at(wide, 159)[1] - at(wide, 145)[1] < 0.5 * (at(CALM, 159)[1] - at(CALM, 145)[1])


def test_expressions_stay_within_what_faces_do():
    times = np.arange(60) / 25
    for seed in range(20):
        expression = make_expression(np.random.default_rng(seed), times, 1.5)
        assert expression.mouth_open.min() >= 0
        assert expression.eyes_open.min() >= 0
        assert expression.eyes_open.max() <= 1
        assert np.isfinite(face_points(expression)).all()
