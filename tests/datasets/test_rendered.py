"""Rendered hands: kinematics, vocabularies, pictures."""

from dataclasses import replace

import numpy as np
import pytest

from signport.datasets.rendered import HANDSHAPES, VOCABULARIES, HandPose, pose_hand, view_rotation, vocabulary
from signport.datasets.rendered.drawing import Look, draw_hand
from signport.datasets.rendered.handshapes import NONE, outside_shapes, views
from signport.datasets.rendered.raster import HandView
from signport.datasets.rendered.scene import make_scene
from signport.datasets.rendered.signer import SIGNERS, make_signer
from signport.datasets.rendered.skeleton import MEAN_HAND
from signport.errors import SignportError

GRAY = np.full((128, 128, 3), 128, np.uint8)


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    """(5, 3): the three bones of each finger beyond its root."""
    fingers = joints[1:].reshape(5, 4, 3)
    return np.linalg.norm(np.diff(fingers, axis=1), axis=2)


def small_view(*, left: bool = False) -> HandView:
    return HandView(view_rotation(20, 10, -15), left, center=(64.0, 64.0), pixels_per_cm=4.5)


def test_bones_keep_their_length_in_any_pose():
    rng = np.random.default_rng(0)
    for number in range(20):
        proportions = make_signer(1, number).proportions
        pose = HandPose.from_vector(rng.uniform(-180, 180, 21))
        np.testing.assert_allclose(bone_lengths(pose_hand(pose, proportions).joints), proportions.bones, atol=1e-9)


def test_a_flat_hand_lies_in_its_plane_with_the_thumb_at_its_side():
    joints = pose_hand(HandPose(np.zeros((4, 4)), np.array([60.0, 0, 0, 0, 0]))).joints
    np.testing.assert_allclose(joints[8] - joints[5], [0, MEAN_HAND.bones[1].sum(), 0], atol=1e-9)
    assert joints[4, 0] > joints[8, 0] > joints[20, 0]


def test_flexion_takes_fingertips_out_of_the_palm_towards_the_viewer():
    fist = pose_hand(HANDSHAPES["S"].pose).joints
    assert (fist[[6, 10, 14, 18], 2] > 2).all()
    assert (np.linalg.norm(fist[[8, 12, 16, 20]] - fist[[5, 9, 13, 17]], axis=1) < 5).all()


@pytest.mark.parametrize(("shape", "tip"), [("F", 8), ("9", 8), ("8", 12), ("7", 16), ("6", 20), ("O", 8), ("D", 12)])
def test_the_thumb_touches_the_finger_that_the_shape_asks_for(shape, tip):
    joints = pose_hand(HANDSHAPES[shape].pose).joints
    others = [point for point in (8, 12, 16, 20) if point != tip]
    gap = np.linalg.norm(joints[4] - joints[tip])
    assert gap < 2.2
    assert gap < np.linalg.norm(joints[4] - joints[others], axis=1).min() + 0.6


@pytest.mark.parametrize(
    ("shape", "straight"),
    [
        ("A", ""), ("B", "imrp"), ("D", "i"), ("I", "p"), ("L", "i"), ("U", "im"), ("W", "imr"), ("Y", "p"),
        ("1", "i"), ("3", "im"), ("4", "imrp"), ("7", "imp"), ("8", "irp"), ("F", "mrp"), ("ILoveYou", "ip"),
    ],
)  # fmt: skip
def test_a_handshape_stretches_the_fingers_it_should(shape, straight):
    joints = pose_hand(HANDSHAPES[shape].pose).joints
    for finger, name in enumerate("imrp", start=1):
        reach = np.linalg.norm(joints[4 + 4 * finger] - joints[1 + 4 * finger]) / MEAN_HAND.bones[finger].sum()
        assert (reach > 0.97) == (name in straight), name


def test_crossed_fingers_cross_and_parallel_ones_do_not():
    def side(shape: str, point: int) -> float:
        joints = pose_hand(HANDSHAPES[shape].pose).joints
        return float(joints[point, 0] - joints[point + 4, 0])

    assert side("R", 5) > 0 > side("R", 8)
    assert side("U", 5) > 0
    assert side("U", 8) > 0


def test_vocabularies_hold_what_they_name():
    assert len(vocabulary("asl22")) == 22
    assert set(vocabulary("letters")) == {*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", NONE}
    assert set(vocabulary("digits")) == {*map(str, range(11)), NONE}
    assert len(vocabulary("canned")) == 8
    assert all(set(labels) - {NONE} <= set(HANDSHAPES) for labels in VOCABULARIES.values())
    assert all(labels[-1] == NONE for labels in VOCABULARIES.values())


def test_an_unknown_vocabulary_is_refused_by_name():
    with pytest.raises(SignportError, match=r"runes.*asl22"):
        vocabulary("runes")


@pytest.mark.parametrize("name", VOCABULARIES)
def test_none_stays_clear_of_the_vocabulary_and_of_its_lookalikes(name):
    outside = outside_shapes(name)
    assert len(outside) >= 5
    assert not set(outside) & set(vocabulary(name))
    for twins in ({"2", "V", "Victory"}, {"6", "W"}, {"0", "O"}, {"10", "Thumb_Up"}, {"9", "F"}, {"I", "J"}):
        if twins & set(vocabulary(name)):
            assert not twins & set(outside)


def test_digits_turn_their_palm_out_only_where_no_letter_looks_alike():
    assert len(views("digits", "2")) == 2
    assert len(views("asl22", "2")) == 1
    assert len(views("asl22", "5")) == 2


def test_none_holds_outside_shapes_and_relaxed_poses():
    shapes = {make_scene("digits", NONE, index, seed=2).shape for index in range(60)}
    assert "relaxed" in shapes
    assert len(shapes) > 5
    assert shapes - {"relaxed"} <= set(outside_shapes("digits"))


def test_a_left_hand_is_the_mirror_image_of_a_right_one():
    skeleton = pose_hand(HANDSHAPES["L"].pose)
    look = replace(Look(), light=(0.0, 0.5, 0.8))
    right = small_view()
    left = replace(small_view(left=True), center=(63.0, 64.0))
    mirrored = right.project(skeleton.joints)[0] * [-1, 1, 1] + [127, 0, 0]
    np.testing.assert_allclose(left.project(skeleton.joints)[0], mirrored, atol=1e-6)
    one, other = draw_hand(skeleton, right, look, GRAY), draw_hand(skeleton, left, look, GRAY)[:, ::-1]
    assert np.abs(one.astype(int) - other).mean() < 0.5
    assert np.abs(one.astype(int) - draw_hand(skeleton, left, look, GRAY)).mean() > 3


def test_a_hand_is_drawn_where_its_joints_are():
    skeleton = pose_hand(HANDSHAPES["5"].pose)
    drawn = (draw_hand(skeleton, small_view(), Look(), GRAY) != GRAY).any(axis=2)
    x, y = np.round(small_view().project(skeleton.joints)[0][:, :2]).astype(int).T
    assert drawn[y, x].mean() > 0.9
    assert 0.05 < drawn.mean() < 0.5


def test_a_hand_outside_the_picture_leaves_the_background_as_it_is():
    away = replace(small_view(), center=(5000.0, 5000.0))
    np.testing.assert_array_equal(draw_hand(pose_hand(HANDSHAPES["A"].pose), away, Look(), GRAY), GRAY)


def test_all_joints_lie_in_the_picture():
    for label in vocabulary("letters"):
        for index in range(5):
            joints = make_scene("letters", label, index, seed=4, size=200).joints()[:, :2]
            assert (joints > 0).all()
            assert (joints < 200).all()


def test_signers_differ_and_take_turns():
    scenes = [make_scene("asl22", "A", index, seed=0) for index in range(SIGNERS + 1)]
    assert len({scene.signer.name for scene in scenes}) == SIGNERS >= 12
    assert scenes[0].signer.name == scenes[SIGNERS].signer.name
    assert scenes[0].signer.skin == scenes[SIGNERS].signer.skin
    assert len({scene.signer.skin for scene in scenes}) == SIGNERS
    assert {scene.view.left for scene in scenes} == {True, False}
    np.testing.assert_array_equal(scenes[3].signer.habit("A"), make_signer(0, 3).habit("A"))
    assert np.abs(scenes[3].signer.habit("A") - scenes[4].signer.habit("A")).max() > 1


def test_a_scene_depends_on_seed_class_and_index():
    first = make_scene("letters", "C", 7, seed=1, size=96).draw()
    np.testing.assert_array_equal(first, make_scene("letters", "C", 7, seed=1, size=96).draw())
    for other in (("O", 7, 1), ("C", 8, 1), ("C", 7, 2)):
        label, index, seed = other
        assert np.abs(first.astype(int) - make_scene("letters", label, index, seed=seed, size=96).draw()).mean() > 5
